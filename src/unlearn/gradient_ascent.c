/* Gradient ascent (Thudi et al., "Unrolling SGD", arXiv:2109.13398): minimises −CE
 * on the images to forget, and sees no other. Nothing bounds that loss: few steps at a small
 * rate, and a batch of one class wrecks the statistics of batch norm. */
#include "unlearn/methods.h"

static const struct program program = {
    .starts_from_weights = true,
    .phase = {.n_streams = 1, .streams = {{ROWS_FORGET, {-1, TARGET_LABEL}}}},
    .defaults = {{"train.optimizer", "sgd"},
                 {"train.lr", "1e-4"},
                 {"train.weight_decay", "5e-4"},
                 {"train.batch_size", "256"},
                 {"train.augment", "crop_flip"}},
};
const struct method method_gradient_ascent = {
    .name = "gradient_ascent",
    .summary = "all weights trained to lose the images to forget",
    .program = &program,
};
