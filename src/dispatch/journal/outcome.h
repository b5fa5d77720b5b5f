/* How many runs of a sweep stand where. */
#ifndef DISPATCH_OUTCOME_H
#define DISPATCH_OUTCOME_H

#include <stdint.h>

struct dispatch_outcome {
    int64_t n_runs, n_done, n_failed;
    int64_t n_stopped;     /* early, by early_terminate */
    int64_t n_skipped;     /* were done or stopped early before this start */
    int64_t n_pending;     /* left for another start */
    int64_t n_held;        /* not ended and not asked for at this start */
    int64_t n_orphaned;    /* in the journal, no longer asked for by the sweep */
    char stop_reason[256]; /* why runs are left, "" when none are */
};

#endif
