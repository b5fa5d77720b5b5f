/* The supervisor with a trainer that misbehaves in every way it must notice. */
#include "dispatch/supervisor.h"
#include "dispatch/step_clock.h"

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
static struct supervisor_event await(struct supervisor *supervisor)
{
    struct supervisor_event event;

    for (double end = clock_seconds() + 20; clock_seconds() < end;) {
        struct pollfd fd = supervisor_pollfd(supervisor);
        supervisor_poll(supervisor, &event);
        if (event.kind != SUPERVISOR_NOTHING && event.kind != SUPERVISOR_PROGRESS)
            return event;
        if (event.kind == SUPERVISOR_NOTHING)
            poll(&fd, 1, 10);
    }
    fail_msg("nothing happened for 20 s");
    return event;
}

static struct supervisor_event run_one(struct supervisor *supervisor, const char *folder,
                                       int64_t attempt)
{
    assert_int_equal(await(supervisor).kind, SUPERVISOR_READY);
    supervisor_assign(supervisor, &(struct supervisor_job){.run = 1,
                                                           .attempt = attempt,
                                                           .id = "0000000000000001",
                                                           .name = "one",
                                                           .folder = folder,
                                                           .settings_json = "{}"});
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
    struct supervisor_event event = run_one(supervisor, folder.path, 1);
    assert_int_equal(event.kind, SUPERVISOR_CRASHED);
    assert_int_equal(event.run, 1);
    assert_int_equal(event.attempt, 1);
    assert_int_equal(event.signal, signal);
    if (strstr(event.text, message) == NULL)
        fail_msg("'%s' is not in '%s'", message, event.text);
    event = run_one(supervisor, folder.path, 2);
    assert_int_equal(event.kind, SUPERVISOR_DONE);
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
    try_fault("babble", SIGKILL, 30, "is not understood, killed: a record claims 4294967295 bytes");
}

static void stop_is_passed_on(void **unused)
{
    struct temporary_folder folder;
    struct supervisor *supervisor = NULL;
    struct supervisor_event event;

    (void)unused;
    setenv("FAKE_TRAINER", "", 1);
    setenv("FAKE_TRAINER_SECONDS", "5", 1);
    temporary_folder_open(&folder);
    supervisor = open_supervisor(30, 30);
    assert_int_equal(await(supervisor).kind, SUPERVISOR_READY);
    supervisor_stop(supervisor); /* idle: nothing to stop, and the next run is not hit by it */
    supervisor_assign(supervisor, &(struct supervisor_job){.run = 1,
                                                           .attempt = 1,
                                                           .id = "1",
                                                           .name = "one",
                                                           .folder = folder.path,
                                                           .settings_json = "{}"});
    supervisor_stop(supervisor);
    event = await(supervisor);
    assert_int_equal(event.kind, SUPERVISOR_FAILED);
    assert_int_equal(event.status, STATUS_CANCELLED);
    assert_string_equal(event.text, "stopped on request");
    supervisor_destroy(supervisor);
    setenv("FAKE_TRAINER_SECONDS", "0.05", 1);
    temporary_folder_close(&folder);
}

static void missing_program_is_given_up(void **unused)
{
    struct supervisor *supervisor = NULL;
    struct supervisor_settings settings = {
        .program = "/nowhere/prunelora", .device = "cpu", .node_size = 1};

    (void)unused;
    assert_int_equal(supervisor_create(&settings, &supervisor), STATUS_OK);
    struct supervisor_event event = await(supervisor);
    assert_int_equal(event.kind, SUPERVISOR_GAVE_UP);
    assert_non_null(strstr(event.text, "/nowhere/prunelora': No such file or directory"));
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
        cmocka_unit_test(missing_program_is_given_up),
        cmocka_unit_test(deadline_follows_the_median),
    };
    setenv("FAKE_TRAINER_SECONDS", "0.05", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
