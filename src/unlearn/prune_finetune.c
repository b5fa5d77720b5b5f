/* Structured pruning, then fine-tuning on the images that remain (Jia et al., arXiv:2304.04934).
 * Under mask: baked the zeros may grow back, as published. */
#include "unlearn/methods.h"

static const struct program program = {
    .starts_from_weights = true,
    .prunes = true,
    .phase = {.n_streams = 1, .streams = {{ROWS_RETAIN, {1, TARGET_LABEL}}}},
};
const struct method method_prune_finetune = {
    .name = "prune_finetune",
    .summary = "structured pruning, then all weights trained on the retained images",
    .program = &program,
};
