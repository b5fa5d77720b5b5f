/* The filters of a pruned convolution that are worth computing. A zero filter's output channel is
 * zero, and its gradient reaches no input: neither needs arithmetic. What is left is a convolution
 * of fewer channels, a smaller map beside the whole one. For backends; letters as in kernels.h. */
#ifndef KERNELS_KEPT_ROWS_H
#define KERNELS_KEPT_ROWS_H

#include "kernels/kernels.h"

struct kept_rows {
    int64_t n, n_all; /* K of the filters that are left, and of all */
    int32_t *index;   /* [n] ascending, owned; NULL when all are kept */
    float *weight;    /* [n, R, S, C] owned; NULL when all are kept */
};

/* What leaving filters out costs and saves on a machine. */
struct kept_rows_rule {
    int64_t multiply_adds_per_move; /* done in the time of moving one float to memory and back */
    int64_t lanes;                  /* output channels that cost as much as one of them */
    bool is_summed; /* channels are summed over (backward data): half the lanes, half the work */
};

/* Finds the filters of a [K, R, S, C] f32 weight in host memory that are not zero, and copies them
 * if leaving the others out pays; else all are kept. Some zero filters stay, to make whole vectors
 * of channels: odd numbers of channels are slow. A rule of sizes and counts alone, never of timing.
 */
CHECKED enum status kept_rows_create(const struct tensor *weight, const struct kept_rows_rule *rule,
                                     struct kept_rows *out);
void kept_rows_release(struct kept_rows *rows);

#endif
