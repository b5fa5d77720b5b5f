/* The supervisor with a trainer that misbehaves in every way it must notice. */
#include "dispatch/supervise/supervision.h"

#include "base/clock.h"
#include "support/cmocka.h"
#include "support/temporary_folder.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct supervisor *open_supervisor(double heartbeat_seconds, double step_seconds)
{
    struct supervisor *supervisor = NULL;
    struct supervisor_settings settings = {.program = FAKE_TRAINER,
                                           .device = "cpu",
                                           .node_size = 1,
                                           .n_threads = 1,
                                           .heartbeat_seconds = heartbeat_seconds,
                                           .step_seconds = step_seconds,
                                           .phase_seconds = 30};

    assert_int_equal(supervisor_create(&settings, &supervisor), STATUS_OK);
    return supervisor;
}

/* The next event that is not progress. */
static struct event await(struct supervisor *supervisor)
{
    struct event event;

    for (double end = clock_seconds() + 20; clock_seconds() < end;) {
        struct pollfd fd = supervisor_pollfd(supervisor);
        supervisor_poll(supervisor, &event);
        if (event.kind != EVENT_NONE && event.kind != EVENT_PROGRESS)
            return event;
        if (event.kind == EVENT_NONE)
            poll(&fd, 1, 10);
    }
    fail_msg("nothing happened for 20 s");
    return event;
}

static void assign(struct supervisor *supervisor, const char *folder, int64_t attempt)
{
    struct assigned_run run = {.run = 1,
                               .attempt = attempt,
                               .id = "0000000000000001",
                               .name = "one",
                               .folder = folder,
                               .settings = "{}"};
    struct assigned_lane lane = {&run, 1};
    const struct assignment assignment = {&lane, 1};

    assert_int_equal(supervisor_assign(supervisor, &assignment), STATUS_OK);
}

static struct event run_one(struct supervisor *supervisor, const char *folder, int64_t attempt)
{
    assert_int_equal(await(supervisor).kind, EVENT_READY);
    assign(supervisor, folder, attempt);
    return await(supervisor);
}

/* In attempt 1 the trainer does `verb`; attempt 2 must go well in a fresh trainer. */
static void try_fault(const char *verb, int signal, double step_seconds, const char *message)
{
    struct temporary_folder folder;
    struct supervisor *supervisor = NULL;
    char plan[64];

    snprintf(plan, sizeof plan, "1:%s:1", verb);
    setenv("FAKE_TRAINER", plan, 1);
    temporary_folder_open(&folder);
    supervisor = open_supervisor(2, step_seconds);
    struct event event = run_one(supervisor, folder.path, 1);
    assert_int_equal(event.kind, EVENT_CRASHED);
    assert_int_equal(event.run, 1);
    assert_int_equal(event.attempt, 1);
    assert_int_equal(event.signal, signal);
    if (strstr(event.text, message) == NULL)
        fail_msg("'%s' is not in '%s'", message, event.text);
    event = run_one(supervisor, folder.path, 2);
    assert_int_equal(event.kind, EVENT_DONE);
    assert_int_equal(event.attempt, 2);
    assert_true(event.scores[0] == 0.25);
    assert_true(isnan(event.scores[1]));
    supervisor_destroy(supervisor);
    temporary_folder_close(&folder);
}

static void death_by_signal(void **unused)
{
    (void)unused;
    try_fault("kill", SIGKILL, 30, "killed by SIGKILL (out of memory, or by hand)");
    try_fault("abort", SIGABRT, 30, "died of SIGABRT (Aborted)");
}

static void early_exit(void **unused)
{
    (void)unused;
    try_fault("exit", 0, 30, "ended by itself with exit code 7");
}

static void silence_is_a_hang(void **unused)
{
    (void)unused;
    try_fault("hang", SIGKILL, 30, "sent no heartbeat for 2 s, killed");
}

static void endless_step_is_a_hang(void **unused)
{
    (void)unused;
    try_fault("stuck", SIGKILL, 1, "made no step for");
}

static void nonsense_is_killed(void **unused)
{
    (void)unused;
    try_fault("babble", SIGKILL, 30, "is not understood, killed: a frame claims 4294967295 bytes");
}

static void stop_is_passed_on(void **unused)
{
    struct temporary_folder folder;
    struct supervisor *supervisor = NULL;
    struct event event;

    (void)unused;
    setenv("FAKE_TRAINER", "", 1);
    setenv("FAKE_TRAINER_SECONDS", "5", 1);
    temporary_folder_open(&folder);
    supervisor = open_supervisor(30, 30);
    assert_int_equal(await(supervisor).kind, EVENT_READY);
    supervisor_stop(supervisor); /* idle: nothing to stop, and the next run is not hit by it */
    assign(supervisor, folder.path, 1);
    supervisor_stop(supervisor);
    event = await(supervisor);
    assert_int_equal(event.kind, EVENT_FAILED);
    assert_int_equal(event.status, STATUS_CANCELLED);
    assert_string_equal(event.text, "stopped on request");
    supervisor_destroy(supervisor);
    setenv("FAKE_TRAINER_SECONDS", "0.05", 1);
    temporary_folder_close(&folder);
}

/* ---- a trainer that ends between its hello and its first run ---- */

/* `n` trainers will; the first of them has just said hello. */
static struct supervisor *open_leaving(struct temporary_folder *folder, const char *n)
{
    char log[TEMPORARY_PATH_BYTES];
    struct supervisor *supervisor = NULL;

    temporary_folder_open(folder);
    temporary_path(folder, "begun", log);
    setenv("FAKE_TRAINER", "", 1);
    setenv("FAKE_TRAINER_LOG", log, 1);
    setenv("FAKE_TRAINER_LEAVES", n, 1);
    supervisor = open_supervisor(30, 30);
    assert_int_equal(await(supervisor).kind, EVENT_READY);
    clock_sleep(0.3);
    return supervisor;
}

static void close_leaving(struct temporary_folder *folder, struct supervisor *supervisor)
{
    supervisor_destroy(supervisor);
    unsetenv("FAKE_TRAINER_LOG");
    unsetenv("FAKE_TRAINER_LEAVES");
    temporary_folder_close(folder);
}

/* Its hello and the end of its pipe may have been read at once: only the process tells. */
static void see_death(struct supervisor *supervisor)
{
    struct event event;

    for (double end = clock_seconds() + 20; supervisor->process.pid != NO_PROCESS;) {
        assert_true(clock_seconds() < end);
        supervisor_poll(supervisor, &event);
    }
}

/* Signalling "process 0" would kill this test, and ctest with it. */
static void run_waits_for_the_next_trainer(void **unused)
{
    struct temporary_folder folder;
    struct supervisor *supervisor = open_leaving(&folder, "1");

    (void)unused;
    see_death(supervisor);
    assign(supervisor, folder.path, 1);
    struct event event = await(supervisor);
    assert_int_equal(event.kind, EVENT_DONE);
    assert_int_equal(event.attempt, 1);
    close_leaving(&folder, supervisor);
}

static void run_that_was_not_taken_is_not_charged(void **unused)
{
    struct temporary_folder folder;
    struct supervisor *supervisor = open_leaving(&folder, "1");

    (void)unused;
    assign(supervisor, folder.path, 1); /* nobody has noticed yet that the trainer is gone */
    assert_int_equal(await(supervisor).kind, EVENT_DONE);
    close_leaving(&folder, supervisor);
}

static void waiting_run_is_withdrawn(void **unused)
{
    struct temporary_folder folder;
    struct supervisor *supervisor = open_leaving(&folder, "1");

    (void)unused;
    see_death(supervisor);
    assign(supervisor, folder.path, 1);
    supervisor_stop(supervisor);
    struct event event = await(supervisor);
    assert_int_equal(event.kind, EVENT_FAILED);
    assert_int_equal(event.status, STATUS_CANCELLED);
    assert_int_equal(await(supervisor).kind, EVENT_READY);
    close_leaving(&folder, supervisor);
}

static void trainers_that_take_no_run_are_given_up(void **unused)
{
    struct temporary_folder folder;
    struct supervisor *supervisor = open_leaving(&folder, "100");

    (void)unused;
    see_death(supervisor);
    assign(supervisor, folder.path, 1);
    struct event event = await(supervisor);
    while (event.kind == EVENT_CRASHED) { /* it took the run, and ended all the same */
        assign(supervisor, folder.path, event.attempt + 1);
        event = await(supervisor);
    }
    assert_int_equal(event.kind, EVENT_GAVE_UP);
    close_leaving(&folder, supervisor);
}

static void missing_program_is_given_up(void **unused)
{
    struct supervisor *supervisor = NULL;
    struct supervisor_settings settings = {
        .program = "/nowhere/prunelora", .device = "cpu", .node_size = 1};

    (void)unused;
    assert_int_equal(supervisor_create(&settings, &supervisor), STATUS_OK);
    struct event event = await(supervisor);
    assert_int_equal(event.kind, EVENT_GAVE_UP);
    assert_non_null(strstr(event.text, "/nowhere/prunelora': No such file or directory"));
    supervisor_destroy(supervisor);
}

/* Its file was replaced by another build while the sweep ran. */
static void other_build_is_given_up(void **unused)
{
    struct supervisor *supervisor = open_supervisor(30, 30);

    (void)unused;
    setenv("FAKE_TRAINER_BUILD", "9.9 newer", 1);
    struct event event = await(supervisor);
    assert_int_equal(event.kind, EVENT_GAVE_UP);
    assert_non_null(strstr(event.text, "was replaced while the sweep ran: it is 9.9 newer now"));
    unsetenv("FAKE_TRAINER_BUILD");
    supervisor_destroy(supervisor);
}

static void deadline_follows_the_median(void **unused)
{
    struct step_clock clock = {0};

    (void)unused;
    assert_true(step_clock_deadline(&clock, 60) == 60);
    for (int i = 1; i <= 20; i++)
        step_clock_see(&clock, i, 100 + 10.0 * i);
    assert_true(fabs(step_clock_deadline(&clock, 60) - 200) < 1e-9);
    step_clock_see(&clock, 21, 1300); /* one slow step does not move it */
    assert_true(fabs(step_clock_deadline(&clock, 60) - 200) < 1e-9);
    for (int i = 22; i < 80; i++)
        step_clock_see(&clock, i, 1300 + 0.1 * i);
    assert_true(step_clock_deadline(&clock, 60) == 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(death_by_signal),
        cmocka_unit_test(early_exit),
        cmocka_unit_test(silence_is_a_hang),
        cmocka_unit_test(endless_step_is_a_hang),
        cmocka_unit_test(nonsense_is_killed),
        cmocka_unit_test(stop_is_passed_on),
        cmocka_unit_test(run_waits_for_the_next_trainer),
        cmocka_unit_test(run_that_was_not_taken_is_not_charged),
        cmocka_unit_test(waiting_run_is_withdrawn),
        cmocka_unit_test(trainers_that_take_no_run_are_given_up),
        cmocka_unit_test(missing_program_is_given_up),
        cmocka_unit_test(other_build_is_given_up),
        cmocka_unit_test(deadline_follows_the_median),
    };
    setenv("FAKE_TRAINER_SECONDS", "0.05", 1);
    signal(SIGPIPE, SIG_IGN); /* as in a rank */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
