/* The reference backend's table: the oracle every other backend is compared with. */
#include "kernels/ref/ref.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct device {
    struct device_base base;
};

struct queue {
    struct queue_base base;
};

static enum status ref_open(const struct device_settings *settings, struct device **out)
{
    struct device *device = calloc(1, sizeof *device);

    if (device == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory for a device");
    device->base = (struct device_base){.backend = &backend_ref, .n_threads = settings->n_threads};
    *out = device;
    return STATUS_OK;
}

static void ref_close(struct device *device)
{
    free(device);
}

static enum status ref_alloc(struct device *device, size_t bytes, void **out)
{
    size_t rounded = (bytes / MEMORY_ALIGNMENT + 1) * MEMORY_ALIGNMENT;
    void *memory = rounded > bytes ? aligned_alloc(MEMORY_ALIGNMENT, rounded) : NULL;

    if (memory == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory allocating %zu bytes on device 'ref'",
                    bytes);
    __atomic_fetch_add(&device->base.n_allocations, 1, __ATOMIC_RELAXED);
    *out = memory;
    return STATUS_OK;
}

static void ref_free(struct device *device, void *memory)
{
    (void)device;
    free(memory);
}

static enum status ref_queue_create(struct device *device, struct queue **out)
{
    struct queue *queue = calloc(1, sizeof *queue);

    if (queue == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory for a queue");
    queue->base.device = device;
    *out = queue;
    return STATUS_OK;
}

static void ref_queue_destroy(struct queue *queue)
{
    free(queue);
}

static enum status ref_copy(struct queue *queue, void *to, const void *from, size_t bytes)
{
    (void)queue;
    memcpy(to, from, bytes);
    return STATUS_OK;
}

static enum status ref_zero(struct queue *queue, void *memory, size_t bytes)
{
    (void)queue;
    memset(memory, 0, bytes);
    return STATUS_OK;
}

static void ref_describe(char *text, size_t bytes)
{
    snprintf(text, bytes, "float64 loops of our own");
}

static enum status ref_synchronize(struct queue *queue)
{
    (void)queue;
    return STATUS_OK;
}

static enum status ref_available(struct device *device, size_t *bytes)
{
    (void)device;
    return memory_available(&memory_of_system, bytes);
}

static enum status ref_prepared_create(struct prepared **out)
{
    struct prepared *prepared = calloc(1, sizeof *prepared);

    if (prepared == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory preparing an operation");
    prepared->implementation = "ref";
    *out = prepared;
    return STATUS_OK;
}

static void ref_release(struct prepared *prepared)
{
    free(prepared);
}

#define REF_PREPARE(op)                                                                            \
    static enum status ref_##op##_prepare(struct device *device, const struct op *args,            \
                                          struct prepared **out)                                   \
    {                                                                                              \
        (void)device;                                                                              \
        (void)args;                                                                                \
        return ref_prepared_create(out);                                                           \
    }
KERNEL_OPS(REF_PREPARE)

#define REF_ENTRY(op) .op = {ref_##op##_prepare, ref_##op##_run, ref_release},

const struct backend backend_ref = {
    .name = "ref",
    .real = DTYPE_F64,
    .open = ref_open,
    .close = ref_close,
    .describe = ref_describe,
    .memory = {.alloc = ref_alloc, .release = ref_free, .available = ref_available},
    .queue = {.create = ref_queue_create,
              .destroy = ref_queue_destroy,
              .upload = ref_copy,
              .download = ref_copy,
              .zero = ref_zero,
              .synchronize = ref_synchronize},
    .kernels = {KERNEL_OPS(REF_ENTRY)},
};
