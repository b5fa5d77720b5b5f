/* Sum of two tensors and multiplication by a number. */
#include "kernels/cpu/cpu.h"

VECTORISED static void add_range(const float *a, const float *b, float factor, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + factor * b[i];
}

VECTORISED static void scale_range(const float *x, float factor, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = factor * x[i];
}

enum status cpu_add_prepare(struct device *device, const struct add *op, struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_add_run(struct device *device, struct prepared *prepared, const struct add *op)
{
    (void)prepared;
    const float *a = op->a.data, *b = op->b.data;
    float *y = op->y.data, factor = (float)op->factor;
    int64_t n = tensor_elements(&op->a);

#pragma omp parallel for schedule(static) num_threads(cpu_threads(device, n))
    for (int i = 0; i < CPU_CHUNKS; i++) {
        struct range range = cpu_chunk(n, i);
        add_range(a + range.begin, b + range.begin, factor, y + range.begin,
                  range.end - range.begin);
    }
    return STATUS_OK;
}

enum status cpu_scale_prepare(struct device *device, const struct scale *op, struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_scale_run(struct device *device, struct prepared *prepared, const struct scale *op)
{
    (void)prepared;
    const float *x = op->x.data;
    float *y = op->y.data, factor = (float)op->factor;
    int64_t n = tensor_elements(&op->x);

#pragma omp parallel for schedule(static) num_threads(cpu_threads(device, n))
    for (int i = 0; i < CPU_CHUNKS; i++) {
        struct range range = cpu_chunk(n, i);
        scale_range(x + range.begin, factor, y + range.begin, range.end - range.begin);
    }
    return STATUS_OK;
}
