/* Convolutions that leave zero filters out: the library's of fewer channels, and a move of pixels.
 */
#include "kernels/cuda/kept_rows.h"

#include "base/arena.h"
#include "kernels/bf16_bits.h"
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/ways.h"
#include "kernels/kept_rows.h"

#include <stdio.h>
#include <stdlib.h>

/* Datasheets of H100 and H200, and a copy speed measured once: 33 trillion multiply-adds a second
 * in float32, 250 and in bf16 395 with tensor cores, against half a trillion floats to memory and
 * back, or twice as many of bf16. Libraries deal output channels to thread blocks by 32 at the
 * least. Not yet measured in place. */
static struct kept_rows_rule rule_of(const struct device *device,
                                     const struct gpu_convolution *convolution)
{
    static const int64_t multiply_adds_per_move[] = {
        [GPU_MATH_FP32] = 64, [GPU_MATH_TF32] = 480, [GPU_MATH_BF16] = 370};

    return (struct kept_rows_rule){
        .multiply_adds_per_move = multiply_adds_per_move[device->math],
        .lanes = 32,
        .is_summed = convolution->part == GPU_CONVOLUTION_BACKWARD_DATA,
    };
}

static enum status upload(struct device *device, const void *from, size_t bytes, void **out)
{
    enum status status = cuda_alloc(device, bytes, out);

    return status == STATUS_OK ? cuda_upload(device->base.queue, *out, from, bytes) : status;
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

static enum status upload_weight(struct cuda_kept_rows *rows, const float *weight, int64_t n)
{
    enum status status = STATUS_OK;
    uint16_t *halves = NULL;

    if (rows->dtype == DTYPE_F32)
        return upload(rows->device, weight, (size_t)n * sizeof *weight, &rows->weight);
    TRY_ALLOC(halves, heap_alloc(n, sizeof *halves));
    for (int64_t i = 0; i < n; i++) /* came from bf16 and lose nothing */
        halves[i] = bf16_bits(weight[i]);
    TRY(upload(rows->device, halves, (size_t)n * sizeof *halves, &rows->weight));
done:
    free(halves);
    return status;
}

/* The weight in float32 and host memory. */
static enum status download_weight(struct device *device, const struct tensor *weight, float *to)
{
    enum status status = STATUS_OK;
    int64_t n = tensor_elements(weight);
    uint16_t *halves = NULL;

    if (weight->dtype == DTYPE_F32)
        return cuda_download(device->base.queue, to, weight->data, tensor_bytes(weight));
    TRY_ALLOC(halves, heap_alloc(n, sizeof *halves));
    TRY(cuda_download(device->base.queue, halves, weight->data, tensor_bytes(weight)));
    for (int64_t i = 0; i < n; i++)
        to[i] = bf16_value(halves[i]);
done:
    free(halves);
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
    rows->dtype = device->math == GPU_MATH_BF16 ? DTYPE_BF16 : DTYPE_F32;
    size_t bytes = (size_t)(rows->n_pixels * rows->n) * dtype_bytes(rows->dtype);
    rows->map_bytes = memory_padded(bytes);
    if (rows->n > 0) {
        TRY(upload_tables(rows, found));
        TRY(upload_weight(rows, found->weight, rows->n * row_elements));
        TRY(cuda_synchronize(device->base.queue)); /* any queue may run it from here on */
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
    copy.dtype = DTYPE_F32;
    TRY(download_weight(device, weight, copy.data));
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
        return cuda_prepared_create(0, out);
    smaller.k = rows->n;
    return cuda_conv2d_prepare(device, &smaller, NULL, out);
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

enum status cuda_kept_rows_forward(struct queue *queue, const struct prepared *prepared,
                                   const struct gpu_operands *operands)
{
    enum status status = STATUS_OK;
    const struct cuda_kept_rows *rows = ((const struct cuda_prepared *)prepared)->rows;
    struct gpu_operands smaller = *operands;
    const struct channel_move spread = {.dtype = rows->dtype,
                                        .from = operands->workspace.data,
                                        .source = rows->place,
                                        .to = operands->out,
                                        .n_pixels = rows->n_pixels,
                                        .n_from = rows->n,
                                        .n_to = rows->n_all};

    if (rows->n == 0)
        return cuda_zero(queue, operands->out,
                         (size_t)(rows->n_pixels * rows->n_all) * dtype_bytes(rows->dtype));
    smaller.right = rows->weight;
    smaller.out = operands->workspace.data;
    smaller.workspace = behind_map(rows, operands->workspace);
    TRY(cuda_plan_run(queue, prepared, &smaller));
    TRY(cuda_channel_move_launch(queue->stream, &spread));
done:
    return status;
}

enum status cuda_kept_rows_backward_data(struct queue *queue, const struct prepared *prepared,
                                         const struct gpu_operands *operands, size_t out_bytes)
{
    enum status status = STATUS_OK;
    const struct cuda_kept_rows *rows = ((const struct cuda_prepared *)prepared)->rows;
    struct gpu_operands smaller = *operands;
    const struct channel_move gather = {.dtype = rows->dtype,
                                        .from = operands->left,
                                        .source = rows->index,
                                        .to = operands->workspace.data,
                                        .n_pixels = rows->n_pixels,
                                        .n_from = rows->n_all,
                                        .n_to = rows->n};

    if (rows->n == 0)
        return cuda_zero(queue, operands->out, out_bytes);
    smaller.left = operands->workspace.data;
    smaller.right = rows->weight;
    smaller.workspace = behind_map(rows, operands->workspace);
    TRY(cuda_channel_move_launch(queue->stream, &gather));
    TRY(cuda_plan_run(queue, prepared, &smaller));
done:
    return status;
}
