/* Device memory of the substitute: pages that host code may not touch, the end of each allocation
 * against a page that nobody may touch. */
#include "kernels/cuda/host/host_gpu.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct block {
    struct block *next;
    char *memory;
    size_t bytes;
    char *pages; /* mapped; NULL for pinned host memory */
    size_t pages_bytes;
};

struct blocks { /* all of this process */
    struct block *first;
    int shown; /* depth: a recorded call may be run by a run */
};

static struct blocks *blocks(void)
{
    static struct blocks only;

    return &only;
}

static void protect(const struct block *block)
{
    int protection = blocks()->shown > 0 ? PROT_READ | PROT_WRITE : PROT_NONE;
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);

    if (block->pages != NULL)
        (void)mprotect(block->pages, block->pages_bytes - guard, protection);
}

void host_memory_show(bool is_shown)
{
    int before = blocks()->shown;

    blocks()->shown += is_shown ? 1 : -1;
    if ((before > 0) == (blocks()->shown > 0))
        return;
    for (struct block *block = blocks()->first; block != NULL; block = block->next)
        protect(block);
}

static bool holds(const struct block *block, const void *memory, size_t bytes)
{
    const char *from = memory;

    return from >= block->memory && from + bytes <= block->memory + block->bytes;
}

enum status host_memory_check(const void *memory, size_t bytes, bool is_pinned, const char *what)
{
    for (const struct block *block = blocks()->first; block != NULL; block = block->next)
        if ((block->pages == NULL) == is_pinned && holds(block, memory, bytes))
            return STATUS_OK;
    return fail(STATUS_DEVICE, "%s: %zu bytes are no %s memory", what, bytes,
                is_pinned ? "pinned host" : "device");
}

/* No address can be taken back from a device that may still compute on it. */
static enum status not_capturing(const char *entry)
{
    if (host_stream_is_capturing())
        return fail(STATUS_DEVICE, "%s: operation not permitted when stream is capturing", entry);
    return STATUS_OK;
}

static void link_block(struct block *block)
{
    block->next = blocks()->first;
    blocks()->first = block;
}

static struct block *unlink_block(const void *memory)
{
    for (struct block **at = &blocks()->first; *at != NULL; at = &(*at)->next)
        if ((*at)->memory == memory) {
            struct block *found = *at;
            *at = found->next;
            return found;
        }
    return NULL;
}

static enum status map_pages(struct block *block)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t rounded = memory_padded(block->bytes);

    block->pages_bytes = (rounded + page - 1) / page * page + page;
    void *pages = mmap(NULL, block->pages_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return fail(STATUS_OUT_OF_MEMORY, "alloc: no memory for %zu bytes", block->bytes);
    block->pages = pages;
    block->memory = block->pages + block->pages_bytes - page - rounded;
    memset(block->memory, 0xFF, rounded); /* NaN */
    (void)mprotect(block->pages + block->pages_bytes - page, page, PROT_NONE);
    return STATUS_OK;
}

enum status host_alloc(struct gpu_context *context, size_t bytes, void **out)
{
    enum status status = STATUS_OK;
    struct block *block = NULL;
    struct host_gpu *gpu = host_gpu();

    (void)context;
    gpu->n_alloc++;
    TRY(host_gpu_enter("alloc"));
    TRY(not_capturing("alloc"));
    if (bytes > gpu->memory_bytes - gpu->used_bytes)
        TRY(fail(STATUS_OUT_OF_MEMORY, "alloc: out of memory"));
    TRY_ALLOC(block, heap_alloc(1, sizeof *block));
    block->bytes = bytes;
    TRY(map_pages(block));
    protect(block);
    gpu->used_bytes += bytes;
    link_block(block);
    *out = block->memory;
    block = NULL;
done:
    free(block);
    return status;
}

void host_release(struct gpu_context *context, void *memory)
{
    (void)context;
    if (memory == NULL)
        return;
    host_stream_run_all();
    struct block *block = unlink_block(memory);
    if (block == NULL)
        abort(); /* not ours, or released twice */
    host_gpu()->used_bytes -= block->bytes;
    (void)munmap(block->pages, block->pages_bytes);
    free(block);
}

enum status host_alloc_host(struct gpu_context *context, size_t bytes, void **out)
{
    enum status status = STATUS_OK;
    struct block *block = NULL;

    (void)context;
    TRY(host_gpu_enter("alloc_host"));
    TRY(not_capturing("alloc_host"));
    TRY_ALLOC(block, heap_alloc(1, sizeof *block));
    TRY_ALLOC(block->memory, heap_alloc((int64_t)bytes, 1));
    block->bytes = bytes;
    memset(block->memory, 0xFF, bytes);
    link_block(block);
    *out = block->memory;
    block = NULL;
done:
    free(block);
    return status;
}

void host_release_host(struct gpu_context *context, void *memory)
{
    (void)context;
    if (memory == NULL)
        return;
    struct block *block = unlink_block(memory);
    if (block == NULL)
        abort();
    free(block->memory);
    free(block);
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
