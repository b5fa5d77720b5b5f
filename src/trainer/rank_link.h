/* A trainer's end of the pipes to its rank. A thread of its own reads, so that a request to stop is
 * seen between steps, and sends heartbeats; the training thread takes runs and sends the rest. */
#ifndef TRAINER_RANK_LINK_H
#define TRAINER_RANK_LINK_H

#include "protocol/event.h"
#include "protocol/order.h"
#include "trainer/verdict_box.h"

#include <pthread.h>
#include <stdatomic.h>

/* A run that this trainer was given; lies in its own arena, with all of it. */
struct given_run {
    struct arena *arena;
    const struct assigned_run *run;
};

struct rank_link {
    int in_fd, out_fd;
    int wake_fd; /* ends the reading thread's wait */
    pthread_t thread;
    pthread_mutex_t write_lock; /* one event at a time */
    pthread_mutex_t lock;       /* what follows */
    pthread_cond_t changed;
    struct given_run *given; /* waits for the training thread; owned */
    bool is_closed;          /* the rank is gone */
    bool is_busy;
    int64_t run, attempt;         /* under way */
    struct run_progress progress; /* of it */
    /* end of what the lock guards */
    atomic_bool wants_stop;
    struct verdict_box verdicts;
};

/* in_fd is made non-blocking. COMM when it is not a pipe. rank_link_close in any case but an
 * error. */
CHECKED enum status rank_link_open(int in_fd, int out_fd, struct rank_link *out);
void rank_link_close(struct rank_link *link); /* waits for its thread */

/* Blocks until the rank has given a run; given_run_release it. NULL when the rank is gone. */
struct given_run *rank_link_next(struct rank_link *link);
void given_run_release(struct given_run *given); /* accepts NULL */
/* The run under way is over: no heartbeats any more. */
void rank_link_rest(struct rank_link *link);

CHECKED enum status rank_link_send(struct rank_link *link, const struct event *event);
/* Of the run under way, with how far it is. */
CHECKED enum status rank_link_send_state(struct rank_link *link, struct event event);
/* A sign of life of the run under way, and how far it is. Returns whether its phase is a new one.
 */
bool rank_link_progress(struct rank_link *link, const struct run_progress *progress);

#endif
