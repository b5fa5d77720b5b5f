/* Exact unlearning: the base recipe from initial values on the images that remain. */
#include "unlearn/methods.h"

static const struct program program = {
    .is_reference = true,
    .phase = {.recipe = RECIPE_BASE_TRAIN,
              .n_streams = 1,
              .streams = {{ROWS_RETAIN, {1, TARGET_LABEL}}}},
};
const struct method method_retrain = {
    .name = "retrain",
    .summary = "from scratch on the retained images by the base recipe",
    .program = &program,
};
