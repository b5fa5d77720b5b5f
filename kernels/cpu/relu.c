/* ReLU and its gradient. */
#include "kernels/cpu/cpu.h"

VECTORISED static void relu_range(const float *x, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] <= 0.0f ? 0.0f : x[i]; /* false for NaN, which therefore stays */
}

VECTORISED static void relu_gradient_range(const float *y, const float *d_y, float *d_x, int64_t n)
{
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

enum status cpu_relu_forward_run(struct device *device, struct prepared *prepared,
                                 const struct relu_forward *op)
{
    (void)prepared;
    const float *x = op->x.data;
    float *y = op->y.data;
    int64_t n = tensor_elements(&op->x);

#pragma omp parallel for schedule(static) num_threads(cpu_threads(device, n))
    for (int i = 0; i < CPU_CHUNKS; i++) {
        struct range range = cpu_chunk(n, i);
        relu_range(x + range.begin, y + range.begin, range.end - range.begin);
    }
    return STATUS_OK;
}

enum status cpu_relu_backward_prepare(struct device *device, const struct relu_backward *op,
                                      struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_relu_backward_run(struct device *device, struct prepared *prepared,
                                  const struct relu_backward *op)
{
    (void)prepared;
    const float *y = op->y.data, *d_y = op->d_y.data;
    float *d_x = op->d_x.data;
    int64_t n = tensor_elements(&op->y);

#pragma omp parallel for schedule(static) num_threads(cpu_threads(device, n))
    for (int i = 0; i < CPU_CHUNKS; i++) {
        struct range range = cpu_chunk(n, i);
        relu_gradient_range(y + range.begin, d_y + range.begin, d_x + range.begin,
                            range.end - range.begin);
    }
    return STATUS_OK;
}
