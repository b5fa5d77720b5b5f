/* How runs are dealt, repeated, given up and stopped. */
#include "base/clock.h"
#include "stage.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

static void deals_to_who_is_idle(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];

    stage_start(stage, (struct coordinator_settings){.crash_limit = 2});
    for (int i = 0; i < N_RANKS; i++)
        stage_say(stage, i, EVENT_HELLO);
    stage_expect_silence(stage, 1); /* a rank is there before its trainer is */
    for (int i = 0; i < N_RANKS; i++) {
        stage_say(stage, i, EVENT_READY);
        runs[i] = stage_expect_run(stage, i, i, 1);
    }
    stage_end_run(stage, 2, EVENT_DONE, &runs[2]); /* the fastest gets the next, and the next */
    stage_expect_silence(stage, 2);
    stage_say(stage, 2, EVENT_READY);
    runs[2] = stage_expect_run(stage, 2, 3, 1);
    stage_end_run(stage, 2, EVENT_DONE, &runs[2]);
    stage_say(stage, 2, EVENT_READY);
    runs[2] = stage_expect_run(stage, 2, 4, 1);
    for (int i = 0; i < N_RANKS; i++) {
        stage_end_run(stage, i, EVENT_DONE, &runs[i]);
        stage_say(stage, i, EVENT_READY);
        stage_expect_silence(stage, i);
    }
    for (int i = 0; i < N_RUNS; i++)
        assert_int_equal(stage->states[i].phase, RUN_DONE);
    stage_finish(stage);
}

/* Retraining takes longest and the others wait for it; runs done before are not dealt again. */
static void references_go_first(void **state)
{
    static const int64_t order[] = {1, 4, 0, 2};
    struct stage *stage = *state;

    stage->sweep->runs[1].is_reference = true;
    stage->sweep->runs[3].is_reference = true;
    stage->sweep->runs[4].is_reference = true;
    stage->states[3].phase = RUN_DONE;
    stage_start(stage, (struct coordinator_settings){.crash_limit = 2});
    for (int i = 0; i < N_RANKS; i++)
        stage_say(stage, i, EVENT_HELLO);
    for (int i = 0; i < 4; i++) {
        stage_say(stage, 0, EVENT_READY);
        struct assigned_run run = stage_expect_run(stage, 0, order[i], 1);
        stage_end_run(stage, 0, EVENT_DONE, &run);
    }
    stage_say(stage, 0, EVENT_READY);
    stage_expect_silence(stage, 0);
    stage_finish(stage);
}

static void stale_words_are_ignored(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];

    stage_start(stage, (struct coordinator_settings){.crash_limit = 9});
    stage_begin_all(stage, runs);
    struct assigned_run first = runs[1], other = runs[2];
    stage_end_run(stage, 1, EVENT_CRASHED, &runs[1]);
    assert_int_equal(stage->states[1].phase, RUN_PENDING);
    int n_events = stage->n_events;
    stage_end_run(stage, 1, EVENT_DONE, &first); /* from the crashed attempt: it does not count */
    stage_end_run(stage, 1, EVENT_DONE, &other); /* another rank's run */
    other.attempt = 7;
    stage_end_run(stage, 2, EVENT_DONE, &other); /* its own run, an attempt it was never given */
    assert_int_equal(stage->n_events, n_events);
    assert_int_equal(stage->states[1].phase, RUN_PENDING);
    assert_int_equal(stage->states[2].phase, RUN_RUNNING);
}

static void crashed_run_goes_on_at_once_but_only_once(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];

    stage_start(stage, (struct coordinator_settings){.crash_limit = 9});
    stage_begin_all(stage, runs);
    stage_end_run(stage, 1, EVENT_CRASHED, &runs[1]);
    stage_say(stage, 1, EVENT_READY);
    runs[1] = stage_expect_run(stage, 1, 1, 2);
    stage_end_run(stage, 1, EVENT_CRASHED, &runs[1]); /* again: behind the others */
    stage_say(stage, 1, EVENT_READY);
    (void)stage_expect_run(stage, 1, 3, 1);
    stage_end_run(stage, 0, EVENT_DONE, &runs[0]);
    stage_say(stage, 0, EVENT_READY);
    (void)stage_expect_run(stage, 0, 4, 1);
    stage_end_run(stage, 2, EVENT_DONE, &runs[2]);
    stage_say(stage, 2, EVENT_READY);
    (void)stage_expect_run(stage, 2, 1, 3);
}

static void crash_limit_sets_aside(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];

    for (int i = 1; i < N_RUNS; i++)
        stage->states[i].phase = RUN_DONE;
    stage->states[0].attempt = 3; /* earlier starts: numbers go on */
    stage->states[0].n_crashes = 1;
    stage_start(stage, (struct coordinator_settings){.crash_limit = 3});
    stage_say(stage, 1, EVENT_HELLO);
    stage_say(stage, 1, EVENT_READY);
    runs[0] = stage_expect_run(stage, 1, 0, 4);
    stage_end_run(stage, 1, EVENT_CRASHED, &runs[0]);
    stage_say(stage, 1, EVENT_READY);
    runs[0] = stage_expect_run(stage, 1, 0, 5);
    stage_end_run(stage, 1, EVENT_CRASHED, &runs[0]);
    stage_say(stage, 1, EVENT_READY);
    stage_expect_silence(stage, 1);
    assert_int_equal(stage->states[0].phase, RUN_FAILED);
    assert_int_equal(stage->states[0].exit_signal, 11);
    assert_string_equal(stage->states[0].message,
                        "set aside after 3 crashes (on_failure.crash_limit), the last: "
                        "played trouble");
    assert_int_equal(stage->events[stage->n_events - 1].kind, JOURNAL_FAILED);
    assert_int_equal(stage->events[stage->n_events - 2].kind, JOURNAL_CRASHED);
}

static enum status fail_run(struct stage *stage, int rank, const struct assigned_run *assigned,
                            enum status status)
{
    return stage_send(stage, rank,
                      (struct event){.kind = EVENT_FAILED,
                                     .run = assigned->run,
                                     .attempt = assigned->attempt,
                                     .status = status,
                                     .text = "played trouble"});
}

static void retries_only_what_may_help(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];

    stage_start(stage, (struct coordinator_settings){.retries = 1, .crash_limit = 2});
    stage_begin_all(stage, runs);
    assert_int_equal(fail_run(stage, 0, &runs[0], STATUS_BAD_DATA), STATUS_OK);
    assert_int_equal(stage->states[0].phase, RUN_FAILED);
    assert_int_equal(fail_run(stage, 1, &runs[1], STATUS_OUT_OF_MEMORY), STATUS_OK);
    assert_int_equal(stage->states[1].phase, RUN_PENDING);
    for (int64_t run = 3; run < 5; run++) {
        stage_say(stage, 1, EVENT_READY);
        runs[1] = stage_expect_run(stage, 1, run, 1);
        stage_end_run(stage, 1, EVENT_DONE, &runs[1]);
    }
    stage_say(stage, 1, EVENT_READY);
    runs[1] = stage_expect_run(stage, 1, 1, 2);
    assert_int_equal(fail_run(stage, 1, &runs[1], STATUS_OUT_OF_MEMORY), STATUS_OK);
    assert_int_equal(stage->states[1].phase, RUN_FAILED);
    assert_int_equal(stage->states[1].n_retries, 1);
}

/* No run is charged, the others write what they can, and the sweep ends with an error. */
static void full_disk_stops_everybody(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];

    stage_start(stage, (struct coordinator_settings){.retries = 0, .crash_limit = 1});
    stage_begin_all(stage, runs);
    assert_int_equal(coordinator_trouble(stage->coordinator), STATUS_OK);
    assert_int_equal(fail_run(stage, 1, &runs[1], STATUS_STORAGE), STATUS_OK);
    stage_expect_order(stage, 0, ORDER_STOP);
    stage_expect_order(stage, 2, ORDER_STOP);
    assert_int_equal(fail_run(stage, 0, &runs[0], STATUS_CANCELLED), STATUS_OK);
    assert_int_equal(fail_run(stage, 2, &runs[2], STATUS_STORAGE), STATUS_OK);
    for (int i = 0; i < N_RANKS; i++) {
        assert_int_equal(stage->states[i].phase, RUN_PENDING);
        assert_int_equal(stage->states[i].n_retries, 0);
        stage_say(stage, i, EVENT_READY);
        stage_expect_silence(stage, i);
    }
    assert_int_equal(coordinator_trouble(stage->coordinator), STATUS_STORAGE);
    assert_string_equal(status_message(), "rank 1 on played: played trouble; the runs that are "
                                          "left stay pending");
}

static void max_fails_stops(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];

    stage_start(stage, (struct coordinator_settings){.max_fails = 2});
    stage_begin_all(stage, runs);
    stage_end_run(stage, 0, EVENT_FAILED, &runs[0]);
    assert_string_equal(coordinator_stop_reason(stage->coordinator), "");
    stage_end_run(stage, 1, EVENT_FAILED, &runs[1]);
    assert_string_equal(coordinator_stop_reason(stage->coordinator),
                        "2 runs failed, on_failure.max_fails is 2");
    assert_false(coordinator_was_cancelled(stage->coordinator));
    stage_expect_order(stage, 2, ORDER_STOP);
    stage_say(stage, 0, EVENT_READY);
    stage_expect_silence(stage, 0);
    assert_int_equal(fail_run(stage, 2, &runs[2], STATUS_CANCELLED), STATUS_OK);
    assert_int_equal(stage->states[2].phase, RUN_PENDING);
    stage_finish(stage);
}

static void request_stops(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];

    stage_start(stage, (struct coordinator_settings){.crash_limit = 2});
    stage_begin_all(stage, runs);
    stage_say(stage, 2, EVENT_STOP_REQUEST);
    for (int i = 0; i < N_RANKS; i++) {
        stage_expect_order(stage, i, ORDER_STOP);
        assert_int_equal(coordinator_tick(stage->coordinator, clock_seconds()), STATUS_OK);
        stage_expect_silence(stage, i); /* no shutdown while a run is under way */
        if (i == 1)
            stage_end_run(stage, i, EVENT_DONE, &runs[i]); /* it was just done */
        else
            assert_int_equal(fail_run(stage, i, &runs[i], STATUS_CANCELLED), STATUS_OK);
    }
    assert_true(coordinator_was_cancelled(stage->coordinator));
    assert_int_equal(stage->states[0].phase, RUN_PENDING);
    assert_int_equal(stage->states[1].phase, RUN_DONE);
    assert_int_equal(stage->events[stage->n_events - 1].kind, JOURNAL_INTERRUPTED);
    stage_finish(stage);
}

/* As rank 0 receives it: larger than a letter. */
static void summary_is_journaled(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];
    struct event done = {.kind = EVENT_DONE};
    struct mail mail;
    char text[3 * TRANSPORT_MAX_BYTES];

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i + 1 == sizeof text ? 0 : 'a' + (char)(i % 26));
    stage_start(stage, (struct coordinator_settings){.crash_limit = 2});
    stage_begin_all(stage, runs);
    done.run = runs[1].run;
    done.attempt = runs[1].attempt;
    done.summary = text;
    assert_int_equal(mail_event(stage->ranks[1], &done), STATUS_OK);
    assert_int_equal(mail_receive(stage->ranks[0], stage->arena, &mail), STATUS_OK);
    assert_int_equal(mail.from, 1);
    assert_int_equal(stage_send(stage, 2, mail.event), STATUS_OK); /* not its run */
    assert_int_equal(stage->events[stage->n_events - 1].kind, JOURNAL_ASSIGNED);
    assert_int_equal(stage_send(stage, 1, mail.event), STATUS_OK);
    assert_int_equal(stage->events[stage->n_events - 1].kind, JOURNAL_DONE);
    assert_string_equal(stage->events[stage->n_events - 1].summary, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(deals_to_who_is_idle),
        STAGE_TEST(stale_words_are_ignored),
        STAGE_TEST(crashed_run_goes_on_at_once_but_only_once),
        STAGE_TEST(references_go_first),
        STAGE_TEST(crash_limit_sets_aside),
        STAGE_TEST(retries_only_what_may_help),
        STAGE_TEST(full_disk_stops_everybody),
        STAGE_TEST(max_fails_stops),
        STAGE_TEST(request_stops),
        STAGE_TEST(summary_is_journaled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
