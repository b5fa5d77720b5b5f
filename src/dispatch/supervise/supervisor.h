/* One trainer process: started, given runs, watched, killed when it hangs, replaced when it dies.
 * Nothing here blocks but the end. */
#ifndef DISPATCH_SUPERVISOR_H
#define DISPATCH_SUPERVISOR_H

#include "dispatch/supervise/orders.h"

#include <poll.h>

struct supervisor_settings {
    const char *program, *device; /* borrowed */
    int node_rank, node_size;     /* node_rank is also its GPU's number */
    int n_threads;                /* 0: share of the node's cores */
    /* deadlines in seconds; 0 takes the default */
    double heartbeat_seconds; /* without any record: 30 */
    double step_seconds;      /* least deadline of a step: 60 */
    double phase_seconds;     /* outside of steps without any processor time spent: 600 */
    const char *log;          /* borrowed: file for its output; NULL: where ours goes */
};

enum supervisor_event_kind {
    SUPERVISOR_NOTHING,
    SUPERVISOR_READY, /* the trainer waits for a run */
    SUPERVISOR_PROGRESS,
    SUPERVISOR_RUNG,   /* epoch, value: the trainer waits for a verdict */
    SUPERVISOR_PAUSED, /* ended as the verdict said */
    SUPERVISOR_DONE,
    SUPERVISOR_FAILED,  /* status, text */
    SUPERVISOR_CRASHED, /* signal, text */
    SUPERVISOR_GAVE_UP, /* trainers do not even start: text */
};
struct supervisor_event {
    enum supervisor_event_kind kind;
    int64_t run, attempt;
    enum status status;
    int signal;
    struct run_progress progress;
    double scores[N_SCORES];
    const char *summary; /* of DONE; borrowed until the next poll; "" in other events */
    int64_t rung_epoch;
    double value;
    char text[MESSAGE_TEXT_BYTES];
};

struct supervisor;
CHECKED enum status supervisor_create(const struct supervisor_settings *settings,
                                      struct supervisor **out);
/* Asks the trainer to end, then kills it after a few seconds. Blocks. Accepts NULL. */
void supervisor_destroy(struct supervisor *supervisor);
/* Only after SUPERVISOR_READY. Should the trainer have died since, or not take it, the job waits
 * for the next one. */
CHECKED enum status supervisor_assign(struct supervisor *supervisor,
                                      const struct supervisor_job *job);
/* On the rung that SUPERVISOR_RUNG told of; rung_epoch: the next. */
void supervisor_verdict(struct supervisor *supervisor, const struct message *verdict);
void supervisor_stop(struct supervisor *supervisor); /* checkpoint and end the run */
/* The next event; call until SUPERVISOR_NOTHING. */
void supervisor_poll(struct supervisor *supervisor, struct supervisor_event *event);
/* What to wait on between polls; fd is -1 when there is no trainer. */
struct pollfd supervisor_pollfd(const struct supervisor *supervisor);

#endif
