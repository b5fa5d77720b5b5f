/* status.json: how a sweep stands, from its start to its end and afterwards. Rank 0 replaces it
 * whole; `prunelora status` and job scripts read it. */
#ifndef DISPATCH_STATUS_FILE_H
#define DISPATCH_STATUS_FILE_H

#include "dispatch/folder/loss_curve.h"
#include "dispatch/journal/run_state.h"
#include "store/results/shard.h"

struct rank_status {
    bool is_busy;
    int64_t attempt;
    const char *run_id, *name; /* of its run */
    char host[HOST_BYTES];
    char since[32]; /* when the attempt began */
    struct run_progress progress;
    struct loss_curve losses;
};

struct sweep_status {
    const char *state; /* "running", "stopping"; at the end "done", "failed", "stopped", "error" */
    int exit_code;     /* −1: none yet */
    const char *message, *name, *command, *started;
    struct shard shard;    /* of several sweeps of a folder: whose this is */
    const char *plan_hash; /* over the ids of the whole sweep; "" before it was written */
    int64_t n_threads;     /* of every trainer; 0: not known */
    struct dispatch_outcome counts;
    double seconds_left; /* an estimate; NaN: none */
    const struct rank_status *ranks;
    int n_ranks;
    /* the writer's, filled in by status_file_write */
    const char *host, *updated;
    int64_t pid;
};

CHECKED enum status status_file_write(const char *folder, const struct sweep_status *status);
/* Of one shard, or of the whole sweep. Everything in the arena. BAD_DATA when it is no status.json;
 * IO when it cannot be read. */
CHECKED enum status status_shard_read(const char *folder, struct shard shard, struct arena *arena,
                                      struct sweep_status *out);
bool status_shard_is_alive(const char *folder, struct shard shard,
                           const struct sweep_status *status, double *age_seconds);

/* ---- of all shards of a folder, as one: their ranks one after the other, counts added up ---- */
bool status_file_exists(const char *folder); /* of any */
/* As status_shard_read. */
CHECKED enum status status_file_read(const char *folder, struct arena *arena,
                                     struct sweep_status *out);
/* How often rank 0 writes when something moved, and when nothing did; silence after which it is
 * taken for dead. */
enum { STATUS_EVERY_SECONDS = 2, STATUS_REST_SECONDS = 10, STATUS_SILENCE_SECONDS = 60 };
/* How long to leave a file system alone on which writing took so long: a slow one has other things
 * to do, but silence must not be taken for death. */
double status_file_pause(double took_seconds);
/* Whether a sweep that says it runs still does, by the age of status.json (out, in seconds) and,
 * sooner, by its process if it ran on this host. */
bool status_is_alive(const char *folder, const struct sweep_status *status, double *age_seconds);
bool status_is_running(const struct sweep_status *status); /* by its own word */

#endif
