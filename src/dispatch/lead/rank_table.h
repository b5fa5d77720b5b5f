/* What rank 0 knows of each rank. Counts and the idle ones are kept as they change, so that no
 * event costs more with ten thousand ranks than with ten. */
#ifndef DISPATCH_RANK_TABLE_H
#define DISPATCH_RANK_TABLE_H

#include "base/process.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum rank_phase {
    RANK_SILENT,
    RANK_THERE, /* said hello; its trainer is not ready */
    RANK_IDLE,
    RANK_BUSY,
    RANK_USELESS, /* no trainer can be started there */
    RANK_GONE,
    N_RANK_PHASES
};

struct known_rank {
    enum rank_phase phase; /* change it by rank_table_move */
    int64_t run, attempt;  /* while busy */
    double last_heard;
    bool is_suspect, is_queued; /* queued: among the idle, or was */
    bool is_lost;               /* gone without a goodbye: it was silent */
    char host[HOST_BYTES];
};

struct rank_table {
    struct known_rank *items; /* owned, [n] */
    int n;
    int n_in[N_RANK_PHASES];
    int *idle; /* owned, [n]: a ring of those that became idle, from `first` on */
    int first, n_queued;
};

CHECKED enum status rank_table_init(struct rank_table *table, int n, double now);
void rank_table_release(struct rank_table *table);
void rank_table_move(struct rank_table *table, int rank, enum rank_phase phase);
/* The rank that has been idle longest, or −1; it stays idle, and is not offered again until it
 * becomes idle anew. */
int rank_table_take_idle(struct rank_table *table);

#endif
