/* Inside of the rungs: where every run stands, and the rules that decide who goes on. */
#ifndef DISPATCH_RUNG_RULES_H
#define DISPATCH_RUNG_RULES_H

#include "dispatch/rungs/rung.h"
#include "dispatch/rungs/rungs.h"

struct track {     /* of a run */
    int64_t rung;  /* where it waits, else the next it reaches; n_rungs: none */
    int64_t n_own; /* rungs within its epochs */
    bool has_arrived;
    bool is_stopped;  /* at `rung` */
    double sum, best; /* of median: over the rungs so far */
    int64_t n_values;
};

double track_mean(const struct track *track); /* of median; NaN before the first value */

struct waiting_decision {
    int64_t run, rung;
    enum run_verdict verdict;
    double value, threshold;
    int64_t place, quota, n; /* of sha and asha: placed so among n, of which quota go on */
};

struct rungs {
    const struct sweep *sweep;
    struct early_terminate early;
    struct rung *items; /* owned */
    int64_t n_rungs;
    struct track *tracks;               /* owned, [n_runs] */
    struct waiting_decision *decisions; /* owned; not taken: [first, n) */
    int64_t first, n_decisions, capacity;
    bool is_replaying;
};

/* The run goes on from its rung to the next one, if it has one. */
void rung_rules_go_on(struct rungs *rungs, int64_t run);
/* Decides what the newest arrival, at its run's rung, makes clear. */
CHECKED enum status rung_rules_see(struct rungs *rungs, int64_t run, const struct arrival *arrival);
/* Decides all that is clear, after a replay. */
CHECKED enum status rung_rules_see_all(struct rungs *rungs);
/* Nobody is under way: decides the rest. */
CHECKED enum status rung_rules_settle(struct rungs *rungs);

#endif
