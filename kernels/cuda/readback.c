/* Values on their way from the GPU: each is copied behind the work before it into pinned memory,
 * and an event says when it is there, so that looking for it never stops the GPU. */
#include "kernels/cuda/cuda.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct readback {
    char *values;              /* owned, pinned: [capacity, value_bytes], a ring */
    struct gpu_event **events; /* owned: [capacity] */
    size_t value_bytes;
    int capacity, first, n;
};

enum status cuda_readback_create(struct device *device, size_t value_bytes, int capacity,
                                 struct readback **out)
{
    enum status status = STATUS_OK;
    struct readback *readback = NULL;

    TRY_ALLOC(readback, heap_alloc(1, sizeof *readback));
    readback->value_bytes = value_bytes;
    readback->capacity = capacity;
    TRY_ALLOC(readback->events, heap_alloc(capacity, sizeof(void *)));
    TRY(device->gpu->alloc_host(device->context, (size_t)capacity * value_bytes,
                                (void **)&readback->values));
    for (int i = 0; i < capacity; i++)
        TRY(device->gpu->event_create(device->context, &readback->events[i]));
    *out = readback;
    readback = NULL;
done:
    cuda_readback_destroy(device, readback);
    return status;
}

void cuda_readback_destroy(struct device *device, struct readback *readback)
{
    if (readback == NULL)
        return;
    if (readback->n > 0) /* copies into memory that goes away */
        device->gpu->stream_drain(device->stream);
    for (int i = 0; readback->events != NULL && i < readback->capacity; i++)
        device->gpu->event_destroy(readback->events[i]);
    device->gpu->release_host(device->context, readback->values);
    free(readback->events);
    free(readback);
}

static char *value_at(const struct readback *readback, int slot)
{
    return readback->values + (size_t)slot * readback->value_bytes;
}

enum status cuda_readback_push(struct device *device, struct readback *readback, const void *from)
{
    enum status status = STATUS_OK;
    int slot = (readback->first + readback->n) % readback->capacity;

    assert(readback->n < readback->capacity);
    TRY(device->gpu->copy_down(device->stream, value_at(readback, slot), from,
                               readback->value_bytes));
    TRY(device->gpu->event_record(readback->events[slot], device->stream));
    readback->n++;
done:
    return status;
}

enum status cuda_readback_pop(struct device *device, struct readback *readback, bool waits,
                              void *to, bool *has_value)
{
    enum status status = STATUS_OK;
    struct gpu_event *event = readback->events[readback->first];
    bool is_passed = waits;

    *has_value = false;
    if (readback->n == 0)
        return STATUS_OK;
    TRY(waits ? device->gpu->event_synchronize(event)
              : device->gpu->event_query(event, &is_passed));
    if (!is_passed)
        return STATUS_OK;
    memcpy(to, value_at(readback, readback->first), readback->value_bytes);
    readback->first = (readback->first + 1) % readback->capacity;
    readback->n--;
    *has_value = true;
done:
    return status;
}
