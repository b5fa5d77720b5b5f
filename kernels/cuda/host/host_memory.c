/* Device memory of the substitute: pages that host code may not touch, the end of each allocation
 * against a page that nobody may touch. */
#include "kernels/cuda/host/host_gpu.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct allocation {
    struct allocation *next;
    char *memory;
    size_t bytes;
    char *pages; /* mapped; NULL for pinned host memory */
    size_t pages_bytes;
};

struct allocations { /* all of this process */
    struct allocation *first;
    int shown; /* depth: a recorded call may be run by a run */
};

static struct allocations *allocations(void)
{
    static struct allocations only;

    return &only;
}

static void protect(const struct allocation *allocation)
{
    int protection = allocations()->shown > 0 ? PROT_READ | PROT_WRITE : PROT_NONE;
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);

    if (allocation->pages != NULL)
        (void)mprotect(allocation->pages, allocation->pages_bytes - guard, protection);
}

void host_memory_show(bool is_shown)
{
    int before = allocations()->shown;

    allocations()->shown += is_shown ? 1 : -1;
    if ((before > 0) == (allocations()->shown > 0))
        return;
    for (struct allocation *allocation = allocations()->first; allocation != NULL;
         allocation = allocation->next)
        protect(allocation);
}

static bool holds(const struct allocation *allocation, const void *memory, size_t bytes)
{
    const char *from = memory;

    return from >= allocation->memory && from + bytes <= allocation->memory + allocation->bytes;
}

enum status host_memory_check(const void *memory, size_t bytes, bool is_pinned, const char *what)
{
    for (const struct allocation *allocation = allocations()->first; allocation != NULL;
         allocation = allocation->next)
        if ((allocation->pages == NULL) == is_pinned && holds(allocation, memory, bytes))
            return STATUS_OK;
    return fail(STATUS_DEVICE, "%s: %zu bytes are not %s memory", what, bytes,
                is_pinned ? "pinned host" : "device");
}

/* No address can be taken back from a device that may still compute on it. */
static enum status not_capturing(const char *entry)
{
    if (host_stream_is_capturing())
        return fail(STATUS_DEVICE, "%s: operation not permitted when stream is capturing", entry);
    return STATUS_OK;
}

static void link_allocation(struct allocation *allocation)
{
    allocation->next = allocations()->first;
    allocations()->first = allocation;
}

static struct allocation *unlink_allocation(const void *memory)
{
    for (struct allocation **at = &allocations()->first; *at != NULL; at = &(*at)->next)
        if ((*at)->memory == memory) {
            struct allocation *found = *at;
            *at = found->next;
            return found;
        }
    return NULL;
}

static enum status map_pages(struct allocation *allocation)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t rounded = memory_padded(allocation->bytes);

    allocation->pages_bytes = (rounded + page - 1) / page * page + page;
    void *pages = mmap(NULL, allocation->pages_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return fail(STATUS_OUT_OF_MEMORY, "alloc: no memory for %zu bytes", allocation->bytes);
    allocation->pages = pages;
    allocation->memory = allocation->pages + allocation->pages_bytes - page - rounded;
    memset(allocation->memory, 0xFF, rounded); /* NaN */
    (void)mprotect(allocation->pages + allocation->pages_bytes - page, page, PROT_NONE);
    return STATUS_OK;
}

enum status host_alloc(struct gpu_context *context, size_t bytes, void **out)
{
    enum status status = STATUS_OK;
    struct allocation *allocation = NULL;
    struct host_gpu *gpu = host_gpu();

    (void)context;
    gpu->n_alloc++;
    TRY(host_gpu_enter("alloc"));
    TRY(not_capturing("alloc"));
    if (bytes > gpu->memory_bytes - gpu->used_bytes)
        TRY(fail(STATUS_OUT_OF_MEMORY, "alloc: out of memory"));
    TRY_ALLOC(allocation, heap_alloc(1, sizeof *allocation));
    allocation->bytes = bytes;
    TRY(map_pages(allocation));
    protect(allocation);
    gpu->used_bytes += bytes;
    link_allocation(allocation);
    *out = allocation->memory;
    allocation = NULL;
done:
    free(allocation);
    return status;
}

void host_release(struct gpu_context *context, void *memory)
{
    (void)context;
    if (memory == NULL)
        return;
    host_stream_run_all();
    struct allocation *allocation = unlink_allocation(memory);
    if (allocation == NULL)
        abort(); /* not ours, or released twice */
    host_gpu()->used_bytes -= allocation->bytes;
    (void)munmap(allocation->pages, allocation->pages_bytes);
    free(allocation);
}

enum status host_alloc_host(struct gpu_context *context, size_t bytes, void **out)
{
    enum status status = STATUS_OK;
    struct allocation *allocation = NULL;

    (void)context;
    TRY(host_gpu_enter("alloc_host"));
    TRY(not_capturing("alloc_host"));
    TRY_ALLOC(allocation, heap_alloc(1, sizeof *allocation));
    TRY_ALLOC(allocation->memory, heap_alloc((int64_t)bytes, 1));
    allocation->bytes = bytes;
    memset(allocation->memory, 0xFF, bytes);
    link_allocation(allocation);
    *out = allocation->memory;
    allocation = NULL;
done:
    free(allocation);
    return status;
}

void host_release_host(struct gpu_context *context, void *memory)
{
    (void)context;
    if (memory == NULL)
        return;
    struct allocation *allocation = unlink_allocation(memory);
    if (allocation == NULL)
        abort();
    free(allocation->memory);
    free(allocation);
}

enum status host_memory_info(struct gpu_context *context, size_t *free_bytes, size_t *total_bytes)
{
    enum status status = host_gpu_enter("memory_info");

    (void)context;
    if (status != STATUS_OK)
        return status;
    *total_bytes = host_gpu()->memory_bytes;
    *free_bytes = *total_bytes - host_gpu()->used_bytes;
    return STATUS_OK;
}
