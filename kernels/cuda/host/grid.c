/* All blocks of a launch, one after the other, in an order that changes from launch to launch. */
#include "kernels/cuda/host/block.h"

#include "base/arena.h"

#include <stdlib.h>

static _Thread_local uint64_t n_launches;     /* orders differ from launch to launch */
static _Thread_local enum status first_error; /* sticky, as CUDA's; its text is the last fail's */

void host_grid_scramble(uint64_t number)
{
    n_launches = number;
}

enum status host_grid_check(const struct host_grid *grid)
{
    struct host_dim blocks = grid->blocks, threads = grid->threads;
    uint64_t n_threads = (uint64_t)threads.x * threads.y * threads.z;
    uint64_t n_blocks = (uint64_t)blocks.x * blocks.y * blocks.z;

    if (n_threads < 1 || n_threads > MOST_THREADS || threads.z > 64)
        return fail(STATUS_DEVICE,
                    "%s: block is %u x %u x %u threads, expected 1 to %d, at most 64 in z",
                    grid->kernel, threads.x, threads.y, threads.z, MOST_THREADS);
    if (n_blocks < 1 || blocks.x > INT32_MAX || blocks.y > UINT16_MAX || blocks.z > UINT16_MAX)
        return fail(
            STATUS_DEVICE,
            "%s: grid is %u x %u x %u blocks, expected 1 to 2^31 − 1 in x and to 65535 in y, z",
            grid->kernel, blocks.x, blocks.y, blocks.z);
    if (grid->shared_bytes > MOST_SHARED_BYTES)
        return fail(STATUS_DEVICE, "%s: %zu bytes of shared memory, expected at most %d",
                    grid->kernel, grid->shared_bytes, MOST_SHARED_BYTES);
    return STATUS_OK;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A stride that visits all of n: near the golden section, so that neighbours come far apart. */
static uint64_t stride_of(uint64_t n)
{
    uint64_t stride = (uint64_t)(0.618 * (double)n) + 1;

    while (common_divisor(stride, n) != 1)
        stride++;
    return stride;
}

static void run_blocks(struct block *block, uint64_t seed)
{
    struct host_dim size = block->grid->blocks;
    uint64_t n = (uint64_t)size.x * size.y * size.z, stride = stride_of(n);

    for (uint64_t i = 0; i < n && block->status == STATUS_OK; i++) {
        uint64_t at = (seed + i * stride) % n;
        struct host_dim index = {(unsigned)(at % size.x), (unsigned)(at / size.x % size.y),
                                 (unsigned)(at / size.x / size.y)};
        block_run(block, index);
    }
    if (block->status != STATUS_OK)
        block->status =
            fail_context(block->status, "%s, block (%u, %u, %u), order %llu", block->grid->kernel,
                         block->index.x, block->index.y, block->index.z, (unsigned long long)seed);
}

void host_grid_run(const struct host_grid *grid)
{
    struct block *block = NULL;
    enum status status = STATUS_OK;
    uint64_t seed = n_launches++;

    if (first_error != STATUS_OK)
        return; /* what follows an error does not run */
    TRY_ALLOC(block, heap_alloc(1, sizeof *block));
    block->grid = grid;
    block->random = seed;
    TRY(fiber_adopt(&block->scheduler));
    run_blocks(block, seed);
    status = block->status;
done:
    for (int i = 0; block != NULL && i < block->n_fibers; i++)
        fiber_destroy(block->fibers[i]);
    if (block != NULL)
        fiber_destroy(block->scheduler);
    free(block);
    first_error = status;
}

enum status host_grid_status(void)
{
    enum status status = first_error;

    first_error = STATUS_OK;
    return status;
}
