/* Rank 0's head: deals runs one at a time to idle ranks, references first, counts attempts, crashes
 * and failures, tells runs at a rung what becomes of them, and knows when the sweep is over. It
 * sees only events and the clock, writes only through its sink, and so runs the same against real
 * ranks and played ones. */
#ifndef DISPATCH_COORDINATOR_H
#define DISPATCH_COORDINATOR_H

#include "dispatch/rungs/rungs.h"

struct coordinator_sink {
    void *context;
    void (*event)(void *context, const struct journal_event *event);  /* what happened to a run */
    void (*heard)(void *context, int rank, const struct event *said); /* PROGRESS, DONE */
    void (*note)(void *context, const char *text);                    /* for people */
};
struct coordinator_settings {
    int64_t retries, crash_limit, max_fails; /* as on_failure.*; max_fails 0: no limit */
    bool fail_fast;
    double dead_seconds; /* silence after which a rank is lost; 0: 30 */
};

struct coordinator;
/* Borrows transport and sweep. `states` ([sweep->n_runs]) are moved on here. */
struct coordinator_start {
    struct transport *transport;
    const struct sweep *sweep;
    struct run_state *states;
    struct rungs *rungs; /* borrowed, begun; moved on here */
    struct coordinator_settings settings;
    struct coordinator_sink sink;
};
CHECKED enum status coordinator_create(const struct coordinator_start *start,
                                       struct coordinator **out);
void coordinator_destroy(struct coordinator *coordinator); /* accepts NULL */
/* An event from `rank`; stale ones are dropped. BAD_CONFIG when a rank sees another sweep,
 * CHANGED_INPUT when it sees other files. */
CHECKED enum status coordinator_receive(struct coordinator *coordinator, int rank,
                                        const struct event *said);
/* Heartbeats, lost ranks, the end. DEVICE when no rank can run a trainer any more. */
CHECKED enum status coordinator_tick(struct coordinator *coordinator, double now);
/* No new runs; those under way checkpoint and end. The first reason is kept. */
CHECKED enum status coordinator_stop(struct coordinator *coordinator, const char *reason);
/* Ends at once, whatever is under way: every rank is sent home. */
CHECKED enum status coordinator_end(struct coordinator *coordinator);
/* What ended the sweep early and is no run's own fault: STORAGE when a trainer could not write,
 * CHANGED_INPUT when it read other files than the sweep was planned with. */
CHECKED enum status coordinator_trouble(const struct coordinator *coordinator);
bool coordinator_is_finished(const struct coordinator *coordinator);
const char *coordinator_stop_reason(const struct coordinator *coordinator); /* "" if not stopped */
bool coordinator_was_cancelled(const struct coordinator *coordinator);      /* stopped on request */
/* Stop on request of a person or a scheduler. */
CHECKED enum status coordinator_cancel(struct coordinator *coordinator, const char *reason);

#endif
