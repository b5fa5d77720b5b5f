/* Rank 0's writing, on a thread of its own so that a slow file system never stalls the message
 * loop: the journal as events come, results.h5 and status.json at intervals, the lock's sign of
 * life. It also looks for a request to stop, which may take as long as a write. */
#ifndef DISPATCH_RECORDER_H
#define DISPATCH_RECORDER_H

#include "dispatch/folder/status_file.h"
#include "dispatch/folder/stop_request.h"
#include "dispatch/journal/journal.h"
#include "dispatch/results/results_file.h"

struct folder_lock;
/* Everything is borrowed but `journal` and `results`, which the recorder closes. `states`
 * ([sweep->n_runs]) are copied: the thread moves its own. */
struct recorder_settings {
    struct journal *journal;
    struct results_file *results;
    struct folder_lock *lock;
    const struct sweep *sweep;
    const struct run_state *states;
    const char *folder;         /* of status.json and the request to stop */
    struct sweep_status status; /* what does not change; the rest is filled in */
    int n_ranks;
    double rebuild_seconds; /* least interval between rebuilds; 0: 5 */
};

struct recorder;
CHECKED enum status recorder_create(const struct recorder_settings *settings,
                                    struct recorder **out);
/* Queues the event; returns at once. */
CHECKED enum status recorder_push(struct recorder *recorder, const struct journal_event *event);
/* For status.json; return at once. */
void recorder_progress(struct recorder *recorder, int rank, const struct run_progress *progress);
void recorder_stopping(struct recorder *recorder, const char *reason);
/* Whether somebody asked the sweep to stop, and who. */
bool recorder_was_asked_to_stop(struct recorder *recorder, char reason[STOP_REASON_BYTES]);
/* What the thread ran into, if anything: from then on nothing is written. */
CHECKED enum status recorder_check(struct recorder *recorder);
/* Writes what is queued and a last results.h5, ends the thread, releases. Blocks. Accepts NULL. */
CHECKED enum status recorder_finish(struct recorder *recorder);

#endif
