/* What gpu_convolutions checks: every convolution of every model, once. */
#ifndef TESTS_GPU_SUITE_H
#define TESTS_GPU_SUITE_H

#include "kernels/kernels.h"

#include <stdio.h>

enum { MOST_SHAPES = 512, MOST_TENSORS = 4 };

struct suite {
    struct device *device;
    double factor_epsilon; /* what factors and their sums err by */
    double result_epsilon; /* what maps, and gradients of weights, are rounded by */
    int64_t batch_size;
    struct conv { /* the three parts have three tensors each, factor, stride and padding */
        enum op_kind kind;
        int n_tensors; /* 4: with an addend */
        union op_any op;
        const char *arch;
    } shapes[MOST_SHAPES];
    int n_shapes, n_checked, n_failed;
    double *numbers; /* owned: [N_NUMBERS] normal ones, drawn once for all shapes */
    int part, n_parts;
    FILE *log;       /* owned; NULL: standard output alone */
    char *log_lines; /* owned; what it held at the start */
};

/* Fills in the shapes of all models, with and without adapters, for the suite's device and batch.
 */
CHECKED enum status suite_collect(struct suite *suite);

#endif
