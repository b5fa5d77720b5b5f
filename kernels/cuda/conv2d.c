/* Convolutions by the library; 1×1 convolutions of stride 1 are matrix products over N·H·W rows,
 * and kernels of our own where input channels are few. Of frozen weights only the filters that are
 * not zero. */
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/kept_rows.h"
#include "kernels/cuda/low_rank.h"
#include "kernels/cuda/ways.h"

/* addend: NULL, or what has one more operand than others. */
static struct gpu_convolution geometry(const struct tensor *x, const struct tensor *weight,
                                       const struct tensor *y, const void *addend)
{
    return (struct gpu_convolution){
        .n = x->shape[0],
        .h = x->shape[1],
        .w = x->shape[2],
        .c = x->shape[3],
        .k = weight->shape[0],
        .r = weight->shape[1],
        .s = weight->shape[2],
        .p = y->shape[1],
        .q = y->shape[2],
        .alignment = cuda_alignment(x->data, weight->data, y->data, addend),
    };
}

/* By our own kernels. In tf32 the library rounds the factors as that precision says. */
static bool is_low_rank(const struct device *device, const struct gpu_convolution *convolution)
{
    return cuda_is_product(convolution) && convolution->c <= LOW_RANK_INPUTS &&
           device->math != GPU_MATH_TF32;
}

static bool is_ours(const struct prepared *prepared)
{
    const struct cuda_prepared *ours = (const struct cuda_prepared *)prepared;

    return ours->plan == NULL && ours->rows == NULL;
}

/* With a frozen weight, whose zero filters need not be computed. */
static enum status prepare_frozen(struct device *device, const struct gpu_convolution *convolution,
                                  const struct tensor *weight, struct prepared **out)
{
    enum status status = STATUS_OK;
    struct cuda_kept_rows *rows = NULL;

    TRY(cuda_kept_rows_create(device, convolution, weight, &rows));
    TRY(rows != NULL ? cuda_kept_rows_prepare(device, convolution, rows, out)
                     : cuda_conv2d_prepare(device, convolution, NULL, out));
done:
    return status;
}

/* frozen: the weight if filters of it may be left out, else NULL. What has a factor or an addend
 * trains. */
static enum status forward_or_data_prepare(struct device *device,
                                           const struct gpu_convolution *convolution,
                                           const struct cuda_multiple *multiple,
                                           const struct tensor *frozen, struct prepared **out)
{
    if (is_low_rank(device, convolution))
        return cuda_prepared_create(0, out);
    bool is_plain = multiple->factor == 1 && !multiple->has_addend;
    return is_plain && frozen != NULL ? prepare_frozen(device, convolution, frozen, out)
                                      : cuda_conv2d_prepare(device, convolution, multiple, out);
}

static bool leaves_out(const struct prepared *prepared)
{
    return ((const struct cuda_prepared *)prepared)->rows != NULL;
}

enum status cuda_conv2d_forward_prepare(struct device *device, const struct conv2d_forward *args,
                                        struct prepared **out)
{
    struct gpu_convolution convolution =
        geometry(&args->x, &args->weight, &args->y, args->addend.data);
    const struct cuda_multiple multiple = {args->factor, args->addend.data != NULL};

    convolution.part = GPU_CONVOLUTION_FORWARD;
    convolution.is_out_bf16 = args->y.dtype == DTYPE_BF16;
    convolution.stride = args->stride;
    convolution.padding = args->padding;
    return forward_or_data_prepare(
        device, &convolution, &multiple,
        args->is_weight_frozen && !args->computes_zero_rows ? &args->weight : NULL, out);
}

enum status cuda_conv2d_forward_run(struct queue *queue, const struct prepared *prepared,
                                    const struct conv2d_forward *args)
{
    const struct gpu_operands operands = {.left = args->x.data,
                                          .right = args->weight.data,
                                          .addend = args->addend.data,
                                          .out = args->y.data,
                                          .workspace = args->workspace};

    if (is_ours(prepared))
        return cuda_low_rank_forward_launch(queue->stream, args);
    if (leaves_out(prepared))
        return cuda_kept_rows_forward(queue, prepared, &operands);
    return cuda_plan_run(queue, prepared, &operands);
}

enum status cuda_conv2d_backward_data_prepare(struct device *device,
                                              const struct conv2d_backward_data *args,
                                              struct prepared **out)
{
    struct gpu_convolution convolution = geometry(&args->d_x, &args->weight, &args->d_y, NULL);
    const struct cuda_multiple multiple = {.factor = args->factor};

    convolution.part = GPU_CONVOLUTION_BACKWARD_DATA;
    convolution.is_out_bf16 = args->d_x.dtype == DTYPE_BF16;
    convolution.stride = args->stride;
    convolution.padding = args->padding;
    return forward_or_data_prepare(
        device, &convolution, &multiple,
        args->is_weight_frozen && !args->computes_zero_rows ? &args->weight : NULL, out);
}

enum status cuda_conv2d_backward_data_run(struct queue *queue, const struct prepared *prepared,
                                          const struct conv2d_backward_data *args)
{
    const struct gpu_operands operands = {.left = args->d_y.data,
                                          .right = args->weight.data,
                                          .out = args->d_x.data,
                                          .workspace = args->workspace};

    if (is_ours(prepared))
        return cuda_low_rank_backward_data_launch(queue->stream, args);
    if (leaves_out(prepared))
        return cuda_kept_rows_backward_data(queue, prepared, &operands, tensor_bytes(&args->d_x));
    return cuda_plan_run(queue, prepared, &operands);
}

enum status cuda_conv2d_backward_weight_prepare(struct device *device,
                                                const struct conv2d_backward_weight *args,
                                                struct prepared **out)
{
    struct gpu_convolution convolution = geometry(&args->x, &args->d_weight, &args->d_y, NULL);
    const struct cuda_multiple multiple = {.factor = args->factor};

    convolution.part = GPU_CONVOLUTION_BACKWARD_WEIGHT;
    convolution.stride = args->stride;
    convolution.padding = args->padding;
    if (is_low_rank(device, &convolution))
        return cuda_prepared_create(cuda_low_rank_backward_weight_workspace(args), out);
    return cuda_conv2d_prepare(device, &convolution, &multiple, out);
}

static enum status run_detour(struct queue *queue, const struct prepared *prepared,
                              const struct conv2d_backward_weight *args)
{
    enum status status = STATUS_OK;
    size_t bytes = ((const struct cuda_prepared *)prepared)->detour_bytes;
    struct span rest = {(char *)args->workspace.data + bytes, args->workspace.bytes - bytes};
    const struct gpu_operands operands = {.left = args->d_y.data,
                                          .right = args->x.data,
                                          .out = args->workspace.data,
                                          .workspace = rest};
    struct convert widening = {.x = args->d_weight, .y = args->d_weight};

    widening.x.data = args->workspace.data;
    widening.x.dtype = DTYPE_BF16;
    TRY(cuda_plan_run(queue, prepared, &operands));
    TRY(cuda_convert_launch(queue->stream, &widening));
done:
    return status;
}

enum status cuda_conv2d_backward_weight_run(struct queue *queue, const struct prepared *prepared,
                                            const struct conv2d_backward_weight *args)
{
    const struct gpu_operands operands = {.left = args->d_y.data,
                                          .right = args->x.data,
                                          .out = args->d_weight.data,
                                          .workspace = args->workspace};

    if (is_ours(prepared))
        return cuda_low_rank_backward_weight_launch(queue->stream, args);
    if (((const struct cuda_prepared *)prepared)->detour_bytes > 0)
        return run_detour(queue, prepared, args);
    return cuda_plan_run(queue, prepared, &operands);
}
