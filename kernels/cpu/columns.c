/* A part of the columns: added to, taken out. */
#include "kernels/cpu/cpu.h"

#include <string.h>

VECTORISED static void add_part(const float *part, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t k = 0; k < n; k++)
        y[k] += part[k];
}

enum status cpu_columns_add_prepare(struct device *device, const struct columns_add *op,
                                    struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_columns_add_run(struct queue *queue, const struct prepared *prepared,
                                const struct columns_add *op)
{
    (void)prepared;
    const float *x = op->x.data, *part = op->part.data;
    int64_t n_all = tensor_columns(&op->x), n_part = tensor_columns(&op->part);
    float *y = op->y.data;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->x)))
    for (int64_t row = 0; row < tensor_rows(&op->x); row++) {
        if (y != x)
            memcpy(y + row * n_all, x + row * n_all, (size_t)n_all * sizeof *y);
        add_part(part + row * n_part, y + row * n_all + op->first, n_part);
    }
    return STATUS_OK;
}

enum status cpu_columns_take_prepare(struct device *device, const struct columns_take *op,
                                     struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_columns_take_run(struct queue *queue, const struct prepared *prepared,
                                 const struct columns_take *op)
{
    (void)prepared;
    const float *x = op->x.data;
    int64_t n_all = tensor_columns(&op->x), n_part = tensor_columns(&op->y);
    float *y = op->y.data;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->y)))
    for (int64_t row = 0; row < tensor_rows(&op->y); row++)
        memcpy(y + row * n_part, x + row * n_all + op->first, (size_t)n_part * sizeof *y);
    return STATUS_OK;
}
