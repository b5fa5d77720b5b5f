/* Rank 0's part of a sweep, from opening the results folder to the last file in it. */
#ifndef DISPATCH_LEADER_H
#define DISPATCH_LEADER_H

#include "dispatch/folder/start_settings.h"
#include "dispatch/journal/outcome.h"
#include "dispatch/supervise/rank_side.h"

/* As dispatch_run, on rank 0. `member`: of its own trainer, with the transport and the sweep. */
CHECKED enum status rank_0_run(struct rank_side_settings *member,
                               const struct dispatch_settings *settings,
                               struct dispatch_outcome *out);

#endif
