/* The filters of a pruned convolution that are worth computing. A zero filter's output channel is
 * zero, and its gradient reaches no input: neither needs arithmetic. What is left is a convolution
 * of fewer channels, a smaller map beside the whole one. Letters as in kernels.h. */
#ifndef KERNELS_CPU_KEPT_ROWS_H
#define KERNELS_CPU_KEPT_ROWS_H

#include "kernels/cpu/cpu.h"

struct kept_rows {
    int64_t n, n_all; /* K of the filters that are left, and of all */
    int32_t *index;   /* [n] ascending, owned; NULL when all are kept */
    float *weight;    /* [n, R, S, C] owned; NULL when all are kept */
};

/* Finds the filters of a [K, R, S, C] weight that are not zero, and copies them if leaving the
 * others out pays; else all are kept. Some zero filters stay, to make whole vectors of channels:
 * odd numbers of channels are slow. `is_summed`: channels are summed over (backward data), so that
 * half a vector of them is half the work. A rule of sizes and counts alone, never of timing. */
CHECKED enum status kept_rows_create(const struct tensor *weight, bool is_summed,
                                     struct kept_rows *out);
void kept_rows_release(struct kept_rows *rows);

/* y[pixel, index[j]] = x[pixel, j], zero elsewhere; x [n_pixels, n], y [n_pixels, n_all]. */
void kept_rows_spread(const struct kept_rows *rows, const float *x, float *y, struct range pixels);
/* y[pixel, j] = x[pixel, index[j]]; x [n_pixels, n_all], y [n_pixels, n]. */
void kept_rows_gather(const struct kept_rows *rows, const float *x, float *y, struct range pixels);

#endif
