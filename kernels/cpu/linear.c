/* Linear layer and its gradients: matrix products by oneDNN, the bias gradient by hand. */
#include "kernels/cpu/cpu.h"

enum status cpu_linear_forward_prepare(struct device *device, const struct linear_forward *op,
                                       struct prepared **out)
{
    struct matmul_shape shape = {
        .m = op->x.shape[0],
        .n = op->weight.shape[0],
        .k = op->x.shape[1],
        .is_right_transposed = true,
        .has_bias = op->bias.data != NULL,
    };
    return plan_matmul(device->glue, &shape, out);
}

enum status cpu_linear_forward_run(struct device *device, struct prepared *prepared,
                                   const struct linear_forward *op)
{
    struct plan_memory memory = {op->x.data, op->weight.data, op->bias.data, op->y.data};
    return plan_run(device->glue, prepared, &memory, op->workspace);
}

enum status cpu_linear_backward_data_prepare(struct device *device,
                                             const struct linear_backward_data *op,
                                             struct prepared **out)
{
    struct matmul_shape shape = {
        .m = op->d_y.shape[0],
        .n = op->weight.shape[1],
        .k = op->weight.shape[0],
    };
    return plan_matmul(device->glue, &shape, out);
}

enum status cpu_linear_backward_data_run(struct device *device, struct prepared *prepared,
                                         const struct linear_backward_data *op)
{
    struct plan_memory memory = {op->d_y.data, op->weight.data, NULL, op->d_x.data};
    return plan_run(device->glue, prepared, &memory, op->workspace);
}

enum status cpu_linear_backward_weight_prepare(struct device *device,
                                               const struct linear_backward_weight *op,
                                               struct prepared **out)
{
    struct matmul_shape shape = {
        .m = op->d_y.shape[1],
        .n = op->x.shape[1],
        .k = op->x.shape[0],
        .is_left_transposed = true,
    };
    return plan_matmul(device->glue, &shape, out);
}

/* total[k] = Σ over rows of d_y[row, k], in float64. */
static void column_sums(const struct device *device, const struct tensor *d_y, float *total)
{
    enum { TILE = 16 };
    const float *values = d_y->data;
    int64_t n_rows = d_y->shape[0], n_columns = d_y->shape[1];

#pragma omp parallel for schedule(static) num_threads(cpu_threads(device, n_rows *n_columns))
    for (int64_t first = 0; first < n_columns; first += TILE) {
        double sums[TILE] = {0};
        int64_t n = n_columns - first < TILE ? n_columns - first : TILE;
        for (int64_t row = 0; row < n_rows; row++)
            for (int64_t j = 0; j < n; j++)
                sums[j] += (double)values[row * n_columns + first + j];
        for (int64_t j = 0; j < n; j++)
            total[first + j] = (float)sums[j];
    }
}

enum status cpu_linear_backward_weight_run(struct device *device, struct prepared *prepared,
                                           const struct linear_backward_weight *op)
{
    struct plan_memory memory = {op->d_y.data, op->x.data, NULL, op->d_weight.data};
    if (op->d_bias.data != NULL)
        column_sums(device, &op->d_y, op->d_bias.data);
    return plan_run(device->glue, prepared, &memory, op->workspace);
}
