/* An attempt that the journal missed, its line not on disk when the power went, keeps its folder to
 * itself: the next one gets a number of its own. */
#include "base/file.h"
#include "base/numerics.h"
#include "dispatch/folder/results_folder.h"
#include "dispatch/journal/journal.h"
#include "dispatch/lead/coordinator.h"
#include "dispatch/talk/mail.h"
#include "mpi/made_sweep.h"
#include "support/cmocka.h"
#include "support/temporary_folder.h"

#include <stdio.h>
#include <string.h>

static char results[TEMPORARY_PATH_BYTES]; /* CMocka's tests take no arguments of ours */

static void make_attempt(const struct sweep *sweep, int attempt, bool has_result)
{
    char path[2 * TEMPORARY_PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s/runs/%s/a%d", results, sweep->runs[0].id, attempt);

    assert_int_equal(folder_create(path), STATUS_OK);
    snprintf(path + n, sizeof path - (size_t)n, "/run.h5");
    if (has_result)
        assert_int_equal(file_write(path, "", 0), STATUS_OK);
}

static void write_journal(const struct sweep *sweep, const struct journal_event *events, int n)
{
    struct journal *journal = NULL;
    char path[TEMPORARY_PATH_BYTES + 16];

    snprintf(path, sizeof path, "%s/journal.jsonl", results);
    assert_int_equal(journal_open(path, 0, &journal), STATUS_OK);
    for (int i = 0; i < n; i++) {
        struct journal_event event = events[i];
        memcpy(event.run_id, sweep->runs[0].id, RUN_ID_BYTES);
        event.attempt = 1;
        event.numerics = journal_kind_is_attempt(event.kind) ? NUMERICS_VERSION : 0;
        assert_int_equal(journal_append(journal, &event), STATUS_OK);
    }
    journal_close(journal);
}

static void drop_event(void *context, const struct journal_event *event)
{
    (void)context;
    (void)event;
}

static void drop_heard(void *context, int rank, const struct event *said)
{
    (void)context;
    (void)rank;
    (void)said;
}

static void drop_note(void *context, const char *text)
{
    (void)context;
    (void)text;
}

/* The attempt that a start gives the run. */
static int64_t attempt_given(const struct sweep *sweep, struct results_folder *folder)
{
    struct coordinator *coordinator = NULL;
    struct transport *rank = NULL;
    struct arena *arena = NULL;
    struct event event = {.kind = EVENT_HELLO};
    struct mail mail;

    assert_int_equal(arena_create(&arena), STATUS_OK);
    assert_int_equal(transport_open_queues(1, &rank), STATUS_OK);
    const struct coordinator_start start = {.transport = rank,
                                            .sweep = sweep,
                                            .states = folder->states,
                                            .rungs = folder->rungs,
                                            .sink = {NULL, drop_event, drop_heard, drop_note}};
    assert_int_equal(coordinator_create(&start, &coordinator), STATUS_OK);
    assert_int_equal(coordinator_receive(coordinator, 0, &event), STATUS_OK);
    event.kind = EVENT_READY;
    assert_int_equal(coordinator_receive(coordinator, 0, &event), STATUS_OK);
    assert_int_equal(coordinator_tick(coordinator, 1e9), STATUS_OK);
    assert_int_equal(mail_receive(rank, arena, &mail), STATUS_OK);
    assert_int_equal(mail.from, 0);
    assert_int_equal(mail.order.kind, ORDER_ASSIGN);
    int64_t attempt = mail.order.assignment.lanes[0].runs[0].attempt;
    coordinator_destroy(coordinator);
    transport_close(rank);
    arena_destroy(arena);
    return attempt;
}

static void check(const struct journal_event *events, int n, int newest)
{
    struct temporary_folder temporary;
    struct sweep *sweep = made_sweep_create(1);
    struct results_folder *folder = NULL;

    assert_non_null(sweep);
    sweep->early = (struct early_terminate){EARLY_SHA, "RA", true, 1, 3, 5};
    sweep->runs[0].settings.train.epochs = 9;
    temporary_folder_open(&temporary);
    temporary_path(&temporary, "results", results);
    make_attempt(sweep, 1, true);
    make_attempt(sweep, newest, false);
    write_journal(sweep, events, n);
    const struct dispatch_settings settings = {.folder = results, .command = "attempts"};
    assert_int_equal(results_folder_open(&settings, sweep, &folder), STATUS_OK);
    assert_int_equal(attempt_given(sweep, folder), newest + 1);
    results_folder_close(folder);
    temporary_folder_close(&temporary);
    sweep_destroy(sweep);
}

static void of_an_interrupted_run(void **unused)
{
    const struct journal_event events[] = {{.kind = JOURNAL_ASSIGNED}, {.kind = JOURNAL_CRASHED}};

    (void)unused;
    check(events, 2, 2);
}

/* It goes on at once, before anything of it is asked. */
static void of_a_run_paused_at_a_rung(void **unused)
{
    const struct journal_event events[] = {
        {.kind = JOURNAL_ASSIGNED},
        {.kind = JOURNAL_REACHED, .epoch = 1, .value = 0.5, .text = "RA"},
        {.kind = JOURNAL_PAUSED}};

    (void)unused;
    check(events, 3, 2);
}

/* Attempts 2 to 4 were given to ranks that had died. */
static void behind_some_without_a_folder(void **unused)
{
    const struct journal_event events[] = {{.kind = JOURNAL_ASSIGNED}, {.kind = JOURNAL_CRASHED}};

    (void)unused;
    check(events, 2, 5);
}

/* A damaged line of the journal was left out: what is left still tells whose arithmetic it was. */
static void of_a_run_whose_begin_is_lost(void **unused)
{
    const struct journal_event events[] = {{.kind = JOURNAL_CRASHED}};

    (void)unused;
    check(events, 1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_an_interrupted_run),
                                       cmocka_unit_test(of_a_run_paused_at_a_rung),
                                       cmocka_unit_test(behind_some_without_a_folder),
                                       cmocka_unit_test(of_a_run_whose_begin_is_lost)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
