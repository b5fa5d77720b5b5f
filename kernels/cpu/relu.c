/* ReLU and its gradient. */
#include "kernels/cpu/elementwise.h"

VECTORISED static void relu_range(const struct elementwise *at, int64_t n)
{
    const float *x = at->a;
    float *y = at->y;

#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] <= 0.0f ? 0.0f : x[i]; /* false for NaN, which therefore stays */
}

VECTORISED static void relu_gradient_range(const struct elementwise *at, int64_t n)
{
    const float *y = at->a, *d_y = at->b;
    float *d_x = at->y;

#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        d_x[i] = y[i] > 0.0f ? d_y[i] : 0.0f;
}

enum status cpu_relu_forward_prepare(struct device *device, const struct relu_forward *op,
                                     struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_relu_forward_run(struct queue *queue, const struct prepared *prepared,
                                 const struct relu_forward *op)
{
    (void)prepared;
    const struct elementwise all = {.a = op->x.data, .y = op->y.data};

    elementwise_run(queue, &all, tensor_elements(&op->x), relu_range);
    return STATUS_OK;
}

enum status cpu_relu_backward_prepare(struct device *device, const struct relu_backward *op,
                                      struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_relu_backward_run(struct queue *queue, const struct prepared *prepared,
                                  const struct relu_backward *op)
{
    (void)prepared;
    const struct elementwise all = {.a = op->y.data, .b = op->d_y.data, .y = op->d_x.data};

    elementwise_run(queue, &all, tensor_elements(&op->y), relu_gradient_range);
    return STATUS_OK;
}
