/* Every run is done once, whatever the number of ranks; each rank takes part; a second start finds
 * nothing to do. argv[1]: ranks, 0 for no mpirun. */
#include "mpi/job.h"

#include "base/file.h"
#include "store/results/results.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int n_ranks; /* CMocka's tests take no arguments of ours */

static int distinct_ranks(const struct begun *begun, int n)
{
    int found = 0;

    for (int i = 0; i < n; i++) {
        bool is_new = true;
        for (int j = 0; j < i; j++)
            is_new = is_new && begun[j].rank_pid != begun[i].rank_pid;
        found += is_new;
    }
    return found;
}

static void check_results(const struct job *job)
{
    struct arena *arena = NULL;
    struct results results;
    char path[TEMPORARY_PATH_BYTES + 32];
    bool has_accuracy = false;

    assert_int_equal(arena_create(&arena), STATUS_OK);
    snprintf(path, sizeof path, "%s/results.h5", job->results);
    if (results_read(path, arena, &results) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_int_equal(results.n_rows, job->n_runs);
    for (int64_t j = 0; j < results.n_columns; j++) {
        const struct result_column *column = &results.columns[j];
        for (int64_t i = 0; i < results.n_rows; i++) {
            if (strcmp(column->name, "state") == 0)
                assert_string_equal(column->texts[i], "done");
            if (strcmp(column->name, "seed") == 0)
                assert_int_equal(column->integers[i], i);
            if (strcmp(column->name, "RA") == 0)
                assert_true(column->floats[i] == 0.01 * (double)i);
        }
        has_accuracy = has_accuracy || strcmp(column->name, "RA") == 0;
    }
    assert_true(has_accuracy);
    arena_destroy(arena);
}

static void deals_every_run_once(void **unused)
{
    struct job job;
    struct run_state states[JOB_MAX_RUNS];
    struct begun begun[256];
    int size = n_ranks > 0 ? n_ranks : 1;

    (void)unused;
    job_open(&job, n_ranks, 4 * size);
    job_start(&job, "", "0.5", "");
    int exit_code = job_wait(&job);
    if (exit_code != 0)
        fail_msg("exit %d: %s", exit_code, job.output);
    int n = job_begun(&job, begun);
    assert_int_equal(n, job.n_runs);
    assert_int_equal(distinct_ranks(begun, n), size);
    assert_true(job_states(&job, states) >= 2 * job.n_runs + 2);
    for (int i = 0; i < job.n_runs; i++) {
        assert_int_equal(states[i].phase, RUN_DONE);
        assert_int_equal(states[i].attempt, 1);
        assert_int_equal(job_n_begun(&job, i), 1);
    }
    check_results(&job);
    assert_int_equal(job_run(&job, ""), 0); /* again: nothing is left */
    assert_int_equal(job_begun(&job, begun), n);
    check_results(&job);
    job_close(&job);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(deals_every_run_once)};

    n_ranks = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
