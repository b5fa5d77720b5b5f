/* <folder>/stop, or one of each shard: how anybody who sees a results folder asks its sweep to stop
 * in order. */
#ifndef DISPATCH_STOP_REQUEST_H
#define DISPATCH_STOP_REQUEST_H

#include "store/results/shard.h"

#include <stdbool.h>

enum { STOP_REASON_BYTES = 160 };

CHECKED enum status stop_request_make(const char *folder, struct shard shard);
bool stop_request_is_pending(const char *folder, struct shard shard); /* not taken yet */
/* Rank 0: whether there is one, by whom; it is gone then, which tells who waits that it was seen.
 */
bool stop_request_take(const char *folder, struct shard shard, char reason[STOP_REASON_BYTES]);

#endif
