/* Moving pixels between the whole map of a pruned convolution and the smaller one of the filters
 * that are worth computing. */
#ifndef KERNELS_CPU_KEPT_ROWS_H
#define KERNELS_CPU_KEPT_ROWS_H

#include "kernels/cpu/cpu.h"
#include "kernels/kept_rows.h"

/* y[pixel, index[j]] = x[pixel, j], zero elsewhere; x [n_pixels, n], y [n_pixels, n_all]. */
void kept_rows_spread(const struct kept_rows *rows, const float *x, float *y, struct range pixels);
/* y[pixel, j] = x[pixel, index[j]]; x [n_pixels, n_all], y [n_pixels, n]. */
void kept_rows_gather(const struct kept_rows *rows, const float *x, float *y, struct range pixels);

#endif
