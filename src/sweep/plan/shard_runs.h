/* A sweep cut into shards that run independently, and the runs that a user names. */
#ifndef SWEEP_DEAL_H
#define SWEEP_DEAL_H

#include "store/results/shard.h"
#include "sweep/sweep.h"

/* The runs of one shard as a sweep of their own, which borrows from `whole`. A pure function of the
 * runs: the same on every machine. Runs stay with the reference they are compared with; otherwise
 * shards differ by one run at most, dealt by id, so that no shard gets all the long ones. points
 * keeps every point of the grid, −1 where its run is in another shard. */
CHECKED enum status sweep_deal(const struct sweep *whole, struct shard shard, struct sweep **out);
/* The sweep itself, or the one it is a shard of. */
const struct sweep *sweep_whole(const struct sweep *sweep);
/* The place of a run of `sweep` in the whole one. */
int64_t sweep_number(const struct sweep *sweep, int64_t run);

/* Marks the runs that `list` names, separated by commas: ids, names, or beginnings that only one
 * run has. BAD_CONFIG for a word that matches none (the message has the nearest) or several. */
CHECKED enum status sweep_choose(const struct sweep *sweep, const char *list, bool *is_chosen);

#endif
