/* Convolutions that leave zero filters out: the library's of fewer channels, and a move of pixels.
 */
#include "kernels/cuda/kept_rows.h"

#include "base/arena.h"
#include "kernels/cuda/cuda.h"
#include "kernels/kept_rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALIGNMENT = 256 };

/* Datasheets of H100 and H200, and a copy speed measured once: 33 trillion multiply-adds a second
 * in float32, 250 with tensor cores, against half a trillion floats to memory and back. Libraries
 * deal output channels to thread blocks by 32 at the least. Not yet measured in place. */
static struct kept_rows_rule rule_of(const struct device *device,
                                     const struct gpu_convolution *convolution)
{
    return (struct kept_rows_rule){
        .multiply_adds_per_move = device->math == GPU_MATH_FP32 ? 64 : 480,
        .lanes = 32,
        .is_summed = convolution->part == GPU_CONVOLUTION_BACKWARD_DATA,
    };
}

static enum status upload(struct device *device, const void *from, size_t bytes, void **out)
{
    enum status status = cuda_alloc(device, bytes, out);

    return status == STATUS_OK ? cuda_upload(device, *out, from, bytes) : status;
}

static enum status upload_tables(struct cuda_kept_rows *rows, const struct kept_rows *found)
{
    enum status status = STATUS_OK;
    int32_t *place = NULL;

    TRY_ALLOC(place, heap_alloc(found->n_all, sizeof *place));
    for (int64_t k = 0; k < found->n_all; k++)
        place[k] = -1;
    for (int64_t j = 0; j < found->n; j++)
        place[found->index[j]] = (int32_t)j;
    TRY(upload(rows->device, place, (size_t)found->n_all * sizeof *place, (void **)&rows->place));
    TRY(upload(rows->device, found->index, (size_t)found->n * sizeof *found->index,
               (void **)&rows->index));
done:
    free(place);
    return status;
}

static enum status rows_create(struct device *device, const struct gpu_convolution *convolution,
                               const struct kept_rows *found, struct cuda_kept_rows **out)
{
    enum status status = STATUS_OK;
    struct cuda_kept_rows *rows = NULL;
    int64_t row_elements = convolution->r * convolution->s * convolution->c;

    TRY_ALLOC(rows, heap_alloc(1, sizeof *rows));
    rows->device = device;
    rows->n = found->n;
    rows->n_all = found->n_all;
    rows->n_pixels = convolution->n * convolution->p * convolution->q;
    size_t bytes = (size_t)(rows->n_pixels * rows->n) * sizeof(float);
    rows->map_bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rows->n > 0) {
        TRY(upload_tables(rows, found));
        TRY(upload(device, found->weight, (size_t)(rows->n * row_elements) * sizeof(float),
                   (void **)&rows->weight));
    }
    *out = rows;
    rows = NULL;
done:
    cuda_kept_rows_destroy(rows);
    return status;
}

enum status cuda_kept_rows_create(struct device *device, const struct gpu_convolution *convolution,
                                  const struct tensor *weight, struct cuda_kept_rows **out)
{
    enum status status = STATUS_OK;
    const struct kept_rows_rule rule = rule_of(device, convolution);
    struct tensor copy = *weight;
    struct kept_rows found = {0};

    *out = NULL;
    TRY_ALLOC(copy.data, heap_alloc(tensor_elements(weight), sizeof(float)));
    TRY(cuda_download(device, copy.data, weight->data, tensor_bytes(weight)));
    TRY(kept_rows_create(&copy, &rule, &found));
    if (found.index != NULL)
        TRY(rows_create(device, convolution, &found, out));
done:
    kept_rows_release(&found);
    if (copy.data != weight->data)
        free(copy.data);
    return status;
}

void cuda_kept_rows_destroy(struct cuda_kept_rows *rows)
{
    if (rows == NULL)
        return;
    cuda_free(rows->device, rows->weight);
    cuda_free(rows->device, rows->index);
    cuda_free(rows->device, rows->place);
    free(rows);
}

/* The smaller convolution, whose map and weight are aligned as our own allocations are. */
static enum status plan_smaller(struct device *device, const struct gpu_convolution *convolution,
                                const struct cuda_kept_rows *rows, struct prepared **out)
{
    struct gpu_convolution smaller = *convolution;

    if (rows->n == 0)
        return cuda_prepared_create(device, 0, out);
    smaller.k = rows->n;
    return cuda_conv2d_prepare(device, &smaller, out);
}

enum status cuda_kept_rows_prepare(struct device *device, const struct gpu_convolution *convolution,
                                   struct cuda_kept_rows *rows, struct prepared **out)
{
    enum status status = STATUS_OK;
    struct prepared *prepared = NULL;

    TRY(plan_smaller(device, convolution, rows, &prepared));
    snprintf(rows->name, sizeof rows->name, "%.24s, %lld of %lld filters", prepared->implementation,
             (long long)rows->n, (long long)rows->n_all);
    prepared->implementation = rows->name;
    prepared->workspace_bytes += rows->map_bytes;
    ((struct cuda_prepared *)prepared)->rows = rows;
    *out = prepared;
    rows = NULL;
done:
    cuda_kept_rows_destroy(rows);
    return status;
}

static struct span behind_map(const struct cuda_kept_rows *rows, struct span workspace)
{
    return (struct span){(char *)workspace.data + rows->map_bytes,
                         workspace.bytes - rows->map_bytes};
}

enum status cuda_kept_rows_forward(struct device *device, struct prepared *prepared,
                                   const struct gpu_operands *operands)
{
    enum status status = STATUS_OK;
    const struct cuda_kept_rows *rows = ((struct cuda_prepared *)prepared)->rows;
    struct gpu_operands smaller = *operands;
    const struct channel_move spread = {operands->workspace.data, rows->place, operands->out,
                                        rows->n_pixels,           rows->n,     rows->n_all};

    if (rows->n == 0)
        return cuda_zero(device, operands->out,
                         (size_t)(rows->n_pixels * rows->n_all) * sizeof(float));
    smaller.right = rows->weight;
    smaller.out = operands->workspace.data;
    smaller.workspace = behind_map(rows, operands->workspace);
    TRY(cuda_plan_run(device, prepared, &smaller));
    TRY(cuda_channel_move_launch(device->stream, &spread));
done:
    return status;
}

enum status cuda_kept_rows_backward_data(struct device *device, struct prepared *prepared,
                                         const struct gpu_operands *operands, size_t out_bytes)
{
    enum status status = STATUS_OK;
    const struct cuda_kept_rows *rows = ((struct cuda_prepared *)prepared)->rows;
    struct gpu_operands smaller = *operands;
    const struct channel_move gather = {operands->left, rows->index, operands->workspace.data,
                                        rows->n_pixels, rows->n_all, rows->n};

    if (rows->n == 0)
        return cuda_zero(device, operands->out, out_bytes);
    smaller.left = operands->workspace.data;
    smaller.right = rows->weight;
    smaller.workspace = behind_map(rows, operands->workspace);
    TRY(cuda_channel_move_launch(device->stream, &gather));
    TRY(cuda_plan_run(device, prepared, &smaller));
done:
    return status;
}
