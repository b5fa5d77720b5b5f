/* Optimizer steps on a network's flat vectors, straight on the kernels. */
#ifndef GOLDEN_STEPPER_H
#define GOLDEN_STEPPER_H

#include "golden/golden.h"

struct golden_stepper;

struct golden_stepper_settings {
    enum op_kind kind; /* OP_sgd_step or OP_adam_step */
    double lr, momentum, decay;
    bool is_decoupled;
};
/* Both end the running test on failure. Masks are those of the parameters at creation. */
struct golden_stepper *golden_stepper_create(const struct golden_network *network,
                                             const struct golden_stepper_settings *settings);
void golden_stepper_step(struct golden_stepper *stepper);
void golden_stepper_destroy(struct golden_stepper *stepper);

#endif
