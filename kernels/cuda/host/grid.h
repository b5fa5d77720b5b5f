/* Runs CUDA kernels on the host: the threads of a block are fibers, blocks follow each other. What
 * hardware leaves open is chosen at random, by a number that every launch increases: the order of
 * blocks, and which thread goes on first after a barrier or a shuffle. What hardware leaves
 * undefined is an error: a barrier that not all threads of the block reach, or reach at different
 * places, or a shuffle whose mask names a lane that does not come. Shared memory begins as NaN.
 * C and C++ both read this file; kernels see it through cuda_language.h. */
#ifndef KERNELS_CUDA_HOST_GRID_H
#define KERNELS_CUDA_HOST_GRID_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct host_dim {
    unsigned x, y, z;
};

struct host_grid {
    const char *kernel; /* its name, for messages; borrowed */
    struct host_dim blocks, threads;
    size_t shared_bytes;        /* dynamic */
    void (*thread)(void *call); /* one thread's work */
    void *call;                 /* borrowed */
};

/* Limits of every GPU since sm_80. Fails: STATUS_DEVICE. */
CHECKED enum status host_grid_check(const struct host_grid *grid);
/* Blocks. An error ends the grid and is kept for host_grid_status. */
void host_grid_run(const struct host_grid *grid);
/* The first error of this thread's grids since the last call; then forgets it, as
 * cudaGetLastError. */
CHECKED enum status host_grid_status(void);
/* The number this thread's next launch takes its order from. */
void host_grid_scramble(uint64_t number);

/* ---- called by kernels, in place of what CUDA has built in ---- */

struct host_thread {
    struct host_dim thread, block, threads, blocks; /* threadIdx, blockIdx, blockDim, gridDim */
};
/* The running thread. A variable, as threadIdx is one; each host thread has its own. */
extern __thread const struct host_thread *host_thread;

void host_barrier(const char *file, int line);
/* What a lane brings to a warp's exchange, and takes away. */
struct host_exchange {
    const char *operation, *file; /* "__shfl_xor_sync", for messages and to see all do the same */
    int line;
    unsigned mask;
    unsigned from; /* lane whose value is wanted; beyond the warp: one's own */
    uint64_t value;
};
uint64_t host_exchange_run(const struct host_exchange *exchange);
unsigned host_lane(void);
/* The block's memory of this name, `site` being an address of the program. */
void *host_shared(const void *site, size_t bytes);
void *host_dynamic_shared(void);

#endif
