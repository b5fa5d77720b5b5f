/* Catastrophic forgetting as a method: all weights go on training on the images that remain. */
#include "unlearn/methods.h"

const struct method method_finetune = {
    .name = "finetune",
    .summary = "all weights trained on the retained images",
    .reads = GROUP_MODEL | GROUP_WEIGHTS | GROUP_TRAIN | GROUP_SEED,
    .starts_from_weights = true,
    .training = TRAIN_RECIPE,
};
