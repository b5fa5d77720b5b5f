/* The network on the images set aside, between epochs of training: nothing it does shows in what
 * is trained. */
#ifndef TRAIN_VALIDATION_H
#define TRAIN_VALIDATION_H

#include "train/measure/evaluate.h"

struct validation;

struct validation_result {
    double accuracy; /* share of right predictions */
    double loss;     /* mean cross-entropy, nats per image */
};

/* Of the images of split->validation whose class is kept; *out is NULL when there are none. `arena`
 * as in evaluator_create: lent by executors that do not run meanwhile. */
CHECKED enum status validation_create(const struct network *network, const struct split *split,
                                      struct span arena, struct validation **out);
void validation_destroy(struct validation *validation); /* accepts NULL */
CHECKED enum status validation_run(struct validation *validation,
                                   struct validation_result *out); /* Blocks */

#endif
