/* Catastrophic forgetting as a method: all weights go on training on the images that remain. */
#include "unlearn/methods.h"

static const struct program program = {
    .starts_from_weights = true,
    .phase = {.n_streams = 1, .streams = {{ROWS_RETAIN, {1, TARGET_LABEL}}}},
};
const struct method method_finetune = {
    .name = "finetune",
    .summary = "all weights trained on the retained images",
    .program = &program,
};
