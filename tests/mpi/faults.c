/* Trainers, runs and whole jobs that die; stops and locks. */
#include "mpi/job.h"

#include "base/clock.h"
#include "base/file.h"
#include "support/cmocka.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int n_ranks;

static void expect_exit(struct job *job, int exit_code, int wanted)
{
    if (exit_code != wanted)
        fail_msg("exit %d instead of %d: %s", exit_code, wanted, job->output);
}

static void expect_output(const struct job *job, const char *wanted)
{
    if (strstr(job->output, wanted) == NULL)
        fail_msg("'%s' is not in: %s", wanted, job->output);
}

static void killed_trainer_is_replaced(void **unused)
{
    struct job job;
    struct run_state states[JOB_MAX_RUNS];
    struct begun begun[256];
    long first = 0, second = 0;

    (void)unused;
    job_open(&job, n_ranks, 6);
    expect_exit(&job, job_run(&job, "2:kill:1"), 0);
    job_states(&job, states);
    assert_int_equal(states[2].phase, RUN_DONE);
    assert_int_equal(states[2].attempt, 2);
    assert_int_equal(states[2].n_crashes, 1);
    for (int i = 0, n = job_begun(&job, begun); i < n; i++) {
        if (begun[i].run == 2 && begun[i].attempt == 1)
            first = begun[i].pid;
        if (begun[i].run == 2 && begun[i].attempt == 2)
            second = begun[i].pid;
    }
    assert_true(first != 0 && second != 0 && first != second);
    expect_output(&job, "SIGKILL (out of memory, or by hand); its output: runs/");
    job_close(&job);
}

static void crashing_run_is_set_aside(void **unused)
{
    struct job job;
    struct run_state states[JOB_MAX_RUNS];

    (void)unused;
    job_open(&job, n_ranks, 5);
    expect_exit(&job, job_run(&job, "1:abort:9,3:exit:9"), 1);
    job_states(&job, states);
    for (int i = 0; i < 5; i++)
        assert_int_equal(states[i].phase, i == 1 || i == 3 ? RUN_FAILED : RUN_DONE);
    assert_int_equal(states[1].exit_signal, SIGABRT);
    assert_non_null(strstr(states[1].message, "set aside after 2 crashes"));
    assert_non_null(strstr(states[1].message, "SIGABRT"));
    assert_non_null(strstr(states[3].message, "exit code 7"));
    assert_int_equal(job_n_begun(&job, 1), 2);
    expect_exit(&job, job_run(&job, ""), 1); /* it stays failed … */
    assert_int_equal(job_n_begun(&job, 1), 2);
    job_start(&job, "", "0.05", "retry"); /* … until asked for */
    expect_exit(&job, job_wait(&job), 0);
    assert_int_equal(job_n_begun(&job, 1), 3);
    assert_int_equal(job_n_begun(&job, 0), 1);
    job_close(&job);
}

static void failed_runs_do_not_stop_others(void **unused)
{
    struct job job;
    struct run_state states[JOB_MAX_RUNS];

    (void)unused;
    job_open(&job, n_ranks, 5);
    expect_exit(&job, job_run(&job, "0:diverge:9,4:io:1"), 1);
    job_states(&job, states);
    assert_int_equal(states[0].phase, RUN_FAILED);
    assert_int_equal(states[0].n_retries, 0); /* it would diverge again */
    assert_string_equal(states[0].message, "loss is NaN at step 3");
    assert_int_equal(states[4].phase, RUN_DONE);
    assert_int_equal(states[4].n_retries, 1);
    job_close(&job);
}

static void full_disk_charges_no_run(void **unused)
{
    struct job job;
    struct run_state states[JOB_MAX_RUNS];

    (void)unused;
    job_open(&job, n_ranks, 6);
    expect_exit(&job, job_run(&job, "2:full:1"), 3);
    expect_output(&job, "cannot write 'x': No space left on device");
    job_states(&job, states);
    for (int i = 0; i < 6; i++)
        assert_true(states[i].phase == RUN_DONE || states[i].phase == RUN_PENDING);
    assert_int_equal(states[2].phase, RUN_PENDING);
    expect_exit(&job, job_run(&job, ""), 0); /* there is room again: nothing more is asked for */
    job_states(&job, states);
    assert_int_equal(states[2].phase, RUN_DONE);
    assert_int_equal(states[2].n_retries + states[2].n_crashes, 0);
    job_close(&job);
}

static void fail_fast_leaves_the_rest(void **unused)
{
    struct job job;

    (void)unused;
    job_open(&job, n_ranks, 12);
    job_start(&job, "0:diverge:9", "0.3", "fast");
    expect_exit(&job, job_wait(&job), 1);
    expect_output(&job, "on_failure.fail_fast");
    assert_true(job_n_begun(&job, 11) == 0);
    job_close(&job);
}

/* SIGKILL to the launcher and to every rank; trainers must follow by themselves. */
static void killed_job_goes_on(void **unused)
{
    struct job job;
    struct run_state states[JOB_MAX_RUNS];
    struct begun begun[256];

    (void)unused;
    job_open(&job, n_ranks, 8);
    job_start(&job, "", "0.4", "");
    assert_true(job_wait_for_begun(&job, 4));
    int n = job_begun(&job, begun);
    kill(job.pid, SIGKILL);
    for (int i = 0; i < n; i++)
        kill((pid_t)begun[i].rank_pid, SIGKILL);
    job_wait(&job);
    for (int i = 0; i < n; i++) /* died with their rank */
        for (double end = clock_seconds() + 5; kill((pid_t)begun[i].pid, 0) == 0;) {
            assert_true(clock_seconds() < end);
            clock_sleep(0.02);
        }
    job_states(&job, states);
    int done[8], n_before[8];
    for (int i = 0; i < 8; i++) {
        done[i] = states[i].phase == RUN_DONE;
        n_before[i] = job_n_begun(&job, i);
    }
    expect_exit(&job, job_run(&job, ""), 0);
    job_states(&job, states);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(states[i].phase, RUN_DONE);
        assert_int_equal(job_n_begun(&job, i), n_before[i] + !done[i]);
        if (!done[i] && n_before[i] > 0)
            assert_true(states[i].attempt > n_before[i]);
    }
    job_close(&job);
}

static void signal_stops_in_order(void **unused)
{
    struct job job;
    struct begun begun[256];
    struct run_state states[JOB_MAX_RUNS];

    (void)unused;
    job_open(&job, n_ranks, 40);
    job_start(&job, "", "0.5", "");
    assert_true(job_wait_for_begun(&job, 2));
    assert_true(job_begun(&job, begun) >= 1);
    kill(n_ranks > 0 ? (pid_t)begun[0].rank_pid : job.pid, SIGUSR1);
    expect_exit(&job, job_wait(&job), 75);
    job_states(&job, states);
    for (int i = 0; i < 40; i++)
        assert_true(states[i].phase == RUN_DONE || states[i].phase == RUN_PENDING);
    assert_int_equal(states[39].phase, RUN_PENDING);
    job_close(&job);
}

/* Slurm, a batch script and the launcher may all pass the same warning on. */
static void repeated_warning_is_one_warning(void **unused)
{
    struct job job;
    struct begun begun[256];
    int n = 0;

    (void)unused;
    job_open(&job, n_ranks, 40);
    job_start(&job, "", "2.0", ""); /* the trainer looks for a stop every 200 ms */
    assert_true(job_wait_for_begun(&job, n_ranks > 1 ? n_ranks : 1));
    n = job_begun(&job, begun);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < n; k++)
            kill(n_ranks > 0 ? (pid_t)begun[k].rank_pid : job.pid, SIGUSR1);
        clock_sleep(0.03);
    }
    expect_exit(&job, job_wait(&job), 75);
    expect_output(&job, "stopped with a checkpoint");
    if (strstr(job.output, "stopped at once") != NULL)
        fail_msg("the second warning was taken for impatience: %s", job.output);
    job_close(&job);
}

static void second_sweep_is_refused(void **unused)
{
    struct job job, other;
    char owner[32];
    struct begun begun[256];

    (void)unused;
    job_open(&job, 0, 4);
    job_start(&job, "", "1.0", "");
    assert_true(job_wait_for_begun(&job, 1));
    assert_true(job_begun(&job, begun) >= 1);
    job_open(&other, n_ranks, 4);
    copy_text(other.results, sizeof other.results, job.results);
    expect_exit(&other, job_run(&other, ""), 2);
    expect_output(&other, "another sweep works in this results folder");
    snprintf(owner, sizeof owner, "process %ld on host", begun[0].rank_pid);
    expect_output(&other, owner);
    kill(job.pid, SIGTERM);
    expect_exit(&job, job_wait(&job), 75);
    job_close(&other);
    job_close(&job);
}

static void read_whole(const char *path, char **out, int64_t *n)
{
    assert_int_equal(file_read(path, out, n), STATUS_OK);
}

/* One byte of a finished run's result flips: the table keeps its row, and the run is repeated. */
static void damaged_result_is_repeated(void **unused)
{
    struct job job;
    struct run_state states[JOB_MAX_RUNS];
    char path[TEMPORARY_PATH_BYTES + 64], table[TEMPORARY_PATH_BYTES + 16];
    char *bytes = NULL, *before = NULL, *after = NULL;
    int64_t n = 0, n_before = 0, n_after = 0;

    (void)unused;
    job_open(&job, n_ranks, 4);
    expect_exit(&job, job_run(&job, ""), 0);
    snprintf(path, sizeof path, "%s/runs/%016d/a1/run.h5", job.results, 2);
    snprintf(table, sizeof table, "%s/results.h5", job.results);
    read_whole(path, &bytes, &n);
    bytes[n / 2] ^= 0x10;
    assert_int_equal(file_write(path, bytes, (size_t)n), STATUS_OK);
    read_whole(table, &before, &n_before);
    expect_exit(&job, job_run(&job, ""), 3);
    expect_output(&job, "results of 1 finished runs cannot be read");
    expect_output(&job, "its checksum is not that of its content");
    read_whole(table, &after, &n_after);
    assert_int_equal(n_after, n_before);
    assert_memory_equal(after, before, (size_t)n_before);
    expect_exit(&job, job_run(&job, ""), 0);
    job_states(&job, states);
    for (int i = 0; i < 4; i++)
        assert_int_equal(states[i].attempt, i == 2 ? 2 : 1);
    free(bytes);
    free(before);
    free(after);
    job_close(&job);
}

static void cut_journal_is_told(void **unused)
{
    struct job job;
    char path[TEMPORARY_PATH_BYTES + 16];

    (void)unused;
    job_open(&job, n_ranks, 3);
    expect_exit(&job, job_run(&job, ""), 0);
    if (strstr(job.output, "dropped") != NULL)
        fail_msg("nothing was dropped: %s", job.output);
    snprintf(path, sizeof path, "%s/journal.jsonl", job.results);
    assert_int_equal(truncate(path, file_size(path) - 7), 0);
    expect_exit(&job, job_run(&job, ""), 0);
    expect_output(&job, "bytes are cut short or damaged and dropped");
    expect_exit(&job, job_run(&job, ""), 0);
    if (strstr(job.output, "dropped") != NULL)
        fail_msg("the journal is whole again: %s", job.output);
    job_close(&job);
}

/* Moved away and another one put there, while it runs: nothing is written into that one. */
static void moved_folder_exits_3(void **unused)
{
    struct job job;
    struct run_state states[JOB_MAX_RUNS];
    char moved[TEMPORARY_PATH_BYTES + 16], status[TEMPORARY_PATH_BYTES + 16];

    (void)unused;
    job_open(&job, n_ranks, 40);
    snprintf(moved, sizeof moved, "%s-moved", job.results);
    snprintf(status, sizeof status, "%s/status.json", job.results);
    job_start(&job, "", "0.3", "");
    assert_true(job_wait_for_begun(&job, 2));
    assert_int_equal(rename(job.results, moved), 0);
    assert_int_equal(folder_create(job.results), STATUS_OK);
    expect_exit(&job, job_wait(&job), 3);
    expect_output(&job, "was removed, moved or replaced");
    assert_false(file_exists(status));
    char command[4 * TEMPORARY_PATH_BYTES];
    snprintf(command, sizeof command, "rm -rf '%s' && mv '%s' '%s'", job.results, moved,
             job.results);
    assert_int_equal(system(command), 0);
    expect_exit(&job, job_run(&job, ""), 0);
    job_states(&job, states);
    for (int i = 0; i < 40; i++)
        assert_int_equal(states[i].phase, RUN_DONE);
    job_close(&job);
}

static void bad_folder_exits_3(void **unused)
{
    struct job job;

    (void)unused;
    job_open(&job, n_ranks, 4);
    assert_int_equal(file_write(job.results, "a file", 6), STATUS_OK);
    expect_exit(&job, job_run(&job, ""), 3);
    expect_output(&job, "a file of that name is there");
    assert_int_equal(job_n_begun(&job, 0), 0);
    job_close(&job);
}

static void broken_trainer_ends_the_sweep(void **unused)
{
    struct job job;

    (void)unused;
    job_open(&job, n_ranks, 4);
    setenv("FAKE_TRAINER_BROKEN", "1", 1);
    expect_exit(&job, job_run(&job, ""), 3);
    unsetenv("FAKE_TRAINER_BROKEN");
    expect_output(&job, "3 trainers in a row did not start");
    expect_output(&job, "exit code 9; their output: rank-000");
    job_close(&job);
}

static void other_sweep_on_a_rank_is_found(void **unused)
{
    struct job job;

    (void)unused;
    if (n_ranks < 2)
        skip();
    job_open(&job, n_ranks, 4);
    job_start(&job, "", "0.05", "differ");
    expect_exit(&job, job_wait(&job), 2);
    expect_output(&job, "rank 1 on ");
    expect_output(&job, "the sweep expands to other runs here than on rank 0");
    job_close(&job);
}

static void fresh_keeps_the_old_folder(void **unused)
{
    struct job job;
    glob_t old = {0};
    char pattern[TEMPORARY_PATH_BYTES + 16];

    (void)unused;
    job_open(&job, n_ranks, 2);
    expect_exit(&job, job_run(&job, ""), 0);
    job_start(&job, "", "0.05", "fresh");
    expect_exit(&job, job_wait(&job), 0);
    assert_int_equal(job_n_begun(&job, 1), 2);
    snprintf(pattern, sizeof pattern, "%s.2*T*", job.results); /* named after the moment */
    assert_int_equal(glob(pattern, 0, NULL, &old), 0);
    assert_int_equal(old.gl_pathc, 1);
    globfree(&old);
    job_close(&job);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_trainer_is_replaced),
        cmocka_unit_test(crashing_run_is_set_aside),
        cmocka_unit_test(failed_runs_do_not_stop_others),
        cmocka_unit_test(full_disk_charges_no_run),
        cmocka_unit_test(fail_fast_leaves_the_rest),
        cmocka_unit_test(killed_job_goes_on),
        cmocka_unit_test(signal_stops_in_order),
        cmocka_unit_test(repeated_warning_is_one_warning),
        cmocka_unit_test(second_sweep_is_refused),
        cmocka_unit_test(damaged_result_is_repeated),
        cmocka_unit_test(cut_journal_is_told),
        cmocka_unit_test(moved_folder_exits_3),
        cmocka_unit_test(bad_folder_exits_3),
        cmocka_unit_test(broken_trainer_ends_the_sweep),
        cmocka_unit_test(other_sweep_on_a_rank_is_found),
        cmocka_unit_test(fresh_keeps_the_old_folder),
    };

    n_ranks = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
