/* The writing thread: events reach the journal, results.h5 follows, a full disk is reported. */
#include "dispatch/lead/recorder.h"

#include "base/clock.h"
#include "base/file.h"
#include "dispatch/folder/folder_lock.h"
#include "mpi/made_sweep.h"
#include "store/results/results.h"
#include "support/cmocka.h"
#include "support/failing_call.h"
#include "support/temporary_folder.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_RUNS = 3 };

struct stage {
    struct temporary_folder folder;
    char journal_path[TEMPORARY_PATH_BYTES], results_path[TEMPORARY_PATH_BYTES];
    char status_path[TEMPORARY_PATH_BYTES];
    struct sweep *sweep;
    struct run_state states[N_RUNS];
    struct folder_lock *lock;
    struct recorder *recorder;
};

static void open_stage(struct stage *stage)
{
    struct journal *journal = NULL;
    struct results_file *results = NULL;

    memset(stage, 0, sizeof *stage);
    temporary_folder_open(&stage->folder);
    temporary_path(&stage->folder, "journal.jsonl", stage->journal_path);
    temporary_path(&stage->folder, "results.h5", stage->results_path);
    temporary_path(&stage->folder, "status.json", stage->status_path);
    stage->sweep = made_sweep_create(N_RUNS);
    assert_non_null(stage->sweep);
    assert_int_equal(folder_lock_take(stage->folder.path, (struct shard){0}, 1, &stage->lock),
                     STATUS_OK);
    assert_int_equal(journal_open(stage->journal_path, 0, &journal), STATUS_OK);
    assert_int_equal(results_file_create(stage->sweep, stage->folder.path, (struct shard){0},
                                         "prunelora sweep x", &results),
                     STATUS_OK);
    struct recorder_settings settings = {.journal = journal,
                                         .results = results,
                                         .lock = stage->lock,
                                         .states = stage->states,
                                         .sweep = stage->sweep,
                                         .folder = stage->folder.path,
                                         .status = {.state = "running",
                                                    .exit_code = -1,
                                                    .message = "",
                                                    .name = "made",
                                                    .command = "prunelora sweep x",
                                                    .started = "",
                                                    .seconds_left = NAN},
                                         .n_ranks = 2,
                                         .rebuild_seconds = 0.01};
    assert_int_equal(recorder_create(&settings, &stage->recorder), STATUS_OK);
}

static void close_stage(struct stage *stage)
{
    folder_lock_release(stage->lock);
    sweep_destroy(stage->sweep);
    temporary_folder_close(&stage->folder);
}

static void push(struct stage *stage, enum journal_kind kind, int64_t run, const char *text)
{
    struct journal_event event = {.kind = kind, .run = run, .attempt = 1};

    memcpy(event.run_id, stage->sweep->runs[run].id, RUN_ID_BYTES);
    copy_text(event.text, sizeof event.text, text);
    copy_text(event.host, sizeof event.host, "here");
    assert_int_equal(recorder_push(stage->recorder, &event), STATUS_OK);
}

static void count(void *context, const struct journal_event *event)
{
    (void)event;
    ++*(int *)context;
}

static const struct result_column *find(const struct results *results, const char *name)
{
    for (int64_t j = 0; j < results->n_columns; j++)
        if (strcmp(results->columns[j].name, name) == 0)
            return &results->columns[j];
    fail_msg("no column '%s'", name);
    return NULL;
}

static void events_reach_the_files(void **unused)
{
    struct stage stage;
    struct arena *arena = NULL;
    struct results results;
    int64_t good = 0;
    int n = 0;

    (void)unused;
    open_stage(&stage);
    push(&stage, JOURNAL_ASSIGNED, 0, "");
    push(&stage, JOURNAL_ASSIGNED, 1, "");
    push(&stage, JOURNAL_FAILED, 1, "loss is NaN");
    push(&stage, JOURNAL_ASSIGNED, 2, "");
    push(&stage, JOURNAL_DONE, 2, ""); /* its run.h5 is missing: the row says so */
    assert_int_equal(recorder_finish(stage.recorder), STATUS_OK);
    assert_int_equal(journal_replay(stage.journal_path, count, &n, &good), STATUS_OK);
    assert_int_equal(n, 5);
    assert_int_equal(arena_create(&arena), STATUS_OK);
    assert_int_equal(results_read(stage.results_path, arena, &results), STATUS_OK);
    assert_int_equal(results.n_rows, N_RUNS);
    assert_string_equal(find(&results, "state")->texts[0], "running");
    assert_string_equal(find(&results, "state")->texts[1], "failed");
    assert_string_equal(find(&results, "state")->texts[2], "done");
    assert_string_equal(find(&results, "error")->texts[0], "");
    assert_string_equal(find(&results, "error")->texts[1], "loss is NaN");
    assert_non_null(strstr(find(&results, "error")->texts[2], "run.h5"));
    assert_string_equal(find(&results, "host")->texts[1], "here");
    assert_int_equal(find(&results, "seed")->kind, COLUMN_INTEGER);
    assert_true(isnan(find(&results, "UA")->floats[2]));
    arena_destroy(arena);
    close_stage(&stage);
}

static void results_follow_while_it_runs(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    for (double end = clock_seconds() + 10; !file_exists(stage.results_path);) {
        assert_true(clock_seconds() < end);
        clock_sleep(0.01);
    }
    assert_int_equal(recorder_check(stage.recorder), STATUS_OK);
    assert_int_equal(recorder_finish(stage.recorder), STATUS_OK);
    close_stage(&stage);
}

static void full_disk_is_reported(void **unused)
{
    struct stage stage;
    enum status status = STATUS_OK;

    (void)unused;
    open_stage(&stage);
    /* Then the first round of writing is through, and the next write is the journal's. */
    while (!file_exists(stage.results_path) || !file_exists(stage.status_path))
        clock_sleep(0.01);
    failing_call_arm(CALL_WRITE, 1, ENOSPC);
    push(&stage, JOURNAL_ASSIGNED, 0, "");
    for (double end = clock_seconds() + 10; status == STATUS_OK; clock_sleep(0.01)) {
        assert_true(clock_seconds() < end);
        status = recorder_check(stage.recorder);
    }
    failing_call_disarm();
    assert_int_equal(status, STATUS_STORAGE);
    assert_non_null(strstr(status_message(), "journal.jsonl"));
    assert_non_null(strstr(status_message(), "No space left"));
    push(&stage, JOURNAL_DONE, 0, ""); /* taken, not written: the files stay as they were */
    assert_int_equal(recorder_finish(stage.recorder), STATUS_STORAGE);
    assert_int_equal(file_size(stage.journal_path), 0);
    close_stage(&stage);
}

/* The machine's clock, a minute ahead when it is read: as if it had been set back since. */
static double wall_ahead_seconds;
int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    int code = __real_clock_gettime(clock, out);

    if (clock == CLOCK_REALTIME)
        out->tv_sec += (time_t)wall_ahead_seconds;
    return code;
}

static void clock_set_back_delays_nothing(void **unused)
{
    struct stage stage;
    char reason[STOP_REASON_BYTES];
    double begin = 0;

    (void)unused;
    wall_ahead_seconds = 60;
    open_stage(&stage);
    while (!file_exists(stage.results_path) || !file_exists(stage.status_path))
        clock_sleep(0.01);
    clock_sleep(0.2); /* it waits for work */
    begin = clock_seconds();
    assert_int_equal(stop_request_make(stage.folder.path, (struct shard){0}), STATUS_OK);
    while (!recorder_was_asked_to_stop(stage.recorder, reason)) {
        assert_true(clock_seconds() - begin < 10);
        clock_sleep(0.01);
    }
    wall_ahead_seconds = 0;
    assert_int_equal(recorder_finish(stage.recorder), STATUS_OK);
    close_stage(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_reach_the_files),
        cmocka_unit_test(results_follow_while_it_runs),
        cmocka_unit_test(full_disk_is_reported),
        cmocka_unit_test(clock_set_back_delays_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
