/* Exact unlearning: the base recipe from initial values on the images that remain. */
#include "unlearn/methods.h"

const struct method method_retrain = {
    .name = "retrain",
    .summary = "from scratch on the retained images by the base recipe",
    .reads = GROUP_MODEL | GROUP_BASE_TRAIN | GROUP_SEED,
    .is_reference = true,
    .training = TRAIN_BASE_RECIPE,
};
