/* Shuffles between the lanes of a warp. An exchange is complete when every lane its mask names
 * waits in the same one; then all take their values at once. */
#include "kernels/cuda/host/block.h"

#include <stdio.h>
#include <string.h>

static int number_of(const struct block *block, const struct thread *thread)
{
    return (int)(thread - block->threads);
}

unsigned host_lane(void)
{
    const struct block *block = block_current();

    return (unsigned)number_of(block, block->running) % WARP;
}

static bool is_same(const struct host_exchange *a, const struct host_exchange *b)
{
    return a->line == b->line && a->mask == b->mask && is_same_text(a->operation, b->operation) &&
           is_same_text(a->file, b->file);
}

/* The first lane of the warp's mask that is not in the exchange `wanted`; WARP: none. */
static int first_absent(const struct thread *warp, const struct host_exchange *wanted)
{
    for (int lane = 0; lane < WARP; lane++)
        if ((wanted->mask >> lane & 1) != 0 &&
            (warp[lane].state != THREAD_AT_EXCHANGE || !is_same(&warp[lane].exchange, wanted)))
            return lane;
    return WARP;
}

static void complete(struct block *block, struct thread *warp, unsigned mask)
{
    for (int lane = 0; lane < WARP; lane++) {
        struct thread *thread = &warp[lane];
        unsigned from = thread->exchange.from;
        if ((mask >> lane & 1) == 0)
            continue;
        if (from >= WARP)
            thread->taken = thread->exchange.value;
        else if ((mask >> from & 1) != 0)
            thread->taken = warp[from].exchange.value;
        else
            thread->taken = UINT64_MAX; /* undefined on hardware; NaN in every floating type */
    }
    for (int lane = 0; lane < WARP; lane++)
        if ((mask >> lane & 1) != 0)
            block_wake(block, &warp[lane]);
}

static void check_mask(struct block *block, const struct host_exchange *exchange, int lane,
                       int n_lanes)
{
    bool names_self = (exchange->mask >> lane & 1) != 0;
    bool names_none = n_lanes < WARP && exchange->mask >> n_lanes != 0;

    if (!names_self || names_none)
        block_give_up(
            block,
            fail(STATUS_DEVICE, "%s at %s:%d: mask %08x %s, called by lane %d of %d",
                 exchange->operation, exchange->file, exchange->line, exchange->mask,
                 names_self ? "names lanes the block does not have" : "does not name the caller",
                 lane, n_lanes));
}

uint64_t host_exchange_run(const struct host_exchange *exchange)
{
    struct block *block = block_current();
    struct thread *self = block->running;
    int number = number_of(block, self), lane = number % WARP;
    struct thread *warp = self - lane;
    int n_left = block->n_threads - (number - lane);

    check_mask(block, exchange, lane, n_left < WARP ? n_left : WARP);
    self->exchange = *exchange;
    self->state = THREAD_AT_EXCHANGE;
    if (first_absent(warp, exchange) == WARP)
        complete(block, warp, exchange->mask);
    block_wait(block);
    return self->taken;
}

enum status exchange_explain(const struct block *block, const struct thread *thread)
{
    const struct host_exchange *exchange = &thread->exchange;
    const struct thread *warp = thread - number_of(block, thread) % WARP;
    const struct thread *absent = warp + first_absent(warp, exchange);
    char place[200] = "left the kernel";

    if (absent->state != THREAD_DONE)
        snprintf(place, sizeof place, "waits in %s at %s:%d",
                 absent->state == THREAD_AT_BARRIER ? "__syncthreads" : absent->exchange.operation,
                 absent->exchange.file, absent->exchange.line);
    return fail(STATUS_DEVICE, "%s diverges: thread %d waits at %s:%d for thread %d, which %s",
                exchange->operation, number_of(block, thread), exchange->file, exchange->line,
                number_of(block, absent), place);
}
