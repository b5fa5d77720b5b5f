/* Values on their way from a device: a ring of slots, which the backend fills behind its work.
 * Where queues do not run behind the host, an operation is over when it returns: slots are filled
 * at once. */
#include "base/arena.h"
#include "kernels/kernels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct readback {
    struct queue *queue; /* borrowed: outlives this */
    const struct readback_ops *ops;
    struct readback_slots *slots; /* owned */
    size_t value_bytes;
    int capacity, first, n;
};

/* ---- slots that are filled at once ---- */

struct readback_slots {
    char *values; /* owned: [n_slots, value_bytes] */
    size_t value_bytes;
};

static void plain_destroy(struct queue *queue, struct readback_slots *slots)
{
    (void)queue;
    if (slots == NULL)
        return;
    free(slots->values);
    free(slots);
}

static enum status plain_create(struct queue *queue, size_t value_bytes, int n_slots,
                                struct readback_slots **out)
{
    enum status status = STATUS_OK;
    struct readback_slots *slots = NULL;

    TRY_ALLOC(slots, heap_alloc(1, sizeof *slots));
    slots->value_bytes = value_bytes;
    TRY_ALLOC(slots->values, heap_alloc(n_slots, value_bytes));
    *out = slots;
    slots = NULL;
done:
    plain_destroy(queue, slots);
    return status;
}

static enum status plain_fill(struct queue *queue, struct readback_slots *slots, int slot,
                              const void *from)
{
    return queue_download(queue, slots->values + (size_t)slot * slots->value_bytes, from,
                          slots->value_bytes);
}

static enum status plain_look(struct queue *queue, struct readback_slots *slots, int slot,
                              bool waits, const void **value)
{
    (void)queue;
    (void)waits;
    *value = slots->values + (size_t)slot * slots->value_bytes;
    return STATUS_OK;
}

static const struct readback_ops plain = {plain_create, plain_destroy, plain_fill, plain_look};

/* ---- the ring ---- */

bool device_is_asynchronous(const struct device *device)
{
    return device_backend(device)->readback.create != NULL;
}

enum status readback_create(struct queue *queue, size_t value_bytes, int capacity,
                            struct readback **out)
{
    enum status status = STATUS_OK;
    struct readback *readback = NULL;
    const struct device *device = queue_device(queue);

    assert(value_bytes > 0 && capacity > 0);
    TRY_ALLOC(readback, heap_alloc(1, sizeof *readback));
    readback->queue = queue;
    readback->ops = device_is_asynchronous(device) ? &device_backend(device)->readback : &plain;
    readback->value_bytes = value_bytes;
    readback->capacity = capacity;
    TRY(readback->ops->create(queue, value_bytes, capacity, &readback->slots));
    *out = readback;
    readback = NULL;
done:
    readback_destroy(readback);
    return status;
}

void readback_destroy(struct readback *readback)
{
    if (readback == NULL)
        return;
    readback->ops->destroy(readback->queue, readback->slots);
    free(readback);
}

enum status readback_push(struct readback *readback, const void *from)
{
    enum status status = STATUS_OK;
    int slot = (readback->first + readback->n) % readback->capacity;

    assert(readback->n < readback->capacity);
    TRY(readback->ops->fill(readback->queue, readback->slots, slot, from));
    readback->n++;
done:
    return status;
}

enum status readback_pop(struct readback *readback, bool waits, void *to, bool *has_value)
{
    enum status status = STATUS_OK;
    const void *value = NULL;

    *has_value = false;
    if (readback->n == 0)
        return STATUS_OK;
    TRY(readback->ops->look(readback->queue, readback->slots, readback->first, waits, &value));
    if (value == NULL)
        return STATUS_OK;
    memcpy(to, value, readback->value_bytes);
    readback->first = (readback->first + 1) % readback->capacity;
    readback->n--;
    *has_value = true;
done:
    return status;
}
