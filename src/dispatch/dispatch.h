/* Runs a sweep: rank 0 coordinates, every rank supervises one trainer process. */
#ifndef DISPATCH_DISPATCH_H
#define DISPATCH_DISPATCH_H

#include "store/shard.h"
#include "sweep/sweep.h"

struct dispatch_settings {
    const char *folder;  /* results folder */
    const char *command; /* the command line, for the record */
    const char *program; /* path of this executable, to spawn `<program> trainer` */
    const char *device;  /* auto, cuda, cpu, ref */
    bool is_fresh;       /* rename an existing folder away first */
    bool is_quiet;
    bool mixes_numerics;  /* go on in a folder whose runs another arithmetic computed */
    bool retries_failed;  /* runs that failed at an earlier start are pending again */
    bool needs_earlier;   /* refuse a folder that no sweep has begun in */
    struct shard shard;   /* which one `sweep` is; count 0: the whole */
    const bool *is_asked; /* [n_runs] runs to do at this start; NULL: all */
    double stop_at;       /* clock_seconds() at which to stop in order; 0: never */
};

struct dispatch_outcome {
    int64_t n_runs, n_done, n_failed;
    int64_t n_stopped;     /* early, by early_terminate */
    int64_t n_skipped;     /* were done or stopped early before this start */
    int64_t n_pending;     /* left for another start */
    int64_t n_held;        /* not ended and not asked for at this start */
    int64_t n_orphaned;    /* in the journal, no longer asked for by the sweep */
    char stop_reason[256]; /* why runs are left, "" when none are */
};

/* Before the first thread and MPI: the stop signals (TERM, INT, USR1) are from now on read by
 * dispatch_run, and a broken pipe is an error of the write instead of a signal. */
CHECKED enum status dispatch_block_signals(void);

/* Collective over all ranks of the transport. Blocks until every run is done, failed or the sweep
 * is stopped. CANCELLED when stopped on request with work left. Only rank 0 fills `out` and prints;
 * the others return what rank 0 told them, without a need to print it. */
struct transport;
CHECKED enum status dispatch_run(struct transport *transport, const struct sweep *sweep,
                                 const struct dispatch_settings *settings,
                                 struct dispatch_outcome *out);

/* Of a rank that cannot make out rank 0's sweep, instead of dispatch_run: tells rank 0 why (`why`
 * and status_message()), and waits to be sent home. Returns `why`. */
CHECKED enum status dispatch_decline(struct transport *transport, enum status why);

/* MPI when a launcher's variables are present, else in-process with one rank. DEVICE when several
 * ranks were started that cannot reach each other: by a plain srun or another MPI's launcher. */
CHECKED enum status transport_open(struct transport **out);
void transport_close(struct transport *transport); /* accepts NULL */
/* As close; when a rank was lost, ends the others with exit_code instead of waiting for it. */
void transport_finish(struct transport *transport, int exit_code);
int transport_rank(const struct transport *transport);
int transport_size(const struct transport *transport);
/* Rank 0's bytes to every rank. Collective; start-up only. `*bytes` is heap memory on the others
 * with a zero byte after the end. */
CHECKED enum status transport_broadcast(struct transport *transport, char **bytes, int64_t *n);

#endif
