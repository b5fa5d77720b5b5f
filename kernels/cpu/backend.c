/* The cpu backend: float32, convolutions and matrix products by oneDNN, the rest by OpenMP. */
#include "kernels/cpu/cpu.h"

#include "base/arena.h"

#include <stdlib.h>

static void cpu_close(struct device *device)
{
    if (device == NULL)
        return;
    glue_destroy(device->glue);
    free(device);
}

static enum status cpu_open(const struct device_settings *settings, struct device **out)
{
    enum status status = STATUS_OK;
    struct device *device = NULL;

    if (settings->n_threads < 1)
        return fail(STATUS_BAD_CONFIG, "threads must be >= 1, got %d", settings->n_threads);
    TRY_ALLOC(device, heap_alloc(1, sizeof *device));
    device->base.backend = &backend_cpu;
    device->base.n_threads = settings->n_threads;
    TRY(glue_create(settings->n_threads, &device->glue));
    *out = device;
    device = NULL;
done:
    cpu_close(device);
    return status;
}

static void cpu_queue_destroy(struct queue *queue)
{
    if (queue == NULL)
        return;
    glue_queue_destroy(queue->glue);
    free(queue);
}

static enum status cpu_queue_create(struct device *device, struct queue **out)
{
    enum status status = STATUS_OK;
    struct queue *queue = NULL;

    TRY_ALLOC(queue, heap_alloc(1, sizeof *queue));
    queue->base.device = device;
    TRY(glue_queue_create(device->glue, &queue->glue));
    *out = queue;
    queue = NULL;
done:
    cpu_queue_destroy(queue);
    return status;
}

#define OURS(op) .op = {cpu_##op##_prepare, cpu_##op##_run, cpu_prepared_release}
#define PLANNED(op) .op = {cpu_##op##_prepare, cpu_##op##_run, plan_release}

const struct backend backend_cpu = {
    .name = "cpu",
    .real = DTYPE_F32,
    .open = cpu_open,
    .close = cpu_close,
    .describe = glue_describe,
    .memory = {cpu_alloc, cpu_free, cpu_available},
    .queue = {cpu_queue_create, cpu_queue_destroy, cpu_copy, cpu_copy, cpu_zero, cpu_synchronize},
    .kernels =
        {
            OURS(image_gather),
            .conv2d_forward = {cpu_conv2d_forward_prepare, cpu_conv2d_forward_run,
                               cpu_convolution_release},
            .conv2d_backward_data = {cpu_conv2d_backward_data_prepare, cpu_conv2d_backward_data_run,
                                     cpu_convolution_release},
            PLANNED(conv2d_backward_weight),
            PLANNED(linear_forward),
            PLANNED(linear_backward_data),
            PLANNED(linear_backward_weight),
            OURS(batch_norm_statistics),
            OURS(batch_norm_apply),
            OURS(batch_norm_gradient_sums),
            OURS(batch_norm_gradient_apply),
            OURS(relu_forward),
            OURS(relu_backward),
            OURS(add),
            OURS(scale),
            OURS(convert),
            OURS(global_average_pool_forward),
            OURS(global_average_pool_backward),
            OURS(shortcut_pad_forward),
            OURS(shortcut_pad_backward),
            OURS(dropout),
            OURS(softmax_cross_entropy),
            OURS(clip_scale),
            OURS(sgd_step),
            OURS(adam_step),
            OURS(patch_tokens_forward),
            OURS(patch_tokens_backward),
            OURS(layer_norm_forward),
            OURS(layer_norm_backward),
            OURS(gelu_forward),
            OURS(gelu_backward),
            OURS(attention_forward),
            OURS(attention_backward),
            OURS(columns_add),
            OURS(columns_take),
            OURS(step_tally),
        },
};
