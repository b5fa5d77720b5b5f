/* Linear layers: three matrix products by the library, the bias in the forward one's epilogue. */
#include "kernels/cuda/cuda.h"

enum status cuda_linear_forward_prepare(struct device *device, const struct linear_forward *args,
                                        struct prepared **out)
{
    const struct gpu_product product = {.math = device->math,
                                        .factor = 1,
                                        .m = tensor_rows(&args->y),
                                        .n = tensor_columns(&args->y),
                                        .k = tensor_columns(&args->x),
                                        .is_right_transposed = true,
                                        .has_bias = args->bias.data != NULL,
                                        .alignment = cuda_alignment(args->x.data, args->weight.data,
                                                                    args->y.data, args->bias.data)};

    return cuda_product_prepare(device, &product, out);
}

enum status cuda_linear_forward_run(struct queue *queue, const struct prepared *prepared,
                                    const struct linear_forward *args)
{
    const struct gpu_operands operands = {.left = args->x.data,
                                          .right = args->weight.data,
                                          .bias = args->bias.data,
                                          .out = args->y.data,
                                          .workspace = args->workspace};

    return cuda_plan_run(queue, prepared, &operands);
}

enum status cuda_linear_backward_data_prepare(struct device *device,
                                              const struct linear_backward_data *args,
                                              struct prepared **out)
{
    const struct gpu_product product = {
        .math = device->math,
        .factor = 1,
        .is_out_bf16 = args->d_x.dtype == DTYPE_BF16,

        .m = tensor_rows(&args->d_x),
        .n = tensor_columns(&args->d_x),
        .k = tensor_columns(&args->d_y),
        .alignment = cuda_alignment(args->d_x.data, args->weight.data, args->d_y.data, NULL)};

    return cuda_product_prepare(device, &product, out);
}

enum status cuda_linear_backward_data_run(struct queue *queue, const struct prepared *prepared,
                                          const struct linear_backward_data *args)
{
    const struct gpu_operands operands = {.left = args->d_y.data,
                                          .right = args->weight.data,
                                          .out = args->d_x.data,
                                          .workspace = args->workspace};

    return cuda_plan_run(queue, prepared, &operands);
}

enum status cuda_linear_backward_weight_prepare(struct device *device,
                                                const struct linear_backward_weight *args,
                                                struct prepared **out)
{
    const struct gpu_product product = {
        .math = device->math,
        .factor = 1,
        .m = args->d_weight.shape[0],
        .n = args->d_weight.shape[1],
        .k = tensor_rows(&args->x),
        .is_left_transposed = true,
        .alignment = cuda_alignment(args->x.data, args->d_y.data, args->d_weight.data, NULL)};

    return cuda_product_prepare(device, &product, out);
}

enum status cuda_linear_backward_weight_run(struct queue *queue, const struct prepared *prepared,
                                            const struct linear_backward_weight *args)
{
    enum status status = STATUS_OK;
    const struct gpu_operands operands = {.left = args->d_y.data,
                                          .right = args->x.data,
                                          .out = args->d_weight.data,
                                          .workspace = args->workspace};

    TRY(cuda_plan_run(queue, prepared, &operands));
    if (args->d_bias.data != NULL)
        TRY(cuda_linear_bias_launch(queue->stream, args));
done:
    return status;
}
