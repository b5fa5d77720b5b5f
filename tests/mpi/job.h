/* Starts dispatch_driver under mpirun (or alone) and looks at what it left. */
#ifndef MPI_JOB_H
#define MPI_JOB_H

#include "dispatch/journal/run_state.h"
#include "support/temporary_folder.h"

#include <stdbool.h>
#include <sys/types.h>

enum { JOB_MAX_RUNS = 64, JOB_OUTPUT_BYTES = 65536 };

struct job {
    struct temporary_folder folder;
    char results[TEMPORARY_PATH_BYTES], log[TEMPORARY_PATH_BYTES],
        output_path[TEMPORARY_PATH_BYTES];
    char output[JOB_OUTPUT_BYTES]; /* of the last start */
    int n_ranks;                   /* 0: without mpirun */
    int n_runs;
    pid_t pid;
};

void job_open(struct job *job, int n_ranks, int n_runs);
void job_close(struct job *job);
/* `plan` and `seconds` go to the fake trainer; option to the driver, "" for none. */
void job_start(struct job *job, const char *plan, const char *seconds, const char *option);
int job_wait(struct job *job); /* exit code; -signal when killed */
int job_run(struct job *job, const char *plan);

struct begun { /* a line of the trainers' log */
    int64_t run, attempt;
    long pid, rank_pid;
};
int job_begun(const struct job *job, struct begun begun[256]);
int job_n_begun(const struct job *job, int64_t run);
bool job_wait_for_begun(const struct job *job, int n); /* false after 20 s */
/* The journal, replayed into states. Returns the number of events. */
int job_states(const struct job *job, struct run_state states[JOB_MAX_RUNS]);

#endif
