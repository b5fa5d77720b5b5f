/* What the front door says to operations whose tensors lie in a ref device's memory. */
#ifndef TESTS_KERNELS_REFUSAL_H
#define TESTS_KERNELS_REFUSAL_H

#include "kernels/kernels.h"

enum { ROOM = 4096 };

struct fixture {
    struct device *device;
    double memory[8][ROOM]; /* tensor i lies in memory[i] */
};

/* CMocka's group setup and teardown: *state is a struct fixture. */
int refusal_setup(void **state);
int refusal_teardown(void **state);

struct tensor refusal_real(struct fixture *fixture, int i, int n_dims, const int64_t *shape);
#define REAL(i, n_dims, ...) refusal_real(fixture, i, n_dims, (const int64_t[]){__VA_ARGS__})

/* End the test when prepare does anything else, or says anything else. */
void expect_refusal(struct fixture *fixture, enum op_kind kind, const union op_any *op,
                    const char *message);
void expect_welcome(struct fixture *fixture, enum op_kind kind, const union op_any *op);

#endif
