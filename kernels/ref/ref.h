/* What the files of the reference backend share. Everything is float64, one thread, loops in the
 * order of the formula; nothing needs a plan or workspace. */
#ifndef KERNELS_REF_REF_H
#define KERNELS_REF_REF_H

#include "kernels/kernels.h"

#define REF_RUN(op)                                                                                \
    enum status ref_##op##_run(struct queue *queue, const struct prepared *prepared,               \
                               const struct op *args);
KERNEL_OPS(REF_RUN)
#undef REF_RUN

/* [rows, columns] view of a [.., C] tensor */
static inline int64_t last_size(const struct tensor *tensor)
{
    return tensor->n_dims > 0 ? tensor->shape[tensor->n_dims - 1] : 1;
}

static inline int64_t rows_of(const struct tensor *tensor)
{
    return tensor_elements(tensor) / last_size(tensor);
}

static inline void ref_fill(double *y, int64_t n, double value)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = value;
}

/* y += factor·x */
static inline void ref_accumulate(double *restrict y, const double *restrict x, double factor,
                                  int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}

#endif
