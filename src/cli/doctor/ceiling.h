/* What the arithmetic of this machine can do at best: what speeds of runs are measured against. */
#ifndef CLI_CEILING_H
#define CLI_CEILING_H

#include "kernels/kernels.h"

/* 1024 × 1024 × 1024 (8192 × 8192 × 8192 on a GPU) in the precision of `settings`, through the
 * backend's linear, in operations per second. Blocks for about a quarter of a second, as does the
 * next. DEVICE when the product comes out wrong. */
CHECKED enum status ceiling_matmul(const struct backend *backend,
                                   const struct device_settings *settings, double *flops);
/* From memory to memory, through the backend's scale, in bytes read and written per second. */
CHECKED enum status ceiling_copy(const struct backend *backend,
                                 const struct device_settings *settings, double *bytes);

#endif
