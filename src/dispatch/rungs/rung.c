/* A sorted list in blocks: an arrival moves the few behind it in its block, not all behind it in
 * the rung, and counting through the blocks finds a place. Two hundred thousand runs make some
 * seven hundred blocks. */
#include "dispatch/rungs/rung.h"

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ARRIVALS = 512 }; /* 8 KiB to move at most */

struct rung_block {
    struct arrival *items; /* owned: [BLOCK_ARRIVALS], n of them in use, at least one */
    int64_t n;
};

void rung_release(struct rung *rung)
{
    for (int64_t i = 0; i < rung->n_blocks; i++)
        free(rung->blocks[i].items);
    free(rung->blocks);
    rung->blocks = NULL;
    rung->n_blocks = 0;
}

bool rung_is_better(const struct rung *rung, double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(b) && !isnan(a);
    return rung->is_maximized ? a > b : a < b;
}

static bool goes_before(const struct rung *rung, const struct arrival *a, const struct arrival *b)
{
    if (rung_is_better(rung, a->value, b->value))
        return true;
    return !rung_is_better(rung, b->value, a->value) && a->run < b->run;
}

/* The last block that begins before the arrival, else the first. */
static int64_t find_block(const struct rung *rung, const struct arrival *arrival)
{
    int64_t low = 0, high = rung->n_blocks;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (goes_before(rung, &rung->blocks[middle].items[0], arrival))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

static int64_t place_in_block(const struct rung *rung, const struct rung_block *block,
                              const struct arrival *arrival)
{
    int64_t low = 0, high = block->n;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (goes_before(rung, &block->items[middle], arrival))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* An empty block at index `at`. */
static enum status add_block(struct rung *rung, int64_t at)
{
    enum status status = STATUS_OK;
    struct rung_block made = {.n = 0};

    TRY(heap_grow(&rung->blocks, &rung->capacity, rung->n_blocks + 1, sizeof *rung->blocks));
    TRY_ALLOC(made.items, heap_alloc(BLOCK_ARRIVALS, sizeof *made.items));
    memmove(rung->blocks + at + 1, rung->blocks + at,
            (size_t)(rung->n_blocks - at) * sizeof *rung->blocks);
    rung->blocks[at] = made;
    rung->n_blocks++;
done:
    return status;
}

static enum status split_block(struct rung *rung, int64_t at)
{
    enum status status = add_block(rung, at + 1);

    if (status != STATUS_OK)
        return status;
    struct rung_block *full = &rung->blocks[at], *fresh = &rung->blocks[at + 1];
    fresh->n = full->n / 2;
    full->n -= fresh->n;
    memcpy(fresh->items, full->items + full->n, (size_t)fresh->n * sizeof *fresh->items);
    return STATUS_OK;
}

enum status rung_insert(struct rung *rung, const struct arrival *arrival)
{
    enum status status = STATUS_OK;

    if (rung->n_blocks == 0)
        TRY(add_block(rung, 0));
    if (rung->blocks[find_block(rung, arrival)].n == BLOCK_ARRIVALS)
        TRY(split_block(rung, find_block(rung, arrival)));
    struct rung_block *block = &rung->blocks[find_block(rung, arrival)];
    int64_t place = place_in_block(rung, block, arrival);
    memmove(block->items + place + 1, block->items + place,
            (size_t)(block->n - place) * sizeof *block->items);
    block->items[place] = *arrival;
    block->n++;
    rung->n++;
done:
    return status;
}

struct arrival rung_at(const struct rung *rung, int64_t place)
{
    const struct rung_block *block = rung->blocks;

    while (place >= block->n)
        place -= block++->n;
    return block->items[place];
}

int64_t rung_place(const struct rung *rung, const struct arrival *arrival)
{
    int64_t at = find_block(rung, arrival), before = 0;

    for (int64_t i = 0; i < at; i++)
        before += rung->blocks[i].n;
    return rung->n_blocks > 0 ? before + place_in_block(rung, &rung->blocks[at], arrival) : 0;
}

double rung_threshold(const struct rung *rung, int64_t quota)
{
    return quota > 0 ? rung_at(rung, quota - 1).value : NAN;
}

double rung_median_of_others(const struct rung *rung, const struct arrival *own, int64_t least)
{
    const struct arrival first_nan = {NAN, INT64_MIN};
    int64_t n = rung_place(rung, &first_nan), place = rung_place(rung, own);
    int64_t n_others = place < n ? n - 1 : n;

    if (n_others < least)
        return NAN;
    int64_t low = (n_others - 1) / 2, high = n_others / 2;
    return (rung_at(rung, low < place ? low : low + 1).value +
            rung_at(rung, high < place ? high : high + 1).value) /
           2;
}
