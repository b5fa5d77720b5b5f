/* A rank that stopped being idle stays in the ring until its turn, and is passed over then. */
#include "dispatch/lead/rank_table.h"

#include "base/arena.h"

#include <stdlib.h>

enum status rank_table_init(struct rank_table *table, int n, double now)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(table->items, heap_alloc(n, sizeof *table->items));
    TRY_ALLOC(table->idle, heap_alloc(n, sizeof *table->idle));
    table->n = n;
    table->n_in[RANK_SILENT] = n;
    for (int i = 0; i < n; i++)
        table->items[i].last_heard = now;
done:
    return status;
}

void rank_table_release(struct rank_table *table)
{
    free(table->items);
    free(table->idle);
    *table = (struct rank_table){0};
}

void rank_table_move(struct rank_table *table, int rank, enum rank_phase phase)
{
    struct known_rank *known = &table->items[rank];

    table->n_in[known->phase]--;
    table->n_in[phase]++;
    known->phase = phase;
    if (phase != RANK_IDLE || known->is_queued)
        return;
    known->is_queued = true;
    table->idle[(table->first + table->n_queued++) % table->n] = rank;
}

int rank_table_take_idle(struct rank_table *table)
{
    while (table->n_queued > 0) {
        int rank = table->idle[table->first];
        table->first = (table->first + 1) % table->n;
        table->n_queued--;
        table->items[rank].is_queued = false;
        if (table->items[rank].phase == RANK_IDLE)
            return rank;
    }
    return -1;
}
