/* What the shards of a sweep must know of each other: they share a results folder and nothing else.
 */
#ifndef DISPATCH_SHARDS_H
#define DISPATCH_SHARDS_H

#include "base/hash.h"
#include "dispatch/journal/replay.h"
#include "store/results/shard.h"

/* BAD_CONFIG when the folder's sweep is cut otherwise: into another number of shards, or not at
 * all. `sees_locks`: another start that has only just begun counts as well; for who holds its own
 * lock already. */
CHECKED enum status shards_check_cut(const char *folder, struct shard shard, bool sees_locks);
/* BAD_CONFIG when another shard is at work on other runs than `hash` says: each would deal the
 * same runs to another shard. */
CHECKED enum status shards_check_sweep(const char *folder, struct shard shard, const char *hash);
/* Over the ids of the whole sweep: which of the runs a shard gets depends on all of them. */
CHECKED enum status shards_hash(const struct sweep *sweep, char hex[HASH_HEX_BYTES]);
/* Adds the journals of all shards but this one. */
CHECKED enum status shards_replay_others(const char *folder, struct shard shard,
                                         struct replay *replay);

#endif
