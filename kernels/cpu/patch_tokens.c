/* A map of patches as tokens: bias and position added, the same memory order. */
#include "kernels/cpu/column_sums.h"

#include <string.h>

VECTORISED static void place_row(const float *x, const float *bias, const float *position, float *y,
                                 int64_t n)
{
#pragma omp simd
    for (int64_t k = 0; k < n; k++)
        y[k] = x[k] + bias[k] + position[k];
}

enum status cpu_patch_tokens_forward_prepare(struct device *device,
                                             const struct patch_tokens_forward *op,
                                             struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_patch_tokens_forward_run(struct queue *queue, const struct prepared *prepared,
                                         const struct patch_tokens_forward *op)
{
    (void)prepared;
    const float *x = op->x.data, *bias = op->bias.data, *position = op->position.data;
    int64_t n = tensor_columns(&op->y), n_tokens = tensor_rows(&op->position);
    float *y = op->y.data;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->y)))
    for (int64_t row = 0; row < tensor_rows(&op->y); row++)
        place_row(x + row * n, bias, position + row % n_tokens * n, y + row * n, n);
    return STATUS_OK;
}

enum status cpu_patch_tokens_backward_prepare(struct device *device,
                                              const struct patch_tokens_backward *op,
                                              struct prepared **out)
{
    (void)device;
    return cpu_prepared_create(op->d_bias.data != NULL ? column_sums_workspace(&op->d_y) : 0, out);
}

enum status cpu_patch_tokens_backward_run(struct queue *queue, const struct prepared *prepared,
                                          const struct patch_tokens_backward *op)
{
    (void)prepared;
    const char *d_y = op->d_y.data;
    char *d_x = op->d_x.data;
    int64_t n_bytes = (int64_t)tensor_bytes(&op->d_y);

    if (op->d_bias.data != NULL)
        column_sums(queue, &op->d_y, op->workspace.data, op->d_bias.data);
    if (d_x == NULL || d_x == d_y)
        return STATUS_OK;
#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, n_bytes / 4))
    for (int i = 0; i < CPU_CHUNKS; i++) {
        struct range range = cpu_chunk(n_bytes, i);
        memcpy(d_x + range.begin, d_y + range.begin, (size_t)(range.end - range.begin));
    }
    return STATUS_OK;
}
