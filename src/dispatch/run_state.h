/* Where a run stands, as the journal tells it: each event moves it, at a replay as well as live. */
#ifndef DISPATCH_RUN_STATE_H
#define DISPATCH_RUN_STATE_H

#include "dispatch/message.h"

enum run_phase { RUN_PENDING, RUN_RUNNING, RUN_DONE, RUN_FAILED };

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
    char text[MESSAGE_TEXT_BYTES];
};

struct run_state {
    enum run_phase phase;
    int64_t attempt; /* the newest begun; of a done run the one that counts */
    int64_t n_crashes, n_retries;
    int rank, exit_signal;
    enum status status;
    bool was_done_before; /* this start found it done */
    bool is_held;         /* not asked for at this start, whatever its phase */
    char host[HOST_BYTES];
    char started[32];
    char message[MESSAGE_TEXT_BYTES];
};

void run_state_apply(struct run_state *state, const struct journal_event *event);
/* Fills all of `counts` that states tell. */
void run_states_count(const struct run_state *states, int64_t n, struct dispatch_outcome *counts);
const char *run_phase_name(enum run_phase phase); /* "pending", "running", "done", "failed" */

#endif
