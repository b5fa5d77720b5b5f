/* The results folder at the start and end of a sweep: locked, its journal replayed, sweep.yaml,
 * plan.json and status.json written. Rank 0 only. */
#ifndef DISPATCH_RESULTS_FOLDER_H
#define DISPATCH_RESULTS_FOLDER_H

#include "dispatch/folder/folder_lock.h"
#include "dispatch/folder/shards.h"
#include "dispatch/folder/start_settings.h"
#include "dispatch/folder/status_file.h"
#include "dispatch/rungs/rungs.h"
#include "store/results/run_summary.h"

struct results_folder {
    struct arena *arena;      /* owned */
    struct folder_lock *lock; /* owned */
    const char *path, *journal_path;
    struct shard shard; /* of the sweep; count 0: the whole */
    char plan_hash[HASH_HEX_BYTES];
    const struct sweep *sweep;
    const char *command;
    struct run_state *states; /* [n_runs] after the replay */
    struct rungs *rungs;      /* owned; of early_terminate, begun */
    struct run_summary *
        *summaries;             /* [n_runs] of runs that were done; NULL: the journal has none */
    int64_t n_threads;          /* per trainer, that the folder began with; 0: not known */
    bool *is_reopened;          /* [n_runs] failed earlier and asked for again */
    int64_t journal_good_bytes; /* where the next event goes */
    char started[32];
    struct dispatch_outcome counts;
};

/* Leaves an existing folder untouched when it is locked or its journal is damaged. IO when it
 * cannot be written. Borrows sweep and settings' texts. */
CHECKED enum status results_folder_open(const struct dispatch_settings *settings,
                                        const struct sweep *sweep, struct results_folder **out);
enum { PLAN_FORMAT = 1 };
/* Writes sweep.yaml and plan.json. */
CHECKED enum status results_folder_describe(struct results_folder *folder);
/* Counts states; status.json says `state` ("running", "done", "failed", "stopped", "error").
 * exit_code -1: none yet. */
CHECKED enum status results_folder_status(struct results_folder *folder, const char *state,
                                          int exit_code, const char *message);
/* As far as the folder knows, state "running"; borrows from it. */
struct sweep_status results_folder_head(const struct results_folder *folder);
void results_folder_count(struct results_folder *folder);
void results_folder_close(struct results_folder *folder); /* accepts NULL */

#endif
