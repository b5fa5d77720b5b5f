/* A sweep against folders with known journals: every state, runs that changed, runs that are no
 * longer asked for, and what damage costs. */
#include "dispatch/folder/folder_difference.h"

#include "base/file.h"
#include "dispatch/journal/journal.h"
#include "mpi/made_sweep.h"
#include "store/results/shard.h"
#include "support/cmocka.h"
#include "support/temporary_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_RUNS = 5 };

struct stage {
    struct temporary_folder folder;
    struct sweep *sweep;
    struct arena *arena;
};

static int enter(void **state)
{
    struct stage *stage = heap_alloc(1, sizeof *stage);

    assert_non_null(stage);
    temporary_folder_open(&stage->folder);
    stage->sweep = made_sweep_create(N_RUNS);
    assert_non_null(stage->sweep);
    assert_int_equal(arena_create(&stage->arena), STATUS_OK);
    *state = stage;
    return 0;
}

static int leave(void **state)
{
    struct stage *stage = *state;

    temporary_folder_close(&stage->folder);
    sweep_destroy(stage->sweep);
    arena_destroy(stage->arena);
    free(stage);
    return 0;
}

static void write_journal(const struct stage *stage, struct shard shard,
                          const struct journal_event *events, int n)
{
    struct journal *journal = NULL;
    const char *path = shard_path(stage->arena, stage->folder.path, shard, shard_journal);

    assert_non_null(path);
    assert_int_equal(journal_open(path, 0, &journal), STATUS_OK);
    for (int i = 0; i < n; i++)
        assert_int_equal(journal_append(journal, &events[i]), STATUS_OK);
    journal_close(journal);
}

static struct journal_event event_of(enum journal_kind kind, int run)
{
    struct journal_event event = {
        .kind = kind, .attempt = 1, .time = "2026-01-01T00:00:00.000Z", .host = "h"};

    made_run_id(run, event.run_id);
    return event;
}

static void write_result(const struct stage *stage, int run)
{
    char id[RUN_ID_BYTES], name[128], path[TEMPORARY_PATH_BYTES];

    made_run_id(run, id);
    snprintf(name, sizeof name, "runs/%s/a1", id);
    assert_int_equal(folder_create(temporary_path(&stage->folder, name, path)), STATUS_OK);
    snprintf(name, sizeof name, "runs/%s/a1/run.h5", id);
    assert_int_equal(file_write(temporary_path(&stage->folder, name, path), "x", 1), STATUS_OK);
}

static struct folder_difference find(const struct stage *stage)
{
    struct folder_difference difference;

    assert_int_equal(
        folder_difference_find(stage->sweep, stage->folder.path, stage->arena, &difference),
        STATUS_OK);
    return difference;
}

static void test_nothing_there(void **state)
{
    const struct stage *stage = *state;
    struct folder_difference difference = find(stage);

    assert_false(difference.exists);
    assert_int_equal(difference.counts[DIFFERENCE_NEW], N_RUNS);
    assert_int_equal(temporary_folder_count(&stage->folder), 0); /* and nothing was written */
}

static void test_states(void **state)
{
    const struct stage *stage = *state;
    const struct journal_event events[] = {
        event_of(JOURNAL_ASSIGNED, 0), event_of(JOURNAL_DONE, 0),
        event_of(JOURNAL_ASSIGNED, 1), event_of(JOURNAL_FAILED, 1),
        event_of(JOURNAL_ASSIGNED, 2), event_of(JOURNAL_INTERRUPTED, 2),
        event_of(JOURNAL_ASSIGNED, 3), event_of(JOURNAL_DONE, 3), /* and its file is gone */
    };
    static const enum difference_state wanted[N_RUNS] = {DIFFERENCE_DONE, DIFFERENCE_FAILED,
                                                         DIFFERENCE_UNFINISHED,
                                                         DIFFERENCE_UNFINISHED, DIFFERENCE_NEW};

    write_journal(stage, (struct shard){0}, events, 8);
    write_result(stage, 0);
    struct folder_difference difference = find(stage);
    assert_true(difference.exists);
    assert_memory_equal(difference.states, wanted, sizeof wanted);
    assert_int_equal(difference.counts[DIFFERENCE_UNFINISHED], 2);
    assert_int_equal(difference.n_lost, 0);
}

static void test_shards(void **state)
{
    const struct stage *stage = *state;
    const struct journal_event first[] = {event_of(JOURNAL_ASSIGNED, 0), event_of(JOURNAL_DONE, 0)};
    const struct journal_event second[] = {event_of(JOURNAL_ASSIGNED, 4),
                                           event_of(JOURNAL_FAILED, 4)};

    write_journal(stage, (struct shard){1, 2}, first, 2);
    write_journal(stage, (struct shard){2, 2}, second, 2);
    write_result(stage, 0);
    struct folder_difference difference = find(stage);
    assert_int_equal(difference.n_shards, 2);
    assert_int_equal(difference.states[0], DIFFERENCE_DONE);
    assert_int_equal(difference.states[4], DIFFERENCE_FAILED);
    assert_int_equal(difference.counts[DIFFERENCE_NEW], 3);
}

/* plan.json of the last start: run 7 stood where run 1 stands now, with other epochs; run 8 where
 * nobody does. */
static void write_plan(const struct stage *stage)
{
    struct text json = {0};
    struct settings before = stage->sweep->runs[1].settings;
    char path[TEMPORARY_PATH_BYTES];

    text_append(&json, "{\"runs\": [{\"id\": \"0000000000000007\", \"name\": \"seven\", "
                       "\"settings\": ");
    before.train.epochs++;
    assert_int_equal(settings_to_json(&before, &json), STATUS_OK);
    text_append(&json, "}, {\"id\": \"0000000000000008\", \"name\": \"eight\", \"settings\": ");
    before.seed = 99;
    assert_int_equal(settings_to_json(&before, &json), STATUS_OK);
    text_append(&json, "}]}");
    assert_int_equal(text_finish(&json), STATUS_OK);
    assert_int_equal(file_write(temporary_path(&stage->folder, "plan.json", path),
                                text_value(&json), (size_t)json.length),
                     STATUS_OK);
    text_release(&json);
}

static void write_orphans(const struct stage *stage)
{
    const struct journal_event events[] = {
        event_of(JOURNAL_ASSIGNED, 7), event_of(JOURNAL_DONE, 7), event_of(JOURNAL_ASSIGNED, 8),
        event_of(JOURNAL_FAILED, 8), event_of(JOURNAL_ASSIGNED, 9)};

    write_journal(stage, (struct shard){0}, events, 5);
}

static void test_changed(void **state)
{
    const struct stage *stage = *state;
    char before[16], after[16];

    write_orphans(stage);
    write_plan(stage);
    struct folder_difference difference = find(stage);
    assert_int_equal(difference.states[1], DIFFERENCE_CHANGED);
    assert_int_equal(difference.counts[DIFFERENCE_CHANGED], 1);
    assert_int_equal(difference.counts[DIFFERENCE_NEW], N_RUNS - 1);
    assert_int_equal(difference.n_lost, 3);
    assert_string_equal(difference.lost[0].name, "eight");
    assert_int_equal(difference.lost[0].replaced_by, -1);
    assert_string_equal(difference.lost[1].name, "seven");
    assert_int_equal(difference.lost[1].phase, RUN_DONE);
    assert_int_equal(difference.lost[1].replaced_by, 1);
    assert_string_equal(difference.lost[2].id, "0000000000000009");
    assert_string_equal(difference.lost[2].name, "");
    int64_t epochs = stage->sweep->runs[1].settings.train.epochs;
    snprintf(before, sizeof before, "%d", (int)epochs + 1);
    snprintf(after, sizeof after, "%d", (int)epochs);
    assert_int_equal(difference.n_changed, 1);
    assert_string_equal(difference.changed[0].name, "train.epochs");
    assert_string_equal(difference.changed[0].before, before);
    assert_string_equal(difference.changed[0].after, after);
}

/* Names and what changed are lost, nothing else. */
static void test_damaged_plan(void **state)
{
    const struct stage *stage = *state;
    char path[TEMPORARY_PATH_BYTES];

    write_orphans(stage);
    assert_int_equal(file_write(temporary_path(&stage->folder, "plan.json", path), "{\"runs\"", 7),
                     STATUS_OK);
    struct folder_difference difference = find(stage);
    assert_int_equal(difference.n_lost, 3);
    assert_int_equal(difference.counts[DIFFERENCE_CHANGED], 0);
    assert_string_equal(difference.lost[0].name, "");
}

static void test_damaged_journal(void **state)
{
    const struct stage *stage = *state;
    struct folder_difference difference;
    char path[TEMPORARY_PATH_BYTES];

    assert_int_equal(
        file_write(temporary_path(&stage->folder, "journal.jsonl", path), "{}\n{}\n", 6),
        STATUS_OK);
    assert_int_equal(
        folder_difference_find(stage->sweep, stage->folder.path, stage->arena, &difference),
        STATUS_BAD_DATA);
    assert_non_null(strstr(status_message(), "journal.jsonl' line 1 is damaged"));
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        ON_STAGE(test_nothing_there), ON_STAGE(test_states),       ON_STAGE(test_shards),
        ON_STAGE(test_changed),       ON_STAGE(test_damaged_plan), ON_STAGE(test_damaged_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
