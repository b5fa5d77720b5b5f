/* A results folder shared by shards: one cut, one sweep, what an edit moves between them, and how
 * the whole stands. */
#include "dispatch/folder/results_folder.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/numerics.h"
#include "dispatch/folder/stop_request.h"
#include "dispatch/journal/journal.h"
#include "mpi/made_sweep.h"
#include "support/cmocka.h"
#include "support/temporary_folder.h"
#include "sweep/plan/shard_runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_RUNS = 6 };

struct stage {
    struct temporary_folder folder;
    struct sweep *whole, *parts[2];
    struct arena *arena;
};

static int enter(void **state)
{
    struct stage *stage = heap_alloc(1, sizeof *stage);

    assert_non_null(stage);
    temporary_folder_open(&stage->folder);
    stage->whole = made_sweep_create(N_RUNS);
    assert_non_null(stage->whole);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sweep_deal(stage->whole, (struct shard){i + 1, 2}, &stage->parts[i]),
                         STATUS_OK);
    assert_int_equal(arena_create(&stage->arena), STATUS_OK);
    *state = stage;
    return 0;
}

static int leave(void **state)
{
    struct stage *stage = *state;

    temporary_folder_close(&stage->folder);
    sweep_destroy(stage->parts[0]);
    sweep_destroy(stage->parts[1]);
    sweep_destroy(stage->whole);
    arena_destroy(stage->arena);
    free(stage);
    return 0;
}

static enum status open_folder(const struct stage *stage, struct shard shard,
                               const struct sweep *sweep, struct results_folder **out)
{
    const struct dispatch_settings settings = {
        .folder = stage->folder.path, .command = "prunelora sweep x", .shard = shard};

    return results_folder_open(&settings, sweep, out);
}

/* Opens as shard `index` of two and writes what a start leaves when it ends. */
static struct results_folder *begin(const struct stage *stage, int index)
{
    struct results_folder *folder = NULL;
    struct journal *journal = NULL;

    assert_int_equal(open_folder(stage, (struct shard){index, 2}, stage->parts[index - 1], &folder),
                     STATUS_OK);
    assert_int_equal(results_folder_describe(folder), STATUS_OK);
    assert_int_equal(journal_open(folder->journal_path, folder->journal_good_bytes, &journal),
                     STATUS_OK);
    journal_close(journal);
    return folder;
}

static void expect_message(const char *words)
{
    if (strstr(status_message(), words) == NULL)
        fail_msg("'%s' does not say '%s'", status_message(), words);
}

/* ---- one cut ---- */

static void other_cut_is_refused(void **state)
{
    const struct stage *stage = *state;
    struct results_folder *folder = NULL;

    results_folder_close(begin(stage, 1));
    assert_int_equal(open_folder(stage, (struct shard){1, 3}, stage->whole, &folder),
                     STATUS_BAD_CONFIG);
    expect_message("holds a sweep in 2 shards and cannot go on as a sweep in 3 shards; use "
                   "--shard I/2, or give --out another folder");
    assert_int_equal(open_folder(stage, (struct shard){0}, stage->whole, &folder),
                     STATUS_BAD_CONFIG);
    expect_message("holds a sweep in 2 shards and cannot go on as a sweep in one piece; use "
                   "--shard I/2");
    assert_null(folder);
    results_folder_close(begin(stage, 2)); /* the other half may */
}

static void whole_is_not_cut(void **state)
{
    const struct stage *stage = *state;
    char path[TEMPORARY_PATH_BYTES];
    struct results_folder *folder = NULL;

    assert_int_equal(file_write(temporary_path(&stage->folder, "journal.jsonl", path), "", 0),
                     STATUS_OK);
    assert_int_equal(open_folder(stage, (struct shard){1, 2}, stage->parts[0], &folder),
                     STATUS_BAD_CONFIG);
    expect_message("holds a sweep in one piece and cannot go on as a sweep in 2 shards; leave out "
                   "--shard, or give --out another folder");
}

/* A start that has its lock and no journal yet counts as well. */
static void lock_is_seen(void **state)
{
    const struct stage *stage = *state;
    struct folder_lock *lock = NULL;
    struct results_folder *folder = NULL;

    assert_int_equal(folder_lock_take(stage->folder.path, (struct shard){2, 3}, 1, &lock),
                     STATUS_OK);
    assert_int_equal(open_folder(stage, (struct shard){1, 2}, stage->parts[0], &folder),
                     STATUS_BAD_CONFIG);
    expect_message("holds a sweep in 3 shards");
    folder_lock_release(lock);
    results_folder_close(begin(stage, 1)); /* given back, it is nobody's */
}

static void locks_are_apart(void **state)
{
    const struct stage *stage = *state;
    struct results_folder *first = begin(stage, 1), *second = begin(stage, 2), *third = NULL;

    assert_int_equal(open_folder(stage, (struct shard){1, 2}, stage->parts[0], &third),
                     STATUS_BAD_CONFIG);
    expect_message("lock-1-of-2'): process ");
    assert_string_equal(path_base(first->journal_path), "journal-1-of-2.jsonl");
    results_folder_close(first);
    results_folder_close(second);
}

/* ---- one sweep ---- */

static void other_sweep_waits(void **state)
{
    const struct stage *stage = *state;
    struct results_folder *first = begin(stage, 1), *second = NULL;
    struct sweep *edited = made_sweep_create(N_RUNS + 1), *part = NULL;

    assert_non_null(edited);
    assert_int_equal(sweep_deal(edited, (struct shard){2, 2}, &part), STATUS_OK);
    assert_int_equal(results_folder_status(first, "running", -1, ""), STATUS_OK);
    assert_int_equal(open_folder(stage, (struct shard){2, 2}, part, &second), STATUS_BAD_CONFIG);
    expect_message("shard 1 of 2 is at work in '");
    expect_message("on other runs than this sweep has; wait for it, or end it by `prunelora stop ");
    assert_int_equal(results_folder_status(first, "stopped", 75, ""), STATUS_OK);
    assert_int_equal(open_folder(stage, (struct shard){2, 2}, part, &second), STATUS_OK);
    results_folder_close(first);
    results_folder_close(second);
    sweep_destroy(part);
    sweep_destroy(edited);
}

/* ---- after an edit ---- */

static struct journal_event event_of(enum journal_kind kind, const struct run *run)
{
    struct journal_event event = {.kind = kind,
                                  .attempt = 1,
                                  .numerics = kind == JOURNAL_ASSIGNED ? NUMERICS_VERSION : 0,
                                  .time = "2026-01-01T00:00:00.000Z",
                                  .host = "h"};

    memcpy(event.run_id, run->id, RUN_ID_BYTES);
    return event;
}

static void append(const struct results_folder *folder, enum journal_kind kind,
                   const struct run *run)
{
    const struct journal_event event = event_of(kind, run);
    struct journal *journal = NULL;
    int64_t n = file_size(folder->journal_path);

    assert_int_equal(journal_open(folder->journal_path, n > 0 ? n : 0, &journal), STATUS_OK);
    assert_int_equal(journal_append(journal, &event), STATUS_OK);
    journal_close(journal);
}

/* Runs of shard 2 that shard 1 did when they were its own; what belongs to neither is orphaned. */
static void finished_elsewhere_is_kept(void **state)
{
    const struct stage *stage = *state;
    const struct run *done = &stage->parts[1]->runs[0], *failed = &stage->parts[1]->runs[1];
    struct run lost = {.id = "ffffffffffffffff"};
    char path[TEMPORARY_PATH_BYTES], name[128];
    struct results_folder *folder = begin(stage, 1);

    append(folder, JOURNAL_ASSIGNED, done);
    append(folder, JOURNAL_DONE, done);
    append(folder, JOURNAL_ASSIGNED, failed);
    append(folder, JOURNAL_FAILED, failed);
    append(folder, JOURNAL_ASSIGNED, &lost);
    results_folder_close(folder);
    snprintf(name, sizeof name, "runs/%s/a1", done->id);
    assert_int_equal(folder_create(temporary_path(&stage->folder, name, path)), STATUS_OK);
    snprintf(name, sizeof name, "runs/%s/a1/run.h5", done->id);
    assert_int_equal(file_write(temporary_path(&stage->folder, name, path), "x", 1), STATUS_OK);
    folder = begin(stage, 2);
    assert_int_equal(folder->states[0].phase, RUN_DONE);
    assert_true(folder->states[0].was_done_before);
    assert_int_equal(folder->states[1].phase, RUN_FAILED);
    assert_int_equal(folder->counts.n_pending, 1);
    assert_int_equal(folder->counts.n_orphaned, 0);
    results_folder_close(folder);
    folder = begin(stage, 1);
    assert_int_equal(folder->counts.n_orphaned, 1);
    assert_int_equal(folder->counts.n_pending, 3);
    results_folder_close(folder);
}

/* What a start that was killed had under its hands goes; another shard may be writing. */
static void own_temporaries_go(void **state)
{
    const struct stage *stage = *state;
    char own[TEMPORARY_PATH_BYTES], other[TEMPORARY_PATH_BYTES];

    results_folder_close(begin(stage, 1));
    temporary_path(&stage->folder, "results-1-of-2.h5.77.tmp", own);
    temporary_path(&stage->folder, "results-2-of-2.h5.78.tmp", other);
    assert_int_equal(file_write(own, "x", 1), STATUS_OK);
    assert_int_equal(file_write(other, "x", 1), STATUS_OK);
    results_folder_close(begin(stage, 1));
    assert_false(file_exists(own));
    assert_true(file_exists(other));
}

static void own_beginning_counts(void **state)
{
    const struct stage *stage = *state;
    const struct run *run = &stage->parts[1]->runs[0];
    struct results_folder *folder = begin(stage, 1);

    append(folder, JOURNAL_FAILED, run);
    results_folder_close(folder);
    folder = begin(stage, 2);
    append(folder, JOURNAL_ASSIGNED, run); /* asked for again, and under way */
    results_folder_close(folder);
    folder = begin(stage, 2);
    assert_int_equal(folder->states[0].phase, RUN_PENDING);
    results_folder_close(folder);
}

/* plan.json tells of the whole, whoever wrote it last. */
static void plan_is_whole(void **state)
{
    const struct stage *stage = *state;
    char path[TEMPORARY_PATH_BYTES], *text = NULL;
    int64_t n = 0;

    results_folder_close(begin(stage, 2));
    assert_int_equal(file_read(temporary_path(&stage->folder, "plan.json", path), &text, &n),
                     STATUS_OK);
    for (int64_t i = 0; i < N_RUNS; i++)
        assert_non_null(strstr(text, stage->whole->runs[i].name));
    free(text);
}

/* ---- runs asked for by name, and beginning anew ---- */

static void only_some_are_asked_for(void **state)
{
    const struct stage *stage = *state;
    const bool is_asked[N_RUNS] = {false, true, false, false, false, false};
    struct dispatch_settings settings = {
        .folder = stage->folder.path, .command = "x", .is_asked = is_asked, .retries_failed = true};
    const struct run *runs = stage->whole->runs;
    struct results_folder *folder = NULL;

    assert_int_equal(results_folder_open(&settings, stage->whole, &folder), STATUS_OK);
    assert_int_equal(folder->counts.n_pending, 1);
    assert_int_equal(folder->counts.n_held, N_RUNS - 1);
    append(folder, JOURNAL_FAILED, &runs[0]);
    append(folder, JOURNAL_FAILED, &runs[1]);
    results_folder_close(folder);
    assert_int_equal(results_folder_open(&settings, stage->whole, &folder), STATUS_OK);
    assert_false(folder->is_reopened[0]); /* failed, and not asked for */
    assert_true(folder->is_reopened[1]);
    assert_int_equal(folder->counts.n_failed, 1);
    assert_int_equal(folder->counts.n_pending, 1);
    results_folder_close(folder);
}

static void resume_wants_a_beginning(void **state)
{
    const struct stage *stage = *state;
    struct dispatch_settings settings = {
        .folder = stage->folder.path, .command = "x", .needs_earlier = true};
    struct results_folder *folder = NULL;

    assert_int_equal(results_folder_open(&settings, stage->whole, &folder), STATUS_BAD_CONFIG);
    expect_message("nothing to resume: no sweep has begun in '");
    expect_message("(there is no 'journal.jsonl'); leave out --resume to begin one");
    assert_int_equal(temporary_folder_count(&stage->folder), 0);
    settings.shard = (struct shard){1, 2};
    results_folder_close(begin(stage, 1));
    assert_int_equal(results_folder_open(&settings, stage->parts[0], &folder), STATUS_OK);
    results_folder_close(folder);
}

static void fresh_waits_for_every_shard(void **state)
{
    const struct stage *stage = *state;
    struct dispatch_settings settings = {
        .folder = stage->folder.path, .command = "x", .is_fresh = true};
    struct results_folder *second = begin(stage, 2), *folder = NULL;

    assert_int_equal(results_folder_open(&settings, stage->whole, &folder), STATUS_BAD_CONFIG);
    expect_message("lock-2-of-2'): process ");
    results_folder_close(second);
}

/* ---- one status ---- */

static struct sweep_status read_status(const struct stage *stage)
{
    struct sweep_status status;

    assert_int_equal(status_file_read(stage->folder.path, stage->arena, &status), STATUS_OK);
    return status;
}

static void statuses_are_joined(void **state)
{
    const struct stage *stage = *state;
    struct results_folder *first = begin(stage, 1), *second = begin(stage, 2);
    double age = 0;

    assert_false(status_file_exists(stage->folder.path));
    assert_int_equal(results_folder_status(first, "done", 0, ""), STATUS_OK);
    assert_true(status_file_exists(stage->folder.path));
    struct sweep_status joined = read_status(stage);
    assert_string_equal(joined.state, "stopped"); /* the other half is work left */
    assert_int_equal(joined.exit_code, 75);
    assert_string_equal(joined.message, "1 of 2 shards have not begun");
    assert_int_equal(results_folder_status(second, "running", -1, ""), STATUS_OK);
    joined = read_status(stage);
    assert_string_equal(joined.state, "running");
    assert_int_equal(joined.exit_code, -1);
    assert_int_equal(joined.counts.n_runs, N_RUNS);
    assert_true(status_is_alive(stage->folder.path, &joined, &age));
    assert_int_equal(results_folder_status(second, "failed", 1, ""), STATUS_OK);
    joined = read_status(stage);
    assert_string_equal(joined.state, "failed");
    assert_int_equal(joined.exit_code, 1);
    assert_false(status_is_alive(stage->folder.path, &joined, &age));
    assert_int_equal(results_folder_status(first, "stopped", 75, "received SIGUSR1"), STATUS_OK);
    joined = read_status(stage);
    assert_string_equal(joined.state, "stopped");
    assert_string_equal(joined.message, "shard 1 of 2: received SIGUSR1");
    results_folder_close(first);
    results_folder_close(second);
}

/* Each shard has its own request to stop. */
static void requests_are_apart(void **state)
{
    const struct stage *stage = *state;
    char reason[STOP_REASON_BYTES];

    assert_int_equal(stop_request_make(stage->folder.path, (struct shard){1, 2}), STATUS_OK);
    assert_false(stop_request_take(stage->folder.path, (struct shard){2, 2}, reason));
    assert_false(stop_request_take(stage->folder.path, (struct shard){0}, reason));
    assert_true(stop_request_take(stage->folder.path, (struct shard){1, 2}, reason));
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        ON_STAGE(other_cut_is_refused),
        ON_STAGE(whole_is_not_cut),
        ON_STAGE(lock_is_seen),
        ON_STAGE(locks_are_apart),
        ON_STAGE(other_sweep_waits),
        ON_STAGE(finished_elsewhere_is_kept),
        ON_STAGE(own_temporaries_go),
        ON_STAGE(own_beginning_counts),
        ON_STAGE(plan_is_whole),
        ON_STAGE(only_some_are_asked_for),
        ON_STAGE(resume_wants_a_beginning),
        ON_STAGE(fresh_waits_for_every_shard),
        ON_STAGE(statuses_are_joined),
        ON_STAGE(requests_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
