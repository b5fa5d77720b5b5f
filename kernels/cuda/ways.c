/* The ways in the order in which they are tried: what a library has ready, what goes round it
 * cheaply, then what it compiles for a second or two, and at the last patches at any price. The one
 * that is taken follows from proposals and sizes, never from a timing. */
#include "kernels/cuda/ways.h"

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/patches.h"

#include <stdio.h>

enum route {
    ROUTE_LIBRARY,
    ROUTE_WIDENED, /* a weight's gradient in bf16, then widened: summed in f32, rounded once more */
    ROUTE_PATCHES
};
static const struct way {
    enum route route;
    bool is_quick; /* nothing is compiled first, and patches are few */
} ways[] = {
    {ROUTE_LIBRARY, true},  {ROUTE_WIDENED, true},  {ROUTE_PATCHES, true},
    {ROUTE_LIBRARY, false}, {ROUTE_WIDENED, false}, {ROUTE_PATCHES, false},
};

/* By its datasheet an H200 writes and reads so much in 14 µs, and pixels may be spread at half that
 * speed: a second of compiling is worth 30 thousand steps with these patches, more than it takes to
 * unlearn. Not yet measured. */
static const size_t few_patches_bytes = (size_t)32 << 20;

bool cuda_is_product(const struct gpu_convolution *g)
{
    return conv2d_is_product(g->r, g->s, g->stride, g->padding);
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

static enum status product_prepare(struct device *device, const struct gpu_convolution *convolution,
                                   const struct cuda_multiple *multiple, struct prepared **out)
{
    struct gpu_product product = product_of(convolution);

    product.math = convolution->math;
    product.factor = multiple != NULL ? (float)multiple->factor : 1;
    product.has_addend = multiple != NULL && multiple->has_addend;
    product.is_out_bf16 = convolution->is_out_bf16;
    product.alignment = convolution->alignment;
    return cuda_product_prepare(device, &product, out);
}

static enum status library_prepare(struct device *device, const struct gpu_convolution *convolution,
                                   const struct cuda_multiple *multiple, struct prepared **out)
{
    return cuda_is_product(convolution) ? product_prepare(device, convolution, multiple, out)
                                        : cuda_convolution_prepare(device, convolution, out);
}

static enum status widened_prepare(struct device *device, const struct gpu_convolution *convolution,
                                   const struct cuda_multiple *multiple, struct prepared **out)
{
    enum status status = STATUS_OK;
    struct gpu_convolution narrow = *convolution;
    struct prepared *prepared = NULL;
    int64_t n = convolution->k * convolution->r * convolution->s * convolution->c;

    narrow.is_out_bf16 = true;
    TRY(library_prepare(device, &narrow, multiple, &prepared));
    struct cuda_prepared *ours = (struct cuda_prepared *)prepared;
    snprintf(ours->name, sizeof ours->name, "%s, widened", prepared->implementation);
    ours->detour_bytes = memory_padded((size_t)n * dtype_bytes(DTYPE_BF16));
    prepared->workspace_bytes += ours->detour_bytes;
    prepared->implementation = ours->name;
    *out = prepared;
done:
    return status;
}

/* After another way failed, whose reason is told first if this one does too. */
static enum status patches_prepare(struct device *device, const struct gpu_convolution *convolution,
                                   struct prepared **out)
{
    char reason[512];

    snprintf(reason, sizeof reason, "%.511s", status_message());
    enum status status = cuda_patches_prepare(device, convolution, out);
    return status == STATUS_OK ? status : fail_context(status, "%s; by patches", reason);
}

static bool is_open(const struct way *way, const struct gpu_convolution *g)
{
    if (cuda_is_product(g) && (way->route == ROUTE_PATCHES || !way->is_quick))
        return false; /* nobody compiles products first */
    if (way->route == ROUTE_WIDENED)
        return g->part == GPU_CONVOLUTION_BACKWARD_WEIGHT && g->math == GPU_MATH_BF16;
    return way->route == ROUTE_LIBRARY || !way->is_quick ||
           cuda_patches_bytes(g) <= few_patches_bytes;
}

static enum status go(struct device *device, const struct way *way,
                      const struct gpu_convolution *convolution,
                      const struct cuda_multiple *multiple, struct prepared **out)
{
    struct gpu_convolution wanted = *convolution;

    wanted.wants_ready = way->is_quick;
    switch (way->route) {
    case ROUTE_LIBRARY:
        return library_prepare(device, &wanted, multiple, out);
    case ROUTE_WIDENED:
        return widened_prepare(device, &wanted, multiple, out);
    default:
        return patches_prepare(device, &wanted, out);
    }
}

/* Libraries say as they like that they lack something. That there is no memory is no reason to go
 * another way: which one is taken would depend on what else is there. */
static bool is_lacking(enum status status)
{
    return status != STATUS_OK && status != STATUS_OUT_OF_MEMORY;
}

enum status cuda_conv2d_prepare(struct device *device, const struct gpu_convolution *convolution,
                                const struct cuda_multiple *multiple, struct prepared **out)
{
    enum status status = STATUS_UNSUPPORTED;
    struct gpu_convolution wanted = *convolution;

    wanted.math = device->math;
    for (size_t i = 0; i < sizeof ways / sizeof *ways && is_lacking(status); i++)
        if (is_open(&ways[i], &wanted))
            status = go(device, &ways[i], &wanted, multiple, out);
    return status;
}
