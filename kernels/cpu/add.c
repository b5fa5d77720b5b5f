/* Sum of two tensors and multiplication by a number. */
#include "kernels/cpu/elementwise.h"

VECTORISED static void add_range(const struct elementwise *at, int64_t n)
{
    const float *a = at->a, *b = at->b, factor = at->factor;
    float *y = at->y;

#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + factor * b[i];
}

VECTORISED static void scale_range(const struct elementwise *at, int64_t n)
{
    const float *x = at->a, factor = at->factor;
    float *y = at->y;

#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = factor * x[i];
}

enum status cpu_add_prepare(struct device *device, const struct add *op, struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_add_run(struct queue *queue, const struct prepared *prepared, const struct add *op)
{
    (void)prepared;
    const struct elementwise all = {
        .a = op->a.data, .b = op->b.data, .factor = (float)op->factor, .y = op->y.data};

    elementwise_run(queue, &all, tensor_elements(&op->a), add_range);
    return STATUS_OK;
}

enum status cpu_scale_prepare(struct device *device, const struct scale *op, struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_scale_run(struct queue *queue, const struct prepared *prepared,
                          const struct scale *op)
{
    (void)prepared;
    const struct elementwise all = {.a = op->x.data, .factor = (float)op->factor, .y = op->y.data};

    elementwise_run(queue, &all, tensor_elements(&op->x), scale_range);
    return STATUS_OK;
}
