/* The threads of a block, their barrier and their shared memory. A fiber runs one thread after the
 * other until one has to wait; only then is a second fiber needed, so kernels without barriers cost
 * no switches. */
#include "kernels/cuda/host/block.h"

#include <stdlib.h>
#include <string.h>

__thread const struct host_thread *host_thread;
static _Thread_local struct block
    *current; /* found by barriers, as there is no argument to hand it by */

struct block *block_current(void)
{
    return current;
}

/* SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
 */
static uint64_t next_random(struct block *block)
{
    uint64_t z = block->random += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Any of the threads that can go on; NULL: none. */
static struct thread *pick(struct block *block)
{
    if (block->status != STATUS_OK || block->n_queued == 0)
        return NULL;
    int i = (int)(next_random(block) % (uint64_t)block->n_queued);
    struct thread *thread = &block->threads[block->queue[i]];
    block->queue[i] = block->queue[--block->n_queued];
    return thread;
}

void block_wake(struct block *block, struct thread *thread)
{
    thread->state = THREAD_READY;
    block->queue[block->n_queued++] = (int)(thread - block->threads);
}

static void set_running(struct block *block, struct thread *thread, struct fiber *fiber)
{
    thread->fiber = fiber;
    block->running = thread;
    host_thread = &thread->place;
}

static void run_threads(void *argument);

static struct fiber *take_fiber(struct block *block)
{
    if (block->n_idle > 0)
        return block->idle[--block->n_idle];
    block->status = fiber_create(&block->fibers[block->n_fibers], run_threads, block);
    return block->status == STATUS_OK ? block->fibers[block->n_fibers++] : NULL;
}

/* Makes any thread that can go on the running one; the fiber to switch to, which is the scheduler's
 * when there is none. */
static struct fiber *choose(struct block *block)
{
    struct thread *thread = pick(block);
    struct fiber *fiber = NULL;

    if (thread != NULL)
        fiber = thread->fiber != NULL ? thread->fiber : take_fiber(block);
    if (fiber == NULL)
        return block->scheduler;
    set_running(block, thread, fiber);
    return fiber;
}

/* A fiber's life: runs the thread it was given, then new ones as long as those are picked, then
 * lies idle. */
static void run_threads(void *argument)
{
    struct block *block = argument;

    for (;;) {
        struct fiber *self = block->running->fiber;
        block->grid->thread(block->grid->call);
        block->running->state = THREAD_DONE;
        block->running->fiber = NULL;
        block->n_done++;
        struct thread *next = pick(block);
        if (next != NULL && next->fiber == NULL) {
            set_running(block, next, self);
            continue;
        }
        block->idle[block->n_idle++] = self;
        if (next != NULL)
            set_running(block, next, next->fiber);
        fiber_switch(self, next != NULL ? next->fiber : block->scheduler);
    }
}

void block_wait(struct block *block)
{
    struct fiber *self = block->running->fiber, *next = choose(block);

    if (next != self)
        fiber_switch(self, next);
}

void block_give_up(struct block *block, enum status status)
{
    block->status = status;
    fiber_switch(block->running->fiber, block->scheduler);
    abort(); /* nobody switches back */
}

void host_barrier(const char *file, int line)
{
    struct block *block = current;
    struct thread *self = block->running;

    self->state = THREAD_AT_BARRIER;
    self->exchange.file = file;
    self->exchange.line = line;
    if (++block->n_at_barrier < block->n_threads) {
        block_wait(block);
        return;
    }
    for (int i = 0; i < block->n_threads; i++) {
        const struct host_exchange *other = &block->threads[i].exchange;
        if (other->line != line || !is_same_text(other->file, file))
            block_give_up(block, fail(STATUS_DEVICE,
                                      "__syncthreads diverges: thread %d waits at %s:%d, thread %d "
                                      "at %s:%d",
                                      i, other->file, other->line, (int)(self - block->threads),
                                      file, line));
    }
    block->n_at_barrier = 0;
    for (int i = 0; i < block->n_threads; i++)
        block_wake(block, &block->threads[i]);
    block_wait(block);
}

static struct thread *first_in(struct block *block, enum thread_state state)
{
    for (int i = 0; i < block->n_threads; i++)
        if (block->threads[i].state == state)
            return &block->threads[i];
    return NULL;
}

/* No thread can go on, some have not ended. */
static enum status explain(struct block *block)
{
    const struct thread *waiting = first_in(block, THREAD_AT_EXCHANGE);

    if (waiting != NULL)
        return exchange_explain(block, waiting);
    waiting = first_in(block, THREAD_AT_BARRIER);
    return fail(STATUS_DEVICE,
                "__syncthreads diverges: thread %d waits at %s:%d, thread %d left the kernel",
                (int)(waiting - block->threads), waiting->exchange.file, waiting->exchange.line,
                (int)(first_in(block, THREAD_DONE) - block->threads));
}

static unsigned linear(struct host_dim at, struct host_dim size)
{
    return (at.z * size.y + at.y) * size.x + at.x;
}

static void place_threads(struct block *block, struct host_dim index)
{
    struct host_dim size = block->grid->threads, at;

    for (at.z = 0; at.z < size.z; at.z++)
        for (at.y = 0; at.y < size.y; at.y++)
            for (at.x = 0; at.x < size.x; at.x++) {
                unsigned i = linear(at, size);
                block->threads[i].place =
                    (struct host_thread){at, index, size, block->grid->blocks};
                block->threads[i].state = THREAD_NEW;
                block->threads[i].fiber = NULL;
                block->queue[i] = (int)i;
            }
    block->n_threads = block->n_queued = (int)(size.x * size.y * size.z);
    block->n_at_barrier = block->n_done = 0;
}

static void release_shared(struct block *block)
{
    for (int i = 0; i < block->n_shared; i++)
        free(block->shared[i].memory);
    block->n_shared = 0;
}

void block_run(struct block *block, struct host_dim index)
{
    struct fiber *first;

    place_threads(block, index);
    block->index = index;
    current = block;
    while ((first = choose(block)) != block->scheduler)
        fiber_switch(block->scheduler, first);
    if (block->status == STATUS_OK && block->n_done < block->n_threads)
        block->status = explain(block);
    current = NULL;
    host_thread = NULL;
    release_shared(block);
}

static size_t shared_bytes(const struct block *block)
{
    size_t bytes = 0;

    for (int i = 0; i < block->n_shared; i++)
        bytes += block->shared[i].bytes;
    return bytes;
}

void *host_shared(const void *site, size_t bytes)
{
    struct block *block = current;

    for (int i = 0; i < block->n_shared; i++)
        if (block->shared[i].site == site)
            return block->shared[i].memory;
    if (block->n_shared == MOST_SHARED || shared_bytes(block) + bytes > MOST_SHARED_BYTES)
        block_give_up(
            block,
            fail(STATUS_DEVICE,
                 "too much shared memory: got %zu bytes in %d arrays, expected at most %d in %d",
                 shared_bytes(block) + bytes, block->n_shared + 1, MOST_SHARED_BYTES, MOST_SHARED));
    void *memory = malloc(bytes);
    if (memory == NULL)
        block_give_up(block, fail(STATUS_OUT_OF_MEMORY, "no memory for %zu bytes", bytes));
    memset(memory, 0xFF, bytes); /* NaN in every floating type */
    block->shared[block->n_shared++] = (struct shared){site, bytes, memory};
    return memory;
}

void *host_dynamic_shared(void)
{
    return host_shared(current->grid, current->grid->shared_bytes);
}
