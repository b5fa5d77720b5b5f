/* A folder looked at again and again: what is new is added once, a new start begins anew. */
#include "cli/status/status_view.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char plan[] = "{\"runs\": [{\"id\": \"00000000000000a0\", \"name\": \"0000-lora\"}]}";

struct stage {
    struct temporary_folder folder;
    struct journal *journal;
    struct status_view view;
};

static void write_status(struct stage *stage, const char *started)
{
    const struct sweep_status running = {.state = "running",
                                         .exit_code = -1,
                                         .message = "",
                                         .name = "made",
                                         .command = "prunelora sweep x.yaml",
                                         .started = started,
                                         .counts = {.n_runs = 10, .n_pending = 10},
                                         .seconds_left = NAN};

    ok(status_file_write(stage->folder.path, &running));
}

static void begin_journal(struct stage *stage)
{
    char path[TEMPORARY_PATH_BYTES];

    journal_close(stage->journal);
    temporary_path(&stage->folder, "journal.jsonl", path);
    ok(journal_open(path, 0, &stage->journal));
}

static void open_stage(struct stage *stage)
{
    char path[TEMPORARY_PATH_BYTES];

    memset(stage, 0, sizeof *stage);
    temporary_folder_open(&stage->folder);
    stage->view.folder = stage->folder.path;
    temporary_path(&stage->folder, "plan.json", path);
    ok(file_write(path, plan, strlen(plan)));
    begin_journal(stage);
    write_status(stage, "2026-01-01T12:00:00.000Z");
}

static void close_stage(struct stage *stage)
{
    status_view_release(&stage->view);
    journal_close(stage->journal);
    temporary_folder_close(&stage->folder);
}

static void tell(struct stage *stage, enum journal_kind kind, const char *time, const char *text)
{
    struct journal_event event = {.kind = kind, .attempt = 1};

    copy_text(event.run_id, sizeof event.run_id, "00000000000000a0");
    copy_text(event.time, sizeof event.time, time);
    copy_text(event.text, sizeof event.text, text);
    ok(journal_append(stage->journal, &event));
}

static void look(struct stage *stage, int64_t n_troubles, int64_t n_ended)
{
    ok(status_view_look(&stage->view));
    assert_int_equal(stage->view.n_troubles, n_troubles);
    assert_int_equal(stage->view.pace.n, n_ended);
}

static void events_count_once(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    tell(&stage, JOURNAL_DONE, "2026-01-01T11:00:00.000Z", ""); /* of an earlier start */
    look(&stage, 0, 0);
    tell(&stage, JOURNAL_DONE, "2026-01-01T12:00:01.000Z", "");
    tell(&stage, JOURNAL_CRASHED, "2026-01-01T12:00:02.000Z", "why");
    look(&stage, 1, 1);
    look(&stage, 1, 1);
    const struct journal_event *newest = status_view_trouble(&stage.view, 0);
    assert_string_equal(newest->text, "why");
    assert_string_equal(trouble_name(newest), "crashed");
    assert_string_equal(status_view_run_name(&stage.view, newest->run_id), "0000-lora");
    assert_string_equal(status_view_run_name(&stage.view, "ffff"), "ffff");
    for (int i = 0; i < N_TROUBLES; i++)
        tell(&stage, JOURNAL_FAILED, "2026-01-01T12:00:03.000Z", "more");
    look(&stage, 1 + N_TROUBLES, 1 + N_TROUBLES);
    assert_string_equal(status_view_trouble(&stage.view, N_TROUBLES - 1)->text, "more");
    close_stage(&stage);
}

static void another_start_begins_anew(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    tell(&stage, JOURNAL_CRASHED, "2026-01-01T12:00:02.000Z", "why");
    tell(&stage, JOURNAL_DONE, "2026-01-01T12:00:03.000Z", "");
    look(&stage, 1, 1);
    write_status(&stage, "2026-01-01T13:00:00.000Z"); /* continued: the journal goes on */
    tell(&stage, JOURNAL_DONE, "2026-01-01T13:00:03.000Z", "");
    look(&stage, 1, 1);
    close_stage(&stage);
}

static void another_journal_is_noticed(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    tell(&stage, JOURNAL_CRASHED, "2026-01-01T12:00:02.000Z", "why");
    look(&stage, 1, 0);
    begin_journal(&stage); /* as --fresh does, and nothing else has told so yet */
    tell(&stage, JOURNAL_START, "2026-01-01T12:00:05.000Z", "a command of any length");
    for (int i = 0; i < 3; i++)
        tell(&stage, JOURNAL_RETRIED, "2026-01-01T12:00:06.000Z", "again");
    look(&stage, 3, 0);
    assert_string_equal(status_view_trouble(&stage.view, 2)->text, "again");
    close_stage(&stage);
}

static void foreign_folders_are_refused(void **unused)
{
    struct temporary_folder folder;
    struct status_view view = {0};

    (void)unused;
    temporary_folder_open(&folder);
    view.folder = folder.path;
    assert_int_equal(status_view_look(&view), STATUS_BAD_CONFIG);
    assert_non_null(strstr(status_message(), "is not the results folder of a sweep"));
    status_view_release(&view);
    temporary_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_count_once),
        cmocka_unit_test(another_start_begins_anew),
        cmocka_unit_test(another_journal_is_noticed),
        cmocka_unit_test(foreign_folders_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
