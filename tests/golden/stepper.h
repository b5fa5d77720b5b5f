/* Optimizer steps on a network's flat vectors, straight on the kernels. */
#ifndef GOLDEN_STEPPER_H
#define GOLDEN_STEPPER_H

#include "golden/golden.h"

struct stepper;

struct stepper_settings {
    enum op_kind kind; /* OP_sgd_step or OP_adam_step */
    double lr, momentum, decay;
    bool is_decoupled;
};
/* Both end the running test on failure. Masks are those of the parameters at creation. */
struct stepper *stepper_create(const struct golden_network *network,
                               const struct stepper_settings *settings);
void stepper_step(struct stepper *stepper);
void stepper_destroy(struct stepper *stepper);

#endif
