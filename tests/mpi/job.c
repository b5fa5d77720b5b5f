/* fork, exec, wait; the trainers' log and the journal read back. */
#include "mpi/job.h"

#include "base/clock.h"
#include "base/file.h"
#include "dispatch/journal/journal.h"
#include "support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void job_open(struct job *job, int n_ranks, int n_runs)
{
    *job = (struct job){.n_ranks = n_ranks, .n_runs = n_runs};
    temporary_folder_open(&job->folder);
    temporary_path(&job->folder, "results", job->results);
    temporary_path(&job->folder, "begun.txt", job->log);
    temporary_path(&job->folder, "output.txt", job->output_path);
}

void job_close(struct job *job)
{
    temporary_folder_close(&job->folder);
}

static void execute(const struct job *job, const char *option)
{
    char n_ranks[16], n_runs[16];
    const char *arguments[24];
    int n = 0;

    snprintf(n_ranks, sizeof n_ranks, "%d", job->n_ranks);
    snprintf(n_runs, sizeof n_runs, "%d", job->n_runs);
    if (job->n_ranks > 0) {
        arguments[n++] = LAUNCH;
        arguments[n++] = MPIEXEC;
        arguments[n++] = "-n";
        arguments[n++] = n_ranks;
    }
    arguments[n++] = DRIVER;
    arguments[n++] = job->results;
    arguments[n++] = n_runs;
    arguments[n++] = FAKE_TRAINER;
    if (option[0] != '\0')
        arguments[n++] = option;
    arguments[n] = NULL;
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(99);
}

void job_start(struct job *job, const char *plan, const char *seconds, const char *option)
{
    job->pid = fork();
    assert_true(job->pid >= 0);
    if (job->pid > 0)
        return;
    int fd = open(job->output_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    setenv("FAKE_TRAINER", plan, 1);
    setenv("FAKE_TRAINER_SECONDS", seconds, 1);
    setenv("FAKE_TRAINER_LOG", job->log, 1);
    execute(job, option);
}

int job_wait(struct job *job)
{
    int how = 0;
    char *text = NULL;
    int64_t n = 0;

    assert_int_equal(waitpid(job->pid, &how, 0), job->pid);
    assert_int_equal(file_read(job->output_path, &text, &n), STATUS_OK);
    copy_text(job->output, sizeof job->output, text);
    free(text);
    return WIFSIGNALED(how) ? -WTERMSIG(how) : WEXITSTATUS(how);
}

int job_run(struct job *job, const char *plan)
{
    job_start(job, plan, "0.05", "");
    return job_wait(job);
}

int job_begun(const struct job *job, struct begun begun[256])
{
    FILE *file = fopen(job->log, "r");
    int n = 0;

    while (file != NULL && n < 256) {
        long long run = 0, attempt = 0;
        if (fscanf(file, "%lld %lld %ld %ld", &run, &attempt, &begun[n].pid, &begun[n].rank_pid) !=
            4)
            break;
        begun[n].run = run;
        begun[n++].attempt = attempt;
    }
    if (file != NULL)
        fclose(file);
    return n;
}

int job_n_begun(const struct job *job, int64_t run)
{
    struct begun begun[256];
    int n = job_begun(job, begun), found = 0;

    for (int i = 0; i < n; i++)
        found += begun[i].run == run;
    return found;
}

bool job_wait_for_begun(const struct job *job, int n)
{
    struct begun begun[256];

    for (double end = clock_seconds() + 20; clock_seconds() < end; clock_sleep(0.02))
        if (job_begun(job, begun) >= n)
            return true;
    return false;
}

struct replayed {
    struct run_state *states;
    int n_events;
};

static void apply(void *context, const struct journal_event *event)
{
    struct replayed *replayed = context;

    replayed->n_events++;
    if (event->run_id[0] != '\0')
        run_state_apply(&replayed->states[strtol(event->run_id, NULL, 10)], event);
}

int job_states(const struct job *job, struct run_state states[JOB_MAX_RUNS])
{
    struct replayed replayed = {states, 0};
    char path[TEMPORARY_PATH_BYTES + 32];
    int64_t good = 0;

    memset(states, 0, JOB_MAX_RUNS * sizeof *states);
    snprintf(path, sizeof path, "%s/journal.jsonl", job->results);
    assert_int_equal(journal_replay(path, apply, &replayed, &good), STATUS_OK);
    return replayed.n_events;
}
