/* Sums over rows in float64: gradients of biases. */
#ifndef KERNELS_CPU_COLUMN_SUMS_H
#define KERNELS_CPU_COLUMN_SUMS_H

#include "kernels/cpu/cpu.h"

size_t column_sums_workspace(const struct tensor *values); /* bytes */
/* sums[k] = Σ over rows of values[.., k]. */
void column_sums(const struct queue *queue, const struct tensor *values, void *workspace,
                 float *sums);

/* sums[k] = Σ over chunks of partial[chunk, k], in the order of the chunks; a row of `partial` has
 * `stride` elements. */
void column_sums_gather(const double *partial, int64_t stride, int64_t n, float *sums);

#endif
