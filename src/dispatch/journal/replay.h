/* The journal of a results folder against the runs of a sweep: where each stands, and which runs of
 * earlier starts the sweep no longer asks for. */
#ifndef DISPATCH_REPLAY_H
#define DISPATCH_REPLAY_H

#include "dispatch/journal/journal.h"

struct orphan {
    char id[RUN_ID_BYTES];
    struct run_state state;
};

struct replay;
/* Borrows the sweep, whose runs' states begin as new. */
CHECKED enum status replay_create(const struct sweep *sweep, struct replay **out);
void replay_destroy(struct replay *replay); /* accepts NULL */
/* Adds a journal; several may have spoken of the same run. Fails as journal_replay. */
CHECKED enum status replay_read(struct replay *replay, const char *path, int64_t *good_bytes);
/* Shows every event of a run of the sweep to `visit` as well, with its number, after it has moved
 * the run's state. What visit fails with, replay_read does. */
typedef enum status replay_visit(void *context, const struct journal_event *event);
void replay_watch(struct replay *replay, replay_visit *visit, void *context);
/* [n_runs]; the replay's own */
const struct run_state *replay_states(const struct replay *replay);
/* Of a run that was done: store/run_summary.h; NULL when the journal has none. The replay's own. */
const char *replay_summary(const struct replay *replay, int64_t run);
int64_t replay_threads(const struct replay *replay); /* per trainer, of the newest start; 0: none */
/* In the order in which they were first heard of; the replay's own. */
int64_t replay_orphans(const struct replay *replay, const struct orphan **out);

#endif
