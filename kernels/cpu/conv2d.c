/* Convolution and its two gradients, by oneDNN; of frozen weights only the filters that are not
 * zero. What is multiplied or added to something is a product of our own. */
#include "kernels/cpu/kept_rows.h"
#include "kernels/cpu/low_rank.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 96 };

/* Two AVX-512 cores do 100 billion multiply-adds a second and move 10 billion floats to memory and
 * back; 16 floats are a vector. */
enum { MULTIPLY_ADDS_PER_MOVE = 10, LANES = 16 };

/* Forward or backward data. What is ours comes first in the workspace, then the plan's own: where
 * filters are left out the smaller map, where there is a factor the weight's multiple. */
struct convolution {
    struct prepared base;
    char name[NAME_BYTES];
    struct prepared *plan; /* owned; NULL when every filter is zero, and of a product of our own */
    struct kept_rows rows;
    int64_t n_pixels;
    size_t own_bytes;
    bool is_low_rank;
};

static struct conv_shape shape_of(enum conv_part part, const struct tensor *x,
                                  const struct tensor *weight, const struct tensor *y)
{
    return (struct conv_shape){
        .part = part,
        .n = x->shape[0],
        .h = x->shape[1],
        .w = x->shape[2],
        .c = x->shape[3],
        .k = weight->shape[0],
        .r = weight->shape[1],
        .s = weight->shape[2],
        .p = y->shape[1],
        .q = y->shape[2],
    };
}

static size_t padded(int64_t n_elements)
{
    return memory_padded((size_t)n_elements * sizeof(float));
}

static bool is_whole(const struct convolution *convolution)
{
    return convolution->rows.index == NULL;
}

static enum status find_rows(struct convolution *convolution, const struct conv_shape *shape,
                             const struct tensor *weight)
{
    enum status status = STATUS_OK;
    const struct kept_rows_rule rule = {.multiply_adds_per_move = MULTIPLY_ADDS_PER_MOVE,
                                        .lanes = LANES,
                                        .is_summed = shape->part == CONV_BACKWARD_DATA};

    TRY(kept_rows_create(weight, &rule, &convolution->rows));
    if (is_whole(convolution))
        return STATUS_OK;
    convolution->n_pixels = shape->n * shape->p * shape->q;
    convolution->own_bytes = padded(convolution->n_pixels * convolution->rows.n);
done:
    return status;
}

static void describe(struct convolution *convolution)
{
    const struct prepared *plan = convolution->plan;
    const char *implementation = plan != NULL ? plan->implementation : "openmp";

    if (is_whole(convolution))
        snprintf(convolution->name, sizeof convolution->name, "%s", implementation);
    else
        snprintf(convolution->name, sizeof convolution->name, "%s, %lld of %lld filters",
                 implementation, (long long)convolution->rows.n,
                 (long long)convolution->rows.n_all);
    convolution->base.implementation = convolution->name;
    convolution->base.workspace_bytes =
        convolution->own_bytes + (plan != NULL ? plan->workspace_bytes : 0);
}

void cpu_convolution_release(struct prepared *prepared)
{
    struct convolution *convolution = (struct convolution *)prepared;

    if (convolution == NULL)
        return;
    plan_release(convolution->plan);
    kept_rows_release(&convolution->rows);
    free(convolution);
}

/* frozen: the weight if it does not change, else NULL. */
static enum status convolution_create(struct device *device, struct conv_shape *shape,
                                      const struct tensor *frozen, bool computes_zero_rows,
                                      struct prepared **out)
{
    enum status status = STATUS_OK;
    struct convolution *convolution = NULL;
    const void *weight = frozen != NULL ? frozen->data : NULL;

    TRY_ALLOC(convolution, heap_alloc(1, sizeof *convolution));
    if (frozen != NULL && !computes_zero_rows)
        TRY(find_rows(convolution, shape, frozen));
    if (!is_whole(convolution)) {
        shape->k = convolution->rows.n;
        weight = convolution->rows.weight;
    }
    if (shape->k > 0)
        TRY(plan_conv2d(device->glue, shape, weight, &convolution->plan));
    describe(convolution);
    *out = &convolution->base;
    convolution = NULL;
done:
    cpu_convolution_release((struct prepared *)convolution);
    return status;
}

static enum status run_plan(struct queue *queue, const struct convolution *convolution,
                            const struct plan_memory *memory, struct span workspace)
{
    struct span rest = {(char *)workspace.data + convolution->own_bytes,
                        workspace.bytes - convolution->own_bytes};

    return plan_run(queue->glue, convolution->plan, memory, rest);
}

/* A product of our own, whose right factor is made anew at every run. */
static enum status low_rank_prepare(const struct tensor *weight, struct prepared **out)
{
    struct convolution *convolution = heap_alloc(1, sizeof *convolution);

    if (convolution == NULL)
        return STATUS_OUT_OF_MEMORY;
    convolution->is_low_rank = true;
    convolution->own_bytes =
        padded(low_rank_right_elements(weight->shape[0], tensor_columns(weight)));
    describe(convolution);
    *out = &convolution->base;
    return STATUS_OK;
}

static enum status low_rank_run(struct queue *queue, const struct conv2d_forward *op)
{
    float *right = op->workspace.data;
    const struct low_rank_sum sum = {.x = op->x.data,
                                     .right = right,
                                     .addend = op->addend.data,
                                     .y = op->y.data,
                                     .n_rows = tensor_rows(&op->x),
                                     .n_inputs = tensor_columns(&op->x),
                                     .n_outputs = tensor_columns(&op->y)};

    low_rank_right(&op->weight, (float)op->factor, right);
    low_rank_sum(queue, &sum);
    return STATUS_OK;
}

enum status cpu_conv2d_forward_prepare(struct device *device, const struct conv2d_forward *op,
                                       struct prepared **out)
{
    struct conv_shape shape = shape_of(CONV_FORWARD, &op->x, &op->weight, &op->y);

    if (op->addend.data != NULL || op->factor != 1)
        return low_rank_prepare(&op->weight, out);
    shape.stride = op->stride;
    shape.padding = op->padding;
    return convolution_create(device, &shape, op->is_weight_frozen ? &op->weight : NULL,
                              op->computes_zero_rows, out);
}

enum status cpu_conv2d_forward_run(struct queue *queue, const struct prepared *prepared,
                                   const struct conv2d_forward *op)
{
    enum status status = STATUS_OK;
    const struct convolution *convolution = (const struct convolution *)prepared;
    struct plan_memory memory = {op->x.data, op->weight.data, NULL, op->y.data};
    int64_t n_pixels = convolution->n_pixels;

    if (convolution->is_low_rank)
        return low_rank_run(queue, op);
    if (is_whole(convolution))
        return run_plan(queue, convolution, &memory, op->workspace);
    memory.weight = convolution->rows.weight;
    memory.destination = op->workspace.data;
    if (convolution->plan != NULL)
        TRY(run_plan(queue, convolution, &memory, op->workspace));
#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->y)))
    for (int i = 0; i < CPU_CHUNKS; i++)
        kept_rows_spread(&convolution->rows, op->workspace.data, op->y.data,
                         cpu_chunk(n_pixels, i));
done:
    return status;
}

static void multiply(float factor, const float *from, float *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = factor * from[i];
}

/* The weight's multiple gives the result's, and is small. */
static enum status multiple_prepare(struct device *device, struct conv_shape *shape,
                                    const struct tensor *weight, struct prepared **out)
{
    struct prepared *prepared = NULL;
    enum status status = convolution_create(device, shape, NULL, true, &prepared);

    if (status != STATUS_OK)
        return status;
    size_t bytes = padded(tensor_elements(weight));
    ((struct convolution *)prepared)->own_bytes = bytes;
    prepared->workspace_bytes += bytes;
    *out = prepared;
    return STATUS_OK;
}

enum status cpu_conv2d_backward_data_prepare(struct device *device,
                                             const struct conv2d_backward_data *op,
                                             struct prepared **out)
{
    struct conv_shape shape = shape_of(CONV_BACKWARD_DATA, &op->d_x, &op->weight, &op->d_y);
    shape.stride = op->stride;
    shape.padding = op->padding;
    if (op->factor != 1)
        return multiple_prepare(device, &shape, &op->weight, out);
    return convolution_create(device, &shape, op->is_weight_frozen ? &op->weight : NULL,
                              op->computes_zero_rows, out);
}

enum status cpu_conv2d_backward_data_run(struct queue *queue, const struct prepared *prepared,
                                         const struct conv2d_backward_data *op)
{
    const struct convolution *convolution = (const struct convolution *)prepared;
    struct plan_memory memory = {op->d_x.data, op->weight.data, NULL, op->d_y.data};
    int64_t n_pixels = convolution->n_pixels;

    if (op->factor != 1) {
        memory.weight = op->workspace.data;
        multiply((float)op->factor, op->weight.data, memory.weight, tensor_elements(&op->weight));
    }
    if (is_whole(convolution))
        return run_plan(queue, convolution, &memory, op->workspace);
    if (convolution->plan == NULL)
        return cpu_zero(queue, op->d_x.data, tensor_bytes(&op->d_x));
    memory.weight = convolution->rows.weight;
    memory.destination = op->workspace.data;
#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->d_y)))
    for (int i = 0; i < CPU_CHUNKS; i++)
        kept_rows_gather(&convolution->rows, op->d_y.data, op->workspace.data,
                         cpu_chunk(n_pixels, i));
    return run_plan(queue, convolution, &memory, op->workspace);
}

enum status cpu_conv2d_backward_weight_prepare(struct device *device,
                                               const struct conv2d_backward_weight *op,
                                               struct prepared **out)
{
    struct conv_shape shape = shape_of(CONV_BACKWARD_WEIGHT, &op->x, &op->d_weight, &op->d_y);
    shape.stride = op->stride;
    shape.padding = op->padding;
    return plan_conv2d(device->glue, &shape, NULL, out);
}

enum status cpu_conv2d_backward_weight_run(struct queue *queue, const struct prepared *prepared,
                                           const struct conv2d_backward_weight *op)
{
    struct plan_memory memory = {op->x.data, op->d_weight.data, NULL, op->d_y.data};
    enum status status = plan_run(queue->glue, prepared, &memory, op->workspace);

    if (op->factor != 1)
        multiply((float)op->factor, op->d_weight.data, op->d_weight.data,
                 tensor_elements(&op->d_weight));
    return status;
}
