/* PruneLoRA (arXiv:2411.11907): prune first, then adapt, then unlearn. */
#include "unlearn/methods.h"

static const struct program program = {
    .starts_from_weights = true,
    .prunes = true,
    .adapts = true,
    .phase = {.n_streams = 1, .streams = {{ROWS_RETAIN, {1, TARGET_LABEL}}}},
};
const struct method method_prune_lora = {
    .name = "prune_lora",
    .summary = "structured pruning, then adapters and the head trained on the retained images",
    .program = &program,
};
