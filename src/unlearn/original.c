/* The base model as it is: what every method is compared with before it acts. */
#include "unlearn/methods.h"

const struct method method_original = {
    .name = "original",
    .summary = "no training: the base model itself",
    .reads = GROUP_MODEL | GROUP_WEIGHTS,
    .starts_from_weights = true,
    .training = TRAIN_NOTHING,
};
