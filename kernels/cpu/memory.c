/* Memory of the cpu backend: the host's. */
#include "kernels/cpu/cpu.h"

#include "base/arena.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum status cpu_alloc(struct device *device, size_t bytes, void **out)
{
    if (bytes > SIZE_MAX - MEMORY_ALIGNMENT)
        return fail(STATUS_OUT_OF_MEMORY, "no memory for %zu bytes", bytes);
    void *memory = aligned_alloc(MEMORY_ALIGNMENT, memory_padded(bytes > 0 ? bytes : 1));
    if (memory == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "no memory for %zu bytes", bytes);
    __atomic_fetch_add(&device->base.n_allocations, 1, __ATOMIC_RELAXED);
    *out = memory;
    return STATUS_OK;
}

void cpu_free(struct device *device, void *memory)
{
    (void)device;
    free(memory);
}

enum status cpu_copy(struct queue *queue, void *to, const void *from, size_t bytes)
{
    (void)queue;
    if (bytes > 0)
        memcpy(to, from, bytes);
    return STATUS_OK;
}

enum status cpu_zero(struct queue *queue, void *memory, size_t bytes)
{
    (void)queue;
    if (bytes > 0)
        memset(memory, 0, bytes);
    return STATUS_OK;
}

/* Every operation has finished when it returns: oneDNN's CPU streams run in the calling thread. */
enum status cpu_synchronize(struct queue *queue)
{
    (void)queue;
    return STATUS_OK;
}

enum status cpu_available(struct device *device, size_t *bytes)
{
    (void)device;
    return memory_available(&memory_of_system, bytes);
}

enum status cpu_prepared_create(size_t workspace_bytes, struct prepared **out)
{
    struct prepared *prepared = heap_alloc(1, sizeof *prepared);
    if (prepared == NULL)
        return STATUS_OUT_OF_MEMORY;
    prepared->workspace_bytes = workspace_bytes;
    prepared->implementation = "openmp";
    *out = prepared;
    return STATUS_OK;
}

void cpu_prepared_release(struct prepared *prepared)
{
    free(prepared);
}
