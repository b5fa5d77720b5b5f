/* Queues of the cuda backend: a stream, and pinned memory for what is copied in its order. */
#include "kernels/cuda/cuda.h"

#include "base/arena.h"

#include <stdlib.h>

enum status cuda_queue_create(struct device *device, struct queue **out)
{
    enum status status = STATUS_OK;
    struct queue *queue = NULL;

    TRY_ALLOC(queue, heap_alloc(1, sizeof *queue));
    queue->base.device = device;
    queue->gpu = device->gpu;
    TRY(queue->gpu->stream_create(device->context, &queue->stream));
    TRY(staging_create(queue->gpu, device->context, &queue->staging));
    *out = queue;
    queue = NULL;
done:
    cuda_queue_destroy(queue);
    return status;
}

void cuda_queue_destroy(struct queue *queue)
{
    if (queue == NULL)
        return;
    queue->gpu->stream_drain(queue->stream); /* what is on its way reads memory that goes below */
    staging_destroy(queue->staging);
    queue->gpu->stream_destroy(queue->stream);
    free(queue);
}

enum status cuda_upload(struct queue *queue, void *to, const void *from, size_t bytes)
{
    return staging_up(queue->staging, queue->stream, to, from, bytes);
}

enum status cuda_download(struct queue *queue, void *to, const void *from, size_t bytes)
{
    return staging_down(queue->staging, queue->stream, to, from, bytes);
}

enum status cuda_zero(struct queue *queue, void *memory, size_t bytes)
{
    return bytes > 0 ? queue->gpu->zero(queue->stream, memory, bytes) : STATUS_OK;
}

enum status cuda_synchronize(struct queue *queue)
{
    return queue->gpu->stream_synchronize(queue->stream);
}
