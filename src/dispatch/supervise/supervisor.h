/* One trainer process: started, given runs, watched, killed when it hangs, replaced when it dies.
 * Nothing here blocks but the end. */
#ifndef DISPATCH_SUPERVISOR_H
#define DISPATCH_SUPERVISOR_H

#include "protocol/event.h"
#include "protocol/order.h"

#include <poll.h>

struct supervisor_settings {
    const char *program, *device; /* borrowed */
    int node_rank, node_size;     /* node_rank is also its GPU's number */
    int n_threads;                /* 0: share of the node's cores */
    /* deadlines in seconds; 0 takes the default */
    double heartbeat_seconds; /* without any word: 30 */
    double step_seconds;      /* least deadline of a step: 60 */
    double phase_seconds;     /* outside of steps without any processor time spent: 600 */
    const char *log;          /* borrowed: file for its output; NULL: where ours goes */
};

struct supervisor;
CHECKED enum status supervisor_create(const struct supervisor_settings *settings,
                                      struct supervisor **out);
/* Asks the trainer to end, then kills it after a few seconds. Blocks. Accepts NULL. */
void supervisor_destroy(struct supervisor *supervisor);
/* One lane of one run, with all that its trainer needs; only after READY. Should the trainer have
 * died since, or not take it, it waits for the next one. */
CHECKED enum status supervisor_assign(struct supervisor *supervisor,
                                      const struct assignment *assignment);
/* On the rung that RUNG told of. */
void supervisor_verdict(struct supervisor *supervisor, const struct verdict *verdict);
void supervisor_stop(struct supervisor *supervisor); /* checkpoint and end the run */
/* The next event for rank 0; call until NONE. Its summary is borrowed until the next call. */
void supervisor_poll(struct supervisor *supervisor, struct event *event);
/* What to wait on between polls; fd is -1 when there is no trainer. */
struct pollfd supervisor_pollfd(const struct supervisor *supervisor);

#endif
