/* Inside of the coordinator: its state, and what its parts do for each other. */
#ifndef DISPATCH_COORDINATION_H
#define DISPATCH_COORDINATION_H

#include "dispatch/lead/coordinator.h"
#include "dispatch/lead/rank_table.h"
#include "dispatch/lead/run_queue.h"
#include "dispatch/talk/mail.h"

struct coordinator {
    struct coordinator_start start;
    struct rank_table ranks;
    struct run_queue queue;
    int64_t n_busy, n_new_failures;
    double last_heartbeat, last_watch;
    double shutdown_at; /* 0: not shutting down */
    bool is_stopping, is_cancelled;
    char stop_reason[256];
    enum status trouble; /* what concerns every run, and not one in particular; OK: nothing */
    char trouble_text[EVENT_TEXT_BYTES + 128];
    char useless_reason[EVENT_TEXT_BYTES];
};

/* One event: into the run's state, the journal and, through the sink, before people's eyes. Run,
 * attempt, kind and what belongs to the kind are filled in. */
void coordination_record(struct coordinator *coordinator, int rank, struct journal_event *event);
/* What the rank said of its run, or what became of it, as an event. */
void coordination_happen(struct coordinator *coordinator, enum journal_kind kind, int rank,
                         const struct event *said);
void coordination_note(struct coordinator *coordinator, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* for people */
CHECKED enum status coordination_order(struct coordinator *coordinator, int rank,
                                       enum order_kind kind);
/* The trainer or rank of a run died: back to the queue, or set aside. */
CHECKED enum status coordination_crash(struct coordinator *coordinator, int rank,
                                       const struct event *said);
/* Waiting runs to idle ranks. */
CHECKED enum status coordination_deal(struct coordinator *coordinator);

/* ---- ranks ---- */
/* No trainer can be started there. */
CHECKED enum status coordination_useless(struct coordinator *coordinator, int rank,
                                         const char *why);
/* Gives up those that are silent for too long; their runs go back to the queue. */
CHECKED enum status coordination_watch(struct coordinator *coordinator, double now);
/* A word of a rank that is gone. */
CHECKED enum status coordination_welcome(struct coordinator *coordinator, int rank,
                                         const struct event *said);
/* Ranks that do not say goodbye in time are given up. */
CHECKED enum status coordination_end_shutdown(struct coordinator *coordinator, double now);

/* ---- rungs of early_terminate ---- */
/* The rank's run asks what becomes of it; it is answered. */
CHECKED enum status coordination_reach(struct coordinator *coordinator, int rank,
                                       const struct event *said);
/* The attempt ended at its rung: it waits for its peers, or the verdict came meanwhile. */
void coordination_pause(struct coordinator *coordinator, int rank, const struct event *said);
/* The run failed for good: it may have been the last of its rung. */
CHECKED enum status coordination_lose_run(struct coordinator *coordinator, int rank, int64_t run);
/* What was decided since is journaled; paused runs that go on are queued. */
void coordination_apply(struct coordinator *coordinator, int rank);
/* No run is under way or queued: who still waits at a rung is decided. */
CHECKED enum status coordination_settle(struct coordinator *coordinator);

#endif
