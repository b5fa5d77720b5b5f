/* Where a run stands, as the journal tells it: each event moves it, at a replay as well as live. */
#ifndef DISPATCH_RUN_STATE_H
#define DISPATCH_RUN_STATE_H

#include "dispatch/journal/outcome.h"
#include "protocol/event.h"
#include "protocol/verdict.h"
#include "sweep/sweep.h"

enum run_phase {
    RUN_PENDING,
    RUN_RUNNING,
    RUN_PAUSED,  /* at a rung of early_terminate, with a checkpoint, until its peers have come */
    RUN_DONE,    /* from here on it has ended */
    RUN_STOPPED, /* early, at a rung: its run.h5 tells of that epoch */
    RUN_FAILED,
};

enum journal_kind {
    JOURNAL_START,    /* a start of the sweep */
    JOURNAL_ASSIGNED, /* attempt begins on a rank */
    JOURNAL_DONE,
    JOURNAL_FAILED,      /* for good */
    JOURNAL_RETRIED,     /* failed by itself, goes back to the queue */
    JOURNAL_CRASHED,     /* its trainer or rank died, goes back to the queue */
    JOURNAL_INTERRUPTED, /* stopped on request with a checkpoint */
    JOURNAL_REOPENED,    /* failed earlier, asked for again: all counts start anew */
    JOURNAL_END,         /* this start ended in order */
    JOURNAL_REACHED,     /* a rung, with the metric's value; text: the metric */
    JOURNAL_PROMOTED,    /* goes on beyond that rung; text: why */
    JOURNAL_STOPPED,     /* early, at that rung; text: why */
    JOURNAL_PAUSED,      /* its attempt ended at a rung */
    N_JOURNAL_KINDS
};

struct journal_event {
    enum journal_kind kind;
    int64_t run; /* number in the sweep; -1 in START, END and after a replay; not in the file */
    char run_id[RUN_ID_BYTES];
    char time[32];
    int64_t attempt;
    int rank, signal;
    enum status status;
    char host[HOST_BYTES];
    char text[EVENT_TEXT_BYTES];
    /* of REACHED, PROMOTED and STOPPED: epochs done at the rung, what the run said there and the
     * least that went on, NaN when there is none */
    int64_t epoch;
    double value, threshold;
    int64_t n_threads;   /* of START: of every trainer; 0: not known */
    int64_t numerics;    /* of an attempt: whose arithmetic; 0: older than the numbering */
    int64_t format;      /* of START after a replay; 0: older than the numbering */
    const char *summary; /* of DONE: store/run_summary.h, "" when it came without; borrowed */
};

/* Whether a rank's work on the run begins or ends with it. */
bool journal_kind_is_attempt(enum journal_kind kind);

struct run_state {
    enum run_phase phase;
    int64_t attempt;       /* the newest begun; of a done run the one that counts */
    int64_t newest_folder; /* attempt that has one, even if the journal missed it; 0: none */
    int64_t n_crashes, n_retries;
    int rank, exit_signal;
    enum status status;
    bool was_done_before;     /* this start found it done or stopped early */
    bool is_held;             /* not asked for at this start, whatever its phase */
    enum run_verdict verdict; /* of the rung it reached last */
    int64_t numerics;         /* of its newest attempt, before this start */
    char host[HOST_BYTES];
    char started[32];
    char message[EVENT_TEXT_BYTES];
};

void run_state_apply(struct run_state *state, const struct journal_event *event);
/* Runs that have come to an end, whichever. */
int64_t runs_ended(const struct dispatch_outcome *counts);
/* Fills all of `counts` that states tell. */
void run_states_count(const struct run_state *states, int64_t n, struct dispatch_outcome *counts);
const char *run_phase_name(enum run_phase phase); /* "pending", "stopped_early" */

#endif
