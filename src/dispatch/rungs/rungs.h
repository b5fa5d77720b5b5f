/* early_terminate at work: what runs said at each rung, and who goes on. It sees only runs, values
 * and what became of runs; neither ranks nor time, so that under sha the same values give the same
 * decisions in whatever order they come. Peers are all runs of the sweep that reach a rung; ties go
 * to the lower run number; a failed run counts as the worst of its rung. */
#ifndef DISPATCH_RUNGS_H
#define DISPATCH_RUNGS_H

#include "dispatch/journal/run_state.h"

struct rungs;
/* Borrows sweep. Without early_terminate there is no rung. */
CHECKED enum status rungs_create(const struct sweep *sweep, struct rungs **out);
void rungs_destroy(struct rungs *rungs); /* accepts NULL */

/* An event of an earlier start (`run` filled in), in order. Values of other rungs or of another
 * metric are passed over: early_terminate was changed since. */
CHECKED enum status rungs_replay(struct rungs *rungs, const struct journal_event *event);
/* After the replay, with the runs' states then: failed runs count, runs that ended without these
 * rungs do not, runs paused at a rung that is no more are pending. What can be decided is decided.
 */
CHECKED enum status rungs_begin(struct rungs *rungs, struct run_state *states);

/* Epochs done at which the run must ask next; 0: never. */
int64_t rungs_next_epoch(const struct rungs *rungs, int64_t run);
/* The run is at its next rung. *is_new is false when that was known, from an attempt that ended
 * before its verdict; then the earlier value stands. */
CHECKED enum status rungs_reach(struct rungs *rungs, int64_t run, double value, bool *is_new);
/* The verdict on the rung the run waits at: VERDICT_NONE or VERDICT_STOP. */
enum run_verdict rungs_verdict(const struct rungs *rungs, int64_t run);
CHECKED enum status rungs_fail(struct rungs *rungs, int64_t run); /* for good */
/* No run is under way or waits for a trainer: what still waits for others is decided. */
CHECKED enum status rungs_settle(struct rungs *rungs);

struct rung_decision {
    int64_t run, epoch;
    enum run_verdict verdict; /* GO_ON or STOP */
    double value, threshold;  /* threshold: as in struct journal_event */
    char text[EVENT_TEXT_BYTES];
};
/* Takes the next of the decisions made since; false when there is none. */
bool rungs_take(struct rungs *rungs, struct rung_decision *out);

#endif
