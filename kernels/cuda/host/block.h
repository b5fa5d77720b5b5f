/* One block of a grid while it runs; shared by grid.c, block.c and warp.c. */
#ifndef KERNELS_CUDA_HOST_BLOCK_H
#define KERNELS_CUDA_HOST_BLOCK_H

#include "kernels/cuda/host/fiber.h"
#include "kernels/cuda/host/grid.h"

#include <stdbool.h>
#include <string.h>

enum {
    WARP = 32,
    MOST_THREADS = 1024,
    MOST_SHARED = 8,              /* arrays */
    MOST_SHARED_BYTES = 48 * 1024 /* what a kernel has without asking for more */
};

enum thread_state { THREAD_NEW, THREAD_READY, THREAD_AT_BARRIER, THREAD_AT_EXCHANGE, THREAD_DONE };

struct thread {
    struct host_thread place;
    enum thread_state state;
    struct fiber *fiber;           /* borrowed from the block while the thread is under way */
    struct host_exchange exchange; /* while it waits; file and line also at a barrier */
    uint64_t taken;
};

struct shared {
    const void *site;
    size_t bytes;
    void *memory; /* owned */
};

struct block {
    const struct host_grid *grid;
    struct host_dim index;
    int n_threads, n_queued, n_at_barrier, n_done;
    struct thread threads[MOST_THREADS];
    int queue[MOST_THREADS]; /* threads that can go on, in no order */
    struct thread *running;
    uint64_t random;
    /* owned */
    struct fiber *scheduler, *fibers[MOST_THREADS];
    struct fiber *idle[MOST_THREADS]; /* borrowed: those of fibers that run no thread */
    int n_fibers, n_idle;
    struct shared shared[MOST_SHARED];
    int n_shared;
    enum status status; /* not OK: the block is given up */
};

/* Of constants, which are one in nearly all cases: asked for every thread at every barrier. */
static inline bool is_same_text(const char *a, const char *b)
{
    return a == b || strcmp(a, b) == 0;
}

/* Runs the block at `index`; all else is set. */
void block_run(struct block *block, struct host_dim index);
/* Gives the block up, from within a thread, with the status of a fail(). */
void block_give_up(struct block *block, enum status status) __attribute__((noreturn));
/* The running thread cannot go on for now (its state says why). */
void block_wait(struct block *block);
void block_wake(struct block *block, struct thread *thread);
struct block *block_current(void);
/* Why a thread waits in vain in its exchange. */
CHECKED enum status exchange_explain(const struct block *block, const struct thread *thread);

#endif
