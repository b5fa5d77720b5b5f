/* Queues: forwards to the backend's table, as the front door does. */
#include "kernels/kernels.h"

struct device *queue_device(const struct queue *queue)
{
    return ((const struct queue_base *)queue)->device;
}

static const struct backend *backend_of(const struct queue *queue)
{
    return device_backend(queue_device(queue));
}

struct queue *device_queue(struct device *device)
{
    return device_base(device)->queue;
}

enum status queue_create(struct device *device, struct queue **out)
{
    return device_backend(device)->queue.create(device, out);
}

void queue_destroy(struct queue *queue)
{
    if (queue != NULL)
        backend_of(queue)->queue.destroy(queue);
}

enum status queue_upload(struct queue *queue, void *to, const void *from, size_t bytes)
{
    return backend_of(queue)->queue.upload(queue, to, from, bytes);
}

enum status queue_download(struct queue *queue, void *to, const void *from, size_t bytes)
{
    return backend_of(queue)->queue.download(queue, to, from, bytes);
}

enum status queue_zero(struct queue *queue, void *memory, size_t bytes)
{
    return backend_of(queue)->queue.zero(queue, memory, bytes);
}

enum status queue_synchronize(struct queue *queue)
{
    return backend_of(queue)->queue.synchronize(queue);
}

bool device_can_capture(const struct device *device)
{
    return device_backend(device)->capture.begin != NULL;
}

enum status queue_capture_begin(struct queue *queue)
{
    return backend_of(queue)->capture.begin(queue);
}

enum status queue_capture_end(struct queue *queue, struct recording **out)
{
    return backend_of(queue)->capture.end(queue, out);
}

void queue_capture_abandon(struct queue *queue)
{
    backend_of(queue)->capture.abandon(queue);
}

enum status queue_replay(struct queue *queue, struct recording *recording)
{
    return backend_of(queue)->capture.replay(queue, recording);
}

void device_recording_release(struct device *device, struct recording *recording)
{
    if (recording != NULL)
        device_backend(device)->capture.release(device, recording);
}
