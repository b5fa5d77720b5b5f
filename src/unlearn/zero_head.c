/* A control that costs nothing: the forgotten class's row of the head, weight and bias, becomes
 * zero and nothing is trained. All that the features know is still there, so UA alone proves
 * nothing. The class's logit is then 0 for every image, which still wins where all other logits are
 * negative: UA can stay below 100. */
#include "unlearn/methods.h"

static const struct program program = {
    .starts_from_weights = true,
    .zeroes_head = true,
};
const struct method method_zero_head = {
    .name = "zero_head",
    .summary = "no training: the base model without the class's row of its head, as a control",
    .program = &program,
};
