/* Low-rank adapters and the head trained on the images that remain; the base is frozen
 * (arXiv:2411.11907). */
#include "unlearn/methods.h"

static const struct program program = {
    .starts_from_weights = true,
    .adapts = true,
    .phase = {.n_streams = 1, .streams = {{ROWS_RETAIN, {1, TARGET_LABEL}}}},
};
const struct method method_lora = {
    .name = "lora",
    .summary = "low-rank adapters and the head trained on the retained images",
    .program = &program,
};
