/* An onlooker who trusts nothing: sees every event on its way to the journal and keeps, in a few
 * lines of its own, what must hold: no run is begun again once it has ended, one attempt at a time,
 * attempts only grow, an attempt ends as the one that was begun. What a start makes of the journal
 * is compared with what is known here. A breach ends the test, saying where it was. */
#ifndef FAULTS_WITNESS_H
#define FAULTS_WITNESS_H

#include "dispatch/journal/run_state.h"

struct witnessed_run {
    int64_t attempt;         /* the newest */
    bool is_under_way;       /* it was assigned and has not come back */
    bool is_paused;          /* it came back from a rung */
    bool is_stopped;         /* the verdict on its rung is to stop */
    bool has_just_crashed;   /* or was taken back: it may be set aside */
    enum run_phase ended_as; /* RUN_PENDING: it has not */
};

struct witness {
    uint64_t seed;
    int64_t n_starts; /* for people */
    int64_t n_runs, n_events;
    struct witnessed_run *runs; /* owned, [n_runs] */
};

void witness_open(struct witness *witness, uint64_t seed, int64_t n_runs);
void witness_close(struct witness *witness);
void witness_see(struct witness *witness, const struct journal_event *event);
/* A new start: what was under way is not any more. */
void witness_begin(struct witness *witness);
/* Forgets everything; what was kept on disk is shown again. */
void witness_forget(struct witness *witness);
/* The states that a start begins with, or ends with. */
void witness_compare(const struct witness *witness, const struct run_state *states);
/* Ends the test: "seed 7, start 12 after 3.25 days: …". */
void breach(const struct witness *witness, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

#endif
