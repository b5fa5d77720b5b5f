/* Linear layer and its gradients: matrix products by oneDNN, the bias gradient by hand. */
#include "kernels/cpu/column_sums.h"

enum status cpu_linear_forward_prepare(struct device *device, const struct linear_forward *op,
                                       struct prepared **out)
{
    struct matmul_shape shape = {
        .m = tensor_rows(&op->x),
        .n = op->weight.shape[0],
        .k = tensor_columns(&op->x),
        .is_right_transposed = true,
        .has_bias = op->bias.data != NULL,
    };
    return plan_matmul(device->glue, &shape, out);
}

enum status cpu_linear_forward_run(struct queue *queue, const struct prepared *prepared,
                                   const struct linear_forward *op)
{
    struct plan_memory memory = {op->x.data, op->weight.data, op->bias.data, op->y.data};
    return plan_run(queue->glue, prepared, &memory, op->workspace);
}

enum status cpu_linear_backward_data_prepare(struct device *device,
                                             const struct linear_backward_data *op,
                                             struct prepared **out)
{
    struct matmul_shape shape = {
        .m = tensor_rows(&op->d_y),
        .n = op->weight.shape[1],
        .k = op->weight.shape[0],
    };
    return plan_matmul(device->glue, &shape, out);
}

enum status cpu_linear_backward_data_run(struct queue *queue, const struct prepared *prepared,
                                         const struct linear_backward_data *op)
{
    struct plan_memory memory = {op->d_y.data, op->weight.data, NULL, op->d_x.data};
    return plan_run(queue->glue, prepared, &memory, op->workspace);
}

enum status cpu_linear_backward_weight_prepare(struct device *device,
                                               const struct linear_backward_weight *op,
                                               struct prepared **out)
{
    struct matmul_shape shape = {
        .m = tensor_columns(&op->d_y),
        .n = tensor_columns(&op->x),
        .k = tensor_rows(&op->x),
        .is_left_transposed = true,
    };
    size_t sums_bytes = op->d_bias.data != NULL ? column_sums_workspace(&op->d_y) : 0;
    enum status status = plan_matmul(device->glue, &shape, out);
    if (status == STATUS_OK && (*out)->workspace_bytes < sums_bytes)
        (*out)->workspace_bytes = sums_bytes; /* the sums are done before the product begins */
    return status;
}

enum status cpu_linear_backward_weight_run(struct queue *queue, const struct prepared *prepared,
                                           const struct linear_backward_weight *op)
{
    struct plan_memory memory = {op->d_y.data, op->x.data, NULL, op->d_weight.data};
    if (op->d_bias.data != NULL)
        column_sums(queue, &op->d_y, op->workspace.data, op->d_bias.data);
    return plan_run(queue->glue, prepared, &memory, op->workspace);
}
