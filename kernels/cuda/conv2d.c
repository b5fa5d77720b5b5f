/* Convolutions by the library; 1×1 convolutions of stride 1 are matrix products over N·H·W rows,
 * and kernels of our own where input channels are few. Of frozen weights only the filters that are
 * not zero. */
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/kept_rows.h"
#include "kernels/cuda/low_rank.h"
#include "kernels/cuda/patches.h"

#include <stdio.h>

static bool is_product(const struct gpu_convolution *g)
{
    return g->r == 1 && g->s == 1 && g->stride == 1 && g->padding == 0;
}

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

/* The three parts as products, with the factors in the same order as the convolution's operands. */
static struct gpu_product product_of(const struct gpu_convolution *g)
{
    int64_t rows = g->n * g->h * g->w;

    switch (g->part) {
    case GPU_CONVOLUTION_FORWARD: /* y = x · weightᵀ */
        return (struct gpu_product){.m = rows, .n = g->k, .k = g->c, .is_right_transposed = true};
    case GPU_CONVOLUTION_BACKWARD_DATA: /* d_x = d_y · weight */
        return (struct gpu_product){.m = rows, .n = g->c, .k = g->k};
    default: /* d_weight = d_yᵀ · x */
        return (struct gpu_product){.m = g->k, .n = g->c, .k = rows, .is_left_transposed = true};
    }
}

/* What a product is besides a convolution. */
struct multiple {
    double factor;
    bool has_addend;
};

static enum status product_prepare(struct device *device, const struct gpu_convolution *convolution,
                                   const struct multiple *multiple, struct prepared **out)
{
    struct gpu_product product = product_of(convolution);

    product.math = device->math;
    product.factor = (float)multiple->factor;
    product.has_addend = multiple->has_addend;
    product.is_out_bf16 = convolution->is_out_bf16;
    product.alignment = convolution->alignment;
    return cuda_product_prepare(device, &product, out);
}

static enum status library_prepare(struct device *device, const struct gpu_convolution *convolution,
                                   struct prepared **out)
{
    static const struct multiple plain = {.factor = 1};
    struct gpu_convolution wanted = *convolution;

    wanted.math = device->math;
    return is_product(convolution) ? product_prepare(device, convolution, &plain, out)
                                   : cuda_convolution_prepare(device, &wanted, out);
}

/* After the library's own way failed, whose reason is told first if this one does too. */
static enum status patches_prepare(struct device *device, const struct gpu_convolution *convolution,
                                   struct prepared **out)
{
    struct gpu_convolution wanted = *convolution;
    char reason[512];

    snprintf(reason, sizeof reason, "%.511s", status_message());
    wanted.math = device->math;
    enum status status = cuda_patches_prepare(device, &wanted, out);
    return status == STATUS_OK ? status : fail_context(status, "%s; by patches", reason);
}

/* Whether another way is worth trying: that there is no memory is no reason to. */
static bool is_lacking(enum status status)
{
    return status != STATUS_OK && status != STATUS_OUT_OF_MEMORY;
}

enum status cuda_conv2d_prepare(struct device *device, const struct gpu_convolution *convolution,
                                struct prepared **out)
{
    enum status status = library_prepare(device, convolution, out);

    return is_lacking(status) && !is_product(convolution)
               ? patches_prepare(device, convolution, out)
               : status;
}

/* By our own kernels. In tf32 the library rounds the factors as that precision says. */
static bool is_low_rank(const struct device *device, const struct gpu_convolution *convolution)
{
    return is_product(convolution) && convolution->c <= LOW_RANK_INPUTS &&
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
                     : cuda_conv2d_prepare(device, convolution, out));
done:
    return status;
}

/* frozen: the weight if filters of it may be left out, else NULL. What has a factor or an addend
 * trains, and a product has no zero filters then. */
static enum status forward_or_data_prepare(struct device *device,
                                           const struct gpu_convolution *convolution,
                                           const struct multiple *multiple,
                                           const struct tensor *frozen, struct prepared **out)
{
    if (is_low_rank(device, convolution))
        return cuda_prepared_create(0, out);
    if (multiple->factor != 1 || multiple->has_addend)
        return product_prepare(device, convolution, multiple, out);
    return frozen != NULL ? prepare_frozen(device, convolution, frozen, out)
                          : cuda_conv2d_prepare(device, convolution, out);
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
    const struct multiple multiple = {args->factor, args->addend.data != NULL};

    convolution.part = GPU_CONVOLUTION_FORWARD;
    convolution.is_out_bf16 = args->y.dtype == DTYPE_BF16;
    convolution.stride = args->stride;
    convolution.padding = args->padding;
    return forward_or_data_prepare(
        device, &convolution, &multiple,
        args->is_weight_frozen && !args->computes_zero_rows ? &args->weight : NULL, out);
}

enum status cuda_conv2d_forward_run(struct device *device, struct prepared *prepared,
                                    const struct conv2d_forward *args)
{
    const struct gpu_operands operands = {.left = args->x.data,
                                          .right = args->weight.data,
                                          .addend = args->addend.data,
                                          .out = args->y.data,
                                          .workspace = args->workspace};

    if (is_ours(prepared))
        return cuda_low_rank_forward_launch(device->stream, args);
    if (leaves_out(prepared))
        return cuda_kept_rows_forward(device, prepared, &operands);
    return cuda_plan_run(device, prepared, &operands);
}

enum status cuda_conv2d_backward_data_prepare(struct device *device,
                                              const struct conv2d_backward_data *args,
                                              struct prepared **out)
{
    struct gpu_convolution convolution = geometry(&args->d_x, &args->weight, &args->d_y, NULL);
    const struct multiple multiple = {.factor = args->factor};

    convolution.part = GPU_CONVOLUTION_BACKWARD_DATA;
    convolution.is_out_bf16 = args->d_x.dtype == DTYPE_BF16;
    convolution.stride = args->stride;
    convolution.padding = args->padding;
    return forward_or_data_prepare(
        device, &convolution, &multiple,
        args->is_weight_frozen && !args->computes_zero_rows ? &args->weight : NULL, out);
}

enum status cuda_conv2d_backward_data_run(struct device *device, struct prepared *prepared,
                                          const struct conv2d_backward_data *args)
{
    const struct gpu_operands operands = {.left = args->d_y.data,
                                          .right = args->weight.data,
                                          .out = args->d_x.data,
                                          .workspace = args->workspace};

    if (is_ours(prepared))
        return cuda_low_rank_backward_data_launch(device->stream, args);
    if (leaves_out(prepared))
        return cuda_kept_rows_backward_data(device, prepared, &operands, tensor_bytes(&args->d_x));
    return cuda_plan_run(device, prepared, &operands);
}

static enum status weight_prepare(struct device *device, const struct conv2d_backward_weight *args,
                                  const struct gpu_convolution *convolution, struct prepared **out)
{
    const struct multiple multiple = {.factor = args->factor};

    return args->factor != 1 ? product_prepare(device, convolution, &multiple, out)
                             : library_prepare(device, convolution, out);
}

/* A weight's gradient in bf16, to be widened: summed in f32 all the same, but rounded once more. */
static enum status prepare_detour(struct device *device, const struct conv2d_backward_weight *args,
                                  const struct gpu_convolution *convolution, struct prepared **out)
{
    enum status status = STATUS_OK;
    struct tensor narrow = args->d_weight;
    struct gpu_convolution narrowing = *convolution;
    struct prepared *prepared = NULL;

    narrowing.is_out_bf16 = true;
    narrow.dtype = DTYPE_BF16;
    TRY(weight_prepare(device, args, &narrowing, &prepared));
    size_t bytes = memory_padded(tensor_bytes(&narrow));
    struct cuda_prepared *ours = (struct cuda_prepared *)prepared;
    snprintf(ours->name, sizeof ours->name, "%s, widened", prepared->implementation);
    ours->detour_bytes = bytes;
    prepared->workspace_bytes += bytes;
    prepared->implementation = ours->name;
    *out = prepared;
done:
    return status;
}

/* The library may have no way to write f32 out of bf16 maps, and say so as it likes, or only one
 * that it compiles for a second or two each: then the detour is tried first. */
static enum status prepare_in_bf16(struct device *device, const struct conv2d_backward_weight *args,
                                   struct gpu_convolution *convolution, struct prepared **out)
{
    static const struct {
        bool wants_ready, is_widened;
    } ways[] = {{true, false}, {true, true}, {false, false}, {false, true}};
    enum status status = STATUS_UNSUPPORTED;

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        convolution->wants_ready = ways[i].wants_ready;
        status = ways[i].is_widened ? prepare_detour(device, args, convolution, out)
                                    : weight_prepare(device, args, convolution, out);
        if (!is_lacking(status))
            break;
    }
    return status;
}

enum status cuda_conv2d_backward_weight_prepare(struct device *device,
                                                const struct conv2d_backward_weight *args,
                                                struct prepared **out)
{
    struct gpu_convolution convolution = geometry(&args->x, &args->d_weight, &args->d_y, NULL);

    convolution.part = GPU_CONVOLUTION_BACKWARD_WEIGHT;
    convolution.stride = args->stride;
    convolution.padding = args->padding;
    if (is_low_rank(device, &convolution))
        return cuda_prepared_create(cuda_low_rank_backward_weight_workspace(args), out);
    enum status status = device->math == GPU_MATH_BF16
                             ? prepare_in_bf16(device, args, &convolution, out)
                             : weight_prepare(device, args, &convolution, out);
    return is_lacking(status) && !is_product(&convolution)
               ? patches_prepare(device, &convolution, out)
               : status;
}

static enum status run_detour(struct device *device, struct prepared *prepared,
                              const struct conv2d_backward_weight *args)
{
    enum status status = STATUS_OK;
    size_t bytes = ((struct cuda_prepared *)prepared)->detour_bytes;
    struct span rest = {(char *)args->workspace.data + bytes, args->workspace.bytes - bytes};
    const struct gpu_operands operands = {.left = args->d_y.data,
                                          .right = args->x.data,
                                          .out = args->workspace.data,
                                          .workspace = rest};
    struct convert widening = {.x = args->d_weight, .y = args->d_weight};

    widening.x.data = args->workspace.data;
    widening.x.dtype = DTYPE_BF16;
    TRY(cuda_plan_run(device, prepared, &operands));
    TRY(cuda_convert_launch(device->stream, &widening));
done:
    return status;
}

enum status cuda_conv2d_backward_weight_run(struct device *device, struct prepared *prepared,
                                            const struct conv2d_backward_weight *args)
{
    const struct gpu_operands operands = {.left = args->d_y.data,
                                          .right = args->x.data,
                                          .out = args->d_weight.data,
                                          .workspace = args->workspace};

    if (is_ours(prepared))
        return cuda_low_rank_backward_weight_launch(device->stream, args);
    if (((struct cuda_prepared *)prepared)->detour_bytes > 0)
        return run_detour(device, prepared, args);
    return cuda_plan_run(device, prepared, &operands);
}
