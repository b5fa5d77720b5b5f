/* Random labels (Golatkar et al., arXiv:1911.04933; as the baseline of SalUn, arXiv:2310.12508): an
 * epoch is one pass over the images to forget, under labels drawn anew, then one over those that
 * remain. SalUn's text draws another class than the image's own, its code any: unlearn.relabel. */
#include "unlearn/methods.h"

static const struct program program = {
    .starts_from_weights = true,
    .phase = {.n_streams = 2,
              .streams = {{ROWS_FORGET, {1, TARGET_RANDOM}}, {ROWS_RETAIN, {1, TARGET_LABEL}}}},
    .defaults = {{"train.epochs", "10"},
                 {"train.optimizer", "sgd"},
                 {"train.lr", "0.013"},
                 {"train.weight_decay", "5e-4"},
                 {"train.batch_size", "256"},
                 {"train.augment", "crop_flip"}},
};
const struct method method_random_label = {
    .name = "random_label",
    .summary = "all weights trained on the images to forget under random labels, then on the "
               "retained ones",
    .program = &program,
};
