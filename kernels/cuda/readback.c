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

enum status cuda_readback_create(struct queue *queue, size_t value_bytes, int n_slots,
                                 struct readback_slots **out)
{
    enum status status = STATUS_OK;
    struct readback_slots *slots = NULL;
    struct gpu_context *context = queue->base.device->context;

    TRY_ALLOC(slots, heap_alloc(1, sizeof *slots));
    slots->value_bytes = value_bytes;
    slots->n = n_slots;
    TRY_ALLOC(slots->events, heap_alloc(n_slots, sizeof(void *)));
    TRY(queue->gpu->alloc_host(context, (size_t)n_slots * value_bytes, (void **)&slots->values));
    for (int i = 0; i < n_slots; i++)
        TRY(queue->gpu->event_create(context, &slots->events[i]));
    *out = slots;
    slots = NULL;
done:
    cuda_readback_destroy(queue, slots);
    return status;
}

void cuda_readback_destroy(struct queue *queue, struct readback_slots *slots)
{
    if (slots == NULL)
        return;
    queue->gpu->stream_drain(queue->stream); /* there may be copies into memory that goes away */
    for (int i = 0; slots->events != NULL && i < slots->n; i++)
        queue->gpu->event_destroy(slots->events[i]);
    queue->gpu->release_host(queue->base.device->context, slots->values);
    free(slots->events);
    free(slots);
}

static char *value_at(const struct readback_slots *slots, int slot)
{
    return slots->values + (size_t)slot * slots->value_bytes;
}

enum status cuda_readback_fill(struct queue *queue, struct readback_slots *slots, int slot,
                               const void *from)
{
    enum status status = STATUS_OK;

    TRY(queue->gpu->copy_down(queue->stream, value_at(slots, slot), from, slots->value_bytes));
    TRY(queue->gpu->event_record(slots->events[slot], queue->stream));
done:
    return status;
}

enum status cuda_readback_look(struct queue *queue, struct readback_slots *slots, int slot,
                               bool waits, const void **value)
{
    enum status status = STATUS_OK;
    bool has_arrived = waits;

    TRY(waits ? queue->gpu->event_synchronize(slots->events[slot])
              : queue->gpu->event_query(slots->events[slot], &has_arrived));
    *value = has_arrived ? value_at(slots, slot) : NULL;
done:
    return status;
}
