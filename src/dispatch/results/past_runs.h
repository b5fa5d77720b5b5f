/* Runs that a results folder has finished, as examples of how long runs take. */
#ifndef DISPATCH_MEASURED_H
#define DISPATCH_MEASURED_H

#include "sweep/plan/estimate.h"

/* At most some thousands, taken evenly. Everything in the arena. A folder without results has none;
 * a damaged results.h5 is BAD_DATA. */
CHECKED enum status past_runs_find(const char *folder, struct costs *costs, struct arena *arena,
                                   struct past_run **out, int64_t *n);

#endif
