/* Rank 0's writing, on a thread of its own so that a slow file system never stalls the message
 * loop: the journal as events come, results.h5 at intervals, the lock's sign of life. */
#ifndef DISPATCH_RECORDER_H
#define DISPATCH_RECORDER_H

#include "dispatch/journal.h"
#include "dispatch/results_file.h"

struct folder_lock;
/* Everything is borrowed but `journal` and `results`, which the recorder closes. `states`
 * ([n_runs]) are copied: the thread moves its own. */
struct recorder_settings {
    struct journal *journal;
    struct results_file *results;
    struct folder_lock *lock;
    const struct run_state *states;
    int64_t n_runs;
    double rebuild_seconds; /* least interval between rebuilds; 0: 5 */
};

struct recorder;
CHECKED enum status recorder_create(const struct recorder_settings *settings,
                                    struct recorder **out);
/* Queues the event; returns at once. */
CHECKED enum status recorder_push(struct recorder *recorder, const struct journal_event *event);
/* What the thread ran into, if anything: from then on nothing is written. */
CHECKED enum status recorder_check(struct recorder *recorder);
/* Writes what is queued and a last results.h5, ends the thread, releases. Blocks. Accepts NULL. */
CHECKED enum status recorder_finish(struct recorder *recorder);

#endif
