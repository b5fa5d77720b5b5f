/* Low-rank adapters and the head trained on the images that remain; the base is frozen
 * (arXiv:2411.11907). */
#include "unlearn/methods.h"

const struct method method_lora = {
    .name = "lora",
    .summary = "low-rank adapters and the head trained on the retained images",
    .reads = GROUP_MODEL | GROUP_WEIGHTS | GROUP_TRAIN | GROUP_LORA | GROUP_SEED,
    .starts_from_weights = true,
    .adapts = true,
    .training = TRAIN_RECIPE,
};
