/* Slots for values on their way from the GPU: each is copied behind the work before it into pinned
 * memory, and an event says when it is there, so that looking for it never stops the GPU. */
#include "kernels/cuda/cuda.h"

#include "base/arena.h"

#include <stdlib.h>

struct readback_slots {
    char *values;              /* owned, pinned: [n, value_bytes] */
    struct gpu_event **events; /* owned: [n] */
    size_t value_bytes;
    int n;
};

enum status cuda_readback_create(struct device *device, size_t value_bytes, int n_slots,
                                 struct readback_slots **out)
{
    enum status status = STATUS_OK;
    struct readback_slots *slots = NULL;

    TRY_ALLOC(slots, heap_alloc(1, sizeof *slots));
    slots->value_bytes = value_bytes;
    slots->n = n_slots;
    TRY_ALLOC(slots->events, heap_alloc(n_slots, sizeof(void *)));
    TRY(device->gpu->alloc_host(device->context, (size_t)n_slots * value_bytes,
                                (void **)&slots->values));
    for (int i = 0; i < n_slots; i++)
        TRY(device->gpu->event_create(device->context, &slots->events[i]));
    *out = slots;
    slots = NULL;
done:
    cuda_readback_destroy(device, slots);
    return status;
}

void cuda_readback_destroy(struct device *device, struct readback_slots *slots)
{
    if (slots == NULL)
        return;
    device->gpu->stream_drain(device->stream); /* there may be copies into memory that goes away */
    for (int i = 0; slots->events != NULL && i < slots->n; i++)
        device->gpu->event_destroy(slots->events[i]);
    device->gpu->release_host(device->context, slots->values);
    free(slots->events);
    free(slots);
}

static char *value_at(const struct readback_slots *slots, int slot)
{
    return slots->values + (size_t)slot * slots->value_bytes;
}

enum status cuda_readback_fill(struct device *device, struct readback_slots *slots, int slot,
                               const void *from)
{
    enum status status = STATUS_OK;

    TRY(device->gpu->copy_down(device->stream, value_at(slots, slot), from, slots->value_bytes));
    TRY(device->gpu->event_record(slots->events[slot], device->stream));
done:
    return status;
}

enum status cuda_readback_look(struct device *device, struct readback_slots *slots, int slot,
                               bool waits, const void **value)
{
    enum status status = STATUS_OK;
    bool has_arrived = waits;

    TRY(waits ? device->gpu->event_synchronize(slots->events[slot])
              : device->gpu->event_query(slots->events[slot], &has_arrived));
    *value = has_arrived ? value_at(slots, slot) : NULL;
done:
    return status;
}
