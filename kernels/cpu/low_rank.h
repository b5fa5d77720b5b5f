/* Products of a map of few channels with a weight, added to a map of many: what an adapter does to
 * its layer's output. One read and one write of the wide map. */
#ifndef KERNELS_CPU_LOW_RANK_H
#define KERNELS_CPU_LOW_RANK_H

#include "kernels/cpu/cpu.h"

/* y[row, k] = addend[row, k] + Σ_c x[row, c] · right[c, k] */
struct low_rank_sum {
    const float *x;      /* [n_rows, n_inputs] */
    const float *right;  /* [n_inputs, right_stride], made by low_rank_right */
    const float *addend; /* [n_rows, n_outputs], NULL = zeros; may be y */
    float *y;            /* [n_rows, n_outputs] */
    int64_t n_rows, n_inputs, n_outputs;
};

/* Floats that `right` takes; rows begin at multiples of a cache line. */
int64_t low_rank_right_elements(int64_t n_outputs, int64_t n_inputs);
/* right[c, k] = factor · weight[k, c] */
void low_rank_right(const struct tensor *weight, float factor, float *right);
void low_rank_sum(const struct queue *queue, const struct low_rank_sum *sum);

#endif
