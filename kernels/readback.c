/* Values on their way from a device. Where a backend has no queue of its own, an operation is over
 * when it returns: the value is fetched at once and waits here. */
#include "base/arena.h"
#include "kernels/kernels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct readback {
    char *values; /* owned: [capacity, value_bytes], a ring */
    size_t value_bytes;
    int capacity, first, n;
};

bool device_is_asynchronous(const struct device *device)
{
    return device_backend(device)->readback.create != NULL;
}

static void destroy(struct readback *readback)
{
    if (readback == NULL)
        return;
    free(readback->values);
    free(readback);
}

enum status device_readback_create(struct device *device, size_t value_bytes, int capacity,
                                   struct readback **out)
{
    enum status status = STATUS_OK;
    struct readback *readback = NULL;

    assert(value_bytes > 0 && capacity > 0);
    if (device_is_asynchronous(device))
        return device_backend(device)->readback.create(device, value_bytes, capacity, out);
    TRY_ALLOC(readback, heap_alloc(1, sizeof *readback));
    readback->value_bytes = value_bytes;
    readback->capacity = capacity;
    TRY_ALLOC(readback->values, heap_alloc(capacity, value_bytes));
    *out = readback;
    readback = NULL;
done:
    destroy(readback);
    return status;
}

void device_readback_destroy(struct device *device, struct readback *readback)
{
    if (device_is_asynchronous(device))
        device_backend(device)->readback.destroy(device, readback);
    else
        destroy(readback);
}

enum status device_readback_push(struct device *device, struct readback *readback, const void *from)
{
    enum status status = STATUS_OK;

    if (device_is_asynchronous(device))
        return device_backend(device)->readback.push(device, readback, from);
    assert(readback->n < readback->capacity);
    int slot = (readback->first + readback->n) % readback->capacity;
    TRY(device_download(device, readback->values + (size_t)slot * readback->value_bytes, from,
                        readback->value_bytes));
    readback->n++;
done:
    return status;
}

enum status device_readback_pop(struct device *device, struct readback *readback, bool waits,
                                void *to, bool *has_value)
{
    if (device_is_asynchronous(device))
        return device_backend(device)->readback.pop(device, readback, waits, to, has_value);
    *has_value = readback->n > 0;
    if (*has_value) {
        memcpy(to, readback->values + (size_t)readback->first * readback->value_bytes,
               readback->value_bytes);
        readback->first = (readback->first + 1) % readback->capacity;
        readback->n--;
    }
    return STATUS_OK;
}
