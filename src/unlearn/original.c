/* The base model as it is: what every method is compared with before it acts. */
#include "unlearn/methods.h"

static const struct program program = {
    .starts_from_weights = true,
};
const struct method method_original = {
    .name = "original",
    .summary = "no training: the base model itself",
    .program = &program,
};
