/* A convolution's three parts as products of patches. What rows of them are multiplied with is as
 * wide as they are. */
#include "kernels/cuda/patches.h"

#include "base/arena.h"
#include "kernels/cuda/cuda.h"

#include <stdio.h>
#include <stdlib.h>

/* More than any layer of our networks wants with 128 images, and less than a GPU has. */
static const size_t most_workspace_bytes = (size_t)2 << 30;

static int64_t width_of(const struct gpu_convolution *g)
{
    return (g->r * g->s * g->c + PATCHES_PACK - 1) / PATCHES_PACK * PATCHES_PACK;
}

size_t cuda_patches_bytes(const struct gpu_convolution *g)
{
    bool is_bf16 = g->math == GPU_MATH_BF16 && g->part != GPU_CONVOLUTION_BACKWARD_DATA;
    size_t n = (size_t)(g->n * g->p * g->q * width_of(g));

    return memory_padded(n * dtype_bytes(is_bf16 ? DTYPE_BF16 : DTYPE_F32));
}

/* The padded weight or its gradient, behind the patches; 0 where the caller's own is as wide. */
static size_t weight_bytes(const struct gpu_convolution *g)
{
    size_t width = (size_t)width_of(g);

    return width == (size_t)(g->r * g->s * g->c)
               ? 0
               : memory_padded((size_t)g->k * width * sizeof(float));
}

static struct gpu_product product_of(const struct cuda_patches *p)
{
    const struct gpu_convolution *g = &p->convolution;
    int64_t n_rows = g->n * g->p * g->q;
    struct gpu_product product = {
        .math = g->math, .factor = 1, .alignment = g->alignment, .is_out_bf16 = g->is_out_bf16};

    switch (g->part) {
    case GPU_CONVOLUTION_FORWARD: /* y = patches · weightᵀ */
        product.m = n_rows, product.n = g->k, product.k = p->width;
        product.is_right_transposed = true;
        break;
    case GPU_CONVOLUTION_BACKWARD_DATA: /* patches = d_y · weight */
        product.m = n_rows, product.n = p->width, product.k = g->k;
        product.is_out_bf16 = false;
        break;
    default: /* d_weight = d_yᵀ · patches */
        product.m = g->k, product.n = p->width, product.k = n_rows;
        product.is_left_transposed = true;
    }
    return product;
}

enum status cuda_patches_prepare(struct device *device, const struct gpu_convolution *convolution,
                                 struct prepared **out)
{
    enum status status = STATUS_OK;
    struct cuda_patches *p = NULL;
    struct prepared *prepared = NULL;

    TRY_ALLOC(p, heap_alloc(1, sizeof *p));
    p->convolution = *convolution;
    p->dtype = convolution->math == GPU_MATH_BF16 ? DTYPE_BF16 : DTYPE_F32;
    p->width = width_of(convolution);
    p->patches_bytes = cuda_patches_bytes(convolution);
    p->weight_bytes = weight_bytes(convolution);
    if (p->patches_bytes > most_workspace_bytes)
        TRY(fail(STATUS_UNSUPPORTED,
                 "a convolution by patches needs %zu bytes of scratch, but only %zu are allowed",
                 p->patches_bytes, most_workspace_bytes));
    const struct gpu_product product = product_of(p);
    TRY(cuda_product_prepare(device, &product, &prepared));
    struct cuda_prepared *ours = (struct cuda_prepared *)prepared;
    snprintf(ours->name, sizeof ours->name, "%.48s of patches", prepared->implementation);
    prepared->implementation = ours->name;
    prepared->workspace_bytes += p->patches_bytes + p->weight_bytes;
    ours->patches = p;
    p = NULL;
    *out = prepared;
done:
    free(p);
    return status;
}

/* Operands of one run, and what lies in its workspace. */
struct places {
    struct patches patches;
    void *weight; /* [K, width]; the caller's own where it is as wide */
    bool is_padded;
    struct span rest;
};

static struct places places_of(const struct cuda_patches *p, const struct gpu_operands *operands)
{
    const struct gpu_convolution *g = &p->convolution;
    char *workspace = operands->workspace.data;
    size_t used = p->patches_bytes + p->weight_bytes;

    return (struct places){
        .patches = {.dtype = p->dtype,
                    .rows = workspace,
                    .n = g->n,
                    .h = g->h,
                    .w = g->w,
                    .c = g->c,
                    .r = g->r,
                    .s = g->s,
                    .p = g->p,
                    .q = g->q,
                    .width = p->width,
                    .stride = g->stride,
                    .padding = g->padding},
        .weight = workspace + p->patches_bytes,
        .is_padded = p->weight_bytes > 0,
        .rest = {workspace + used, operands->workspace.bytes - used},
    };
}

/* The weight, as wide as patches are. */
static enum status widen_weight(struct queue *queue, const struct cuda_patches *p,
                                const struct places *places, const void **weight)
{
    const struct gpu_convolution *g = &p->convolution;
    const struct row_copy widening = {.dtype = p->dtype,
                                      .from = *weight,
                                      .to = places->weight,
                                      .n_rows = g->k,
                                      .from_width = g->r * g->s * g->c,
                                      .to_width = p->width};

    if (!places->is_padded)
        return STATUS_OK;
    *weight = places->weight;
    return cuda_row_copy_launch(queue->stream, &widening);
}

static enum status run_forward(struct queue *queue, const struct prepared *prepared,
                               const struct gpu_operands *operands, struct places *places)
{
    enum status status = STATUS_OK;
    const struct cuda_patches *p = ((const struct cuda_prepared *)prepared)->patches;
    struct gpu_operands product = *operands;

    places->patches.map = (void *)operands->left;
    product.left = places->patches.rows;
    product.workspace = places->rest;
    TRY(cuda_patches_spread_launch(queue->stream, &places->patches));
    TRY(widen_weight(queue, p, places, &product.right));
    TRY(cuda_library_run(queue, prepared, &product));
done:
    return status;
}

static enum status run_backward_data(struct queue *queue, const struct prepared *prepared,
                                     const struct gpu_operands *operands, struct places *places)
{
    enum status status = STATUS_OK;
    const struct cuda_patches *p = ((const struct cuda_prepared *)prepared)->patches;
    struct gpu_operands product = *operands;

    places->patches.map = operands->out;
    product.out = places->patches.rows;
    product.workspace = places->rest;
    TRY(widen_weight(queue, p, places, &product.right));
    TRY(cuda_library_run(queue, prepared, &product));
    TRY(cuda_patches_sum_launch(queue->stream, &places->patches));
done:
    return status;
}

static enum status run_backward_weight(struct queue *queue, const struct prepared *prepared,
                                       const struct gpu_operands *operands, struct places *places)
{
    enum status status = STATUS_OK;
    const struct cuda_patches *p = ((const struct cuda_prepared *)prepared)->patches;
    const struct gpu_convolution *g = &p->convolution;
    struct gpu_operands product = *operands;
    const struct row_copy narrowing = {.dtype = DTYPE_F32,
                                       .from = places->weight,
                                       .to = operands->out,
                                       .n_rows = g->k,
                                       .from_width = p->width,
                                       .to_width = g->r * g->s * g->c};

    places->patches.map = (void *)operands->right;
    product.right = places->patches.rows;
    product.out = places->is_padded ? places->weight : operands->out;
    product.workspace = places->rest;
    TRY(cuda_patches_spread_launch(queue->stream, &places->patches));
    TRY(cuda_library_run(queue, prepared, &product));
    if (places->is_padded)
        TRY(cuda_row_copy_launch(queue->stream, &narrowing));
done:
    return status;
}

enum status cuda_patches_run(struct queue *queue, const struct prepared *prepared,
                             const struct gpu_operands *operands)
{
    const struct cuda_patches *p = ((const struct cuda_prepared *)prepared)->patches;
    struct places places = places_of(p, operands);

    switch (p->convolution.part) {
    case GPU_CONVOLUTION_FORWARD:
        return run_forward(queue, prepared, operands, &places);
    case GPU_CONVOLUTION_BACKWARD_DATA:
        return run_backward_data(queue, prepared, operands, &places);
    default:
        return run_backward_weight(queue, prepared, operands, &places);
    }
}
