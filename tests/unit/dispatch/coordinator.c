/* The coordinator against ranks that the test plays by hand over the in-process transport. */
#include "dispatch/coordinator.h"

#include "base/clock.h"
#include "mpi/made_sweep.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

enum { N_RANKS = 3, N_RUNS = 5, MAX_EVENTS = 64 };

struct stage {
    struct sweep *sweep;
    struct run_state states[N_RUNS];
    struct transport *ranks[N_RANKS];
    struct coordinator *coordinator;
    struct rungs *rungs;
    struct journal_event events[MAX_EVENTS];
    int n_events, n_messages;
    char note[1024];
};

static void keep_event(void *context, const struct journal_event *event)
{
    struct stage *stage = context;
    assert_true(stage->n_events < MAX_EVENTS);
    stage->events[stage->n_events++] = *event;
}

static void count_message(void *context, int rank, const struct message *message)
{
    (void)rank;
    (void)message;
    ((struct stage *)context)->n_messages++;
}

static void keep_note(void *context, const char *text)
{
    copy_text(((struct stage *)context)->note, 1024, text);
}

static void start(struct stage *stage, struct coordinator_settings settings)
{
    struct coordinator_start begin = {.sweep = stage->sweep,
                                      .states = stage->states,
                                      .transport = stage->ranks[0],
                                      .settings = settings,
                                      .sink = {stage, keep_event, count_message, keep_note}};
    assert_int_equal(rungs_create(stage->sweep, &begin.rungs), STATUS_OK);
    assert_int_equal(rungs_begin(begin.rungs, stage->states), STATUS_OK);
    stage->rungs = begin.rungs;
    assert_int_equal(coordinator_create(&begin, &stage->coordinator), STATUS_OK);
}

static int set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);

    assert_non_null(stage);
    stage->sweep = made_sweep_create(N_RUNS);
    assert_non_null(stage->sweep);
    assert_int_equal(transport_open_queues(N_RANKS, stage->ranks), STATUS_OK);
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;

    coordinator_destroy(stage->coordinator);
    rungs_destroy(stage->rungs);
    for (int i = 0; i < N_RANKS; i++)
        transport_close(stage->ranks[i]);
    sweep_destroy(stage->sweep);
    free(stage);
    return 0;
}

static enum status send(struct stage *stage, int rank, struct message message)
{
    copy_text(message.host, sizeof message.host, "played");
    return coordinator_receive(stage->coordinator, rank, &message);
}

static void say(struct stage *stage, int rank, enum message_kind kind)
{
    assert_int_equal(send(stage, rank, (struct message){.kind = (int32_t)kind}), STATUS_OK);
}

/* The next order of that kind for the rank; heartbeats are passed over. False when there is none.
 */
static bool next_order(struct stage *stage, int rank, struct message *message)
{
    int from = -1;

    do {
        assert_int_equal(message_receive(stage->ranks[rank], &from, message), STATUS_OK);
    } while (from >= 0 && message->kind == MESSAGE_HEARTBEAT);
    return from >= 0;
}

static struct message expect_run(struct stage *stage, int rank, int64_t run, int64_t attempt)
{
    struct message message;

    assert_true(next_order(stage, rank, &message));
    assert_int_equal(message.kind, MESSAGE_ASSIGN);
    assert_int_equal(message.run, run);
    assert_int_equal(message.attempt, attempt);
    assert_string_equal(message.run_id, stage->sweep->runs[run].id);
    return message;
}

static void expect_order(struct stage *stage, int rank, enum message_kind kind)
{
    struct message message;

    assert_true(next_order(stage, rank, &message));
    assert_int_equal(message.kind, kind);
}

static void expect_silence(struct stage *stage, int rank)
{
    struct message message;
    assert_false(next_order(stage, rank, &message));
}

static void end_run(struct stage *stage, int rank, enum message_kind kind,
                    const struct message *assigned)
{
    struct message message = {
        .kind = (int32_t)kind, .run = assigned->run, .attempt = assigned->attempt};

    copy_text(message.text, sizeof message.text, "played trouble");
    if (kind == MESSAGE_FAILED)
        message.status = STATUS_DIVERGED;
    if (kind == MESSAGE_CRASHED)
        message.signal = 11;
    assert_int_equal(send(stage, rank, message), STATUS_OK);
}

static void finish(struct stage *stage)
{
    assert_int_equal(coordinator_tick(stage->coordinator, clock_seconds()), STATUS_OK);
    for (int i = 0; i < N_RANKS; i++) {
        assert_false(coordinator_is_finished(stage->coordinator));
        expect_order(stage, i, MESSAGE_SHUTDOWN);
        say(stage, i, MESSAGE_BYE);
    }
    assert_true(coordinator_is_finished(stage->coordinator));
}

static void deals_to_who_is_idle(void **state)
{
    struct stage *stage = *state;
    struct message runs[N_RANKS];

    start(stage, (struct coordinator_settings){.crash_limit = 2});
    for (int i = 0; i < N_RANKS; i++)
        say(stage, i, MESSAGE_HELLO);
    expect_silence(stage, 1); /* a rank is there before its trainer is */
    for (int i = 0; i < N_RANKS; i++) {
        say(stage, i, MESSAGE_READY);
        runs[i] = expect_run(stage, i, i, 1);
    }
    end_run(stage, 2, MESSAGE_DONE, &runs[2]); /* the fastest gets the next, and the next */
    expect_silence(stage, 2);
    say(stage, 2, MESSAGE_READY);
    runs[2] = expect_run(stage, 2, 3, 1);
    end_run(stage, 2, MESSAGE_DONE, &runs[2]);
    say(stage, 2, MESSAGE_READY);
    runs[2] = expect_run(stage, 2, 4, 1);
    for (int i = 0; i < N_RANKS; i++) {
        end_run(stage, i, MESSAGE_DONE, &runs[i]);
        say(stage, i, MESSAGE_READY);
        expect_silence(stage, i);
    }
    for (int i = 0; i < N_RUNS; i++)
        assert_int_equal(stage->states[i].phase, RUN_DONE);
    finish(stage);
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
    start(stage, (struct coordinator_settings){.crash_limit = 2});
    for (int i = 0; i < N_RANKS; i++)
        say(stage, i, MESSAGE_HELLO);
    for (int i = 0; i < 4; i++) {
        say(stage, 0, MESSAGE_READY);
        struct message run = expect_run(stage, 0, order[i], 1);
        end_run(stage, 0, MESSAGE_DONE, &run);
    }
    say(stage, 0, MESSAGE_READY);
    expect_silence(stage, 0);
    finish(stage);
}

static void begin_all(struct stage *stage, struct message runs[N_RANKS])
{
    for (int i = 0; i < N_RANKS; i++) {
        say(stage, i, MESSAGE_HELLO);
        say(stage, i, MESSAGE_READY);
        runs[i] = expect_run(stage, i, i, 1);
    }
}

static void stale_words_are_ignored(void **state)
{
    struct stage *stage = *state;
    struct message runs[N_RANKS];

    start(stage, (struct coordinator_settings){.crash_limit = 9});
    begin_all(stage, runs);
    struct message first = runs[1], other = runs[2];
    end_run(stage, 1, MESSAGE_CRASHED, &runs[1]);
    assert_int_equal(stage->states[1].phase, RUN_PENDING);
    int n_events = stage->n_events;
    end_run(stage, 1, MESSAGE_DONE, &first); /* from the crashed attempt: it does not count */
    end_run(stage, 1, MESSAGE_DONE, &other); /* another rank's run */
    other.attempt = 7;
    end_run(stage, 2, MESSAGE_DONE, &other); /* its own run, an attempt it was never given */
    assert_int_equal(stage->n_events, n_events);
    assert_int_equal(stage->states[1].phase, RUN_PENDING);
    assert_int_equal(stage->states[2].phase, RUN_RUNNING);
}

static void crashed_run_goes_on_at_once_but_only_once(void **state)
{
    struct stage *stage = *state;
    struct message runs[N_RANKS];

    start(stage, (struct coordinator_settings){.crash_limit = 9});
    begin_all(stage, runs);
    end_run(stage, 1, MESSAGE_CRASHED, &runs[1]);
    say(stage, 1, MESSAGE_READY);
    runs[1] = expect_run(stage, 1, 1, 2);
    end_run(stage, 1, MESSAGE_CRASHED, &runs[1]); /* again: behind the others */
    say(stage, 1, MESSAGE_READY);
    (void)expect_run(stage, 1, 3, 1);
    end_run(stage, 0, MESSAGE_DONE, &runs[0]);
    say(stage, 0, MESSAGE_READY);
    (void)expect_run(stage, 0, 4, 1);
    end_run(stage, 2, MESSAGE_DONE, &runs[2]);
    say(stage, 2, MESSAGE_READY);
    (void)expect_run(stage, 2, 1, 3);
}

static void crash_limit_sets_aside(void **state)
{
    struct stage *stage = *state;
    struct message runs[N_RANKS];

    for (int i = 1; i < N_RUNS; i++)
        stage->states[i].phase = RUN_DONE;
    stage->states[0].attempt = 3; /* earlier starts: numbers go on */
    stage->states[0].n_crashes = 1;
    start(stage, (struct coordinator_settings){.crash_limit = 3});
    say(stage, 1, MESSAGE_HELLO);
    say(stage, 1, MESSAGE_READY);
    runs[0] = expect_run(stage, 1, 0, 4);
    end_run(stage, 1, MESSAGE_CRASHED, &runs[0]);
    say(stage, 1, MESSAGE_READY);
    runs[0] = expect_run(stage, 1, 0, 5);
    end_run(stage, 1, MESSAGE_CRASHED, &runs[0]);
    say(stage, 1, MESSAGE_READY);
    expect_silence(stage, 1);
    assert_int_equal(stage->states[0].phase, RUN_FAILED);
    assert_int_equal(stage->states[0].exit_signal, 11);
    assert_string_equal(stage->states[0].message,
                        "set aside after 3 crashes (on_failure.crash_limit), the last: "
                        "played trouble");
    assert_int_equal(stage->events[stage->n_events - 1].kind, JOURNAL_FAILED);
    assert_int_equal(stage->events[stage->n_events - 2].kind, JOURNAL_CRASHED);
}

static enum status fail_run(struct stage *stage, int rank, const struct message *assigned,
                            enum status status)
{
    return send(stage, rank,
                (struct message){.kind = MESSAGE_FAILED,
                                 .run = assigned->run,
                                 .attempt = assigned->attempt,
                                 .status = (int32_t)status,
                                 .text = "played trouble"});
}

static void retries_only_what_may_help(void **state)
{
    struct stage *stage = *state;
    struct message runs[N_RANKS];

    start(stage, (struct coordinator_settings){.retries = 1, .crash_limit = 2});
    begin_all(stage, runs);
    assert_int_equal(fail_run(stage, 0, &runs[0], STATUS_BAD_DATA), STATUS_OK);
    assert_int_equal(stage->states[0].phase, RUN_FAILED);
    assert_int_equal(fail_run(stage, 1, &runs[1], STATUS_OUT_OF_MEMORY), STATUS_OK);
    assert_int_equal(stage->states[1].phase, RUN_PENDING);
    for (int64_t run = 3; run < 5; run++) {
        say(stage, 1, MESSAGE_READY);
        runs[1] = expect_run(stage, 1, run, 1);
        end_run(stage, 1, MESSAGE_DONE, &runs[1]);
    }
    say(stage, 1, MESSAGE_READY);
    runs[1] = expect_run(stage, 1, 1, 2);
    assert_int_equal(fail_run(stage, 1, &runs[1], STATUS_OUT_OF_MEMORY), STATUS_OK);
    assert_int_equal(stage->states[1].phase, RUN_FAILED);
    assert_int_equal(stage->states[1].n_retries, 1);
}

/* No run is charged, the others write what they can, and the sweep ends with an error. */
static void full_disk_stops_everybody(void **state)
{
    struct stage *stage = *state;
    struct message runs[N_RANKS];

    start(stage, (struct coordinator_settings){.retries = 0, .crash_limit = 1});
    begin_all(stage, runs);
    assert_int_equal(coordinator_trouble(stage->coordinator), STATUS_OK);
    assert_int_equal(fail_run(stage, 1, &runs[1], STATUS_STORAGE), STATUS_OK);
    expect_order(stage, 0, MESSAGE_STOP);
    expect_order(stage, 2, MESSAGE_STOP);
    assert_int_equal(fail_run(stage, 0, &runs[0], STATUS_CANCELLED), STATUS_OK);
    assert_int_equal(fail_run(stage, 2, &runs[2], STATUS_STORAGE), STATUS_OK);
    for (int i = 0; i < N_RANKS; i++) {
        assert_int_equal(stage->states[i].phase, RUN_PENDING);
        assert_int_equal(stage->states[i].n_retries, 0);
        say(stage, i, MESSAGE_READY);
        expect_silence(stage, i);
    }
    assert_int_equal(coordinator_trouble(stage->coordinator), STATUS_STORAGE);
    assert_string_equal(status_message(), "rank 1 on played: played trouble; the runs that are "
                                          "left stay pending");
}

static void max_fails_stops(void **state)
{
    struct stage *stage = *state;
    struct message runs[N_RANKS];

    start(stage, (struct coordinator_settings){.max_fails = 2});
    begin_all(stage, runs);
    end_run(stage, 0, MESSAGE_FAILED, &runs[0]);
    assert_string_equal(coordinator_stop_reason(stage->coordinator), "");
    end_run(stage, 1, MESSAGE_FAILED, &runs[1]);
    assert_string_equal(coordinator_stop_reason(stage->coordinator),
                        "2 runs failed, on_failure.max_fails is 2");
    assert_false(coordinator_was_cancelled(stage->coordinator));
    expect_order(stage, 2, MESSAGE_STOP);
    say(stage, 0, MESSAGE_READY);
    expect_silence(stage, 0);
    assert_int_equal(fail_run(stage, 2, &runs[2], STATUS_CANCELLED), STATUS_OK);
    assert_int_equal(stage->states[2].phase, RUN_PENDING);
    finish(stage);
}

static void request_stops(void **state)
{
    struct stage *stage = *state;
    struct message runs[N_RANKS];

    start(stage, (struct coordinator_settings){.crash_limit = 2});
    begin_all(stage, runs);
    say(stage, 2, MESSAGE_STOP_REQUEST);
    for (int i = 0; i < N_RANKS; i++) {
        expect_order(stage, i, MESSAGE_STOP);
        assert_int_equal(coordinator_tick(stage->coordinator, clock_seconds()), STATUS_OK);
        expect_silence(stage, i); /* no shutdown while a run is under way */
        if (i == 1)
            end_run(stage, i, MESSAGE_DONE, &runs[i]); /* it was just done */
        else
            assert_int_equal(fail_run(stage, i, &runs[i], STATUS_CANCELLED), STATUS_OK);
    }
    assert_true(coordinator_was_cancelled(stage->coordinator));
    assert_int_equal(stage->states[0].phase, RUN_PENDING);
    assert_int_equal(stage->states[1].phase, RUN_DONE);
    assert_int_equal(stage->events[stage->n_events - 1].kind, JOURNAL_INTERRUPTED);
    finish(stage);
}

static void silent_rank_is_lost(void **state)
{
    struct stage *stage = *state;
    struct message runs[N_RANKS];
    double now = clock_seconds();

    start(stage, (struct coordinator_settings){.crash_limit = 2, .dead_seconds = 30});
    begin_all(stage, runs);
    assert_int_equal(coordinator_tick(stage->coordinator, now + 25), STATUS_OK);
    assert_int_equal(stage->states[2].phase, RUN_RUNNING);
    say(stage, 0, MESSAGE_READY); /* not idle: it has a run; nothing is dealt twice */
    expect_silence(stage, 0);
    assert_int_equal(coordinator_tick(stage->coordinator, now + 31), STATUS_OK);
    assert_true(stage->ranks[0]->has_lost_peer);
    assert_int_equal(stage->states[1].phase, RUN_PENDING);
    assert_int_equal(stage->states[2].phase, RUN_PENDING);
    assert_non_null(strstr(stage->states[2].message, "rank 2 on played was lost"));
    end_run(stage, 2, MESSAGE_DONE, &runs[2]); /* back from the dead: too late */
    assert_int_equal(stage->states[2].phase, RUN_PENDING);
    for (int run = 0; run < N_RUNS; run++) {            /* rank 0 does them all */
        static const int64_t order[] = {0, 2, 1, 3, 4}; /* the lost ones first */
        end_run(stage, 0, MESSAGE_DONE, &runs[0]);
        say(stage, 0, MESSAGE_READY);
        if (run + 1 < N_RUNS)
            runs[0] = expect_run(stage, 0, order[run + 1], run + 1 < 3 ? 2 : 1);
    }
    assert_int_equal(coordinator_tick(stage->coordinator, now + 32), STATUS_OK);
    expect_order(stage, 0, MESSAGE_SHUTDOWN);
    say(stage, 0, MESSAGE_BYE);
    assert_true(coordinator_is_finished(stage->coordinator));
}

static void useless_ranks_end_it(void **state)
{
    struct stage *stage = *state;

    start(stage, (struct coordinator_settings){.crash_limit = 2});
    for (int i = 0; i < N_RANKS; i++) {
        struct message gave_up = {.kind = MESSAGE_GAVE_UP};
        say(stage, i, MESSAGE_HELLO);
        assert_int_equal(coordinator_tick(stage->coordinator, clock_seconds()), STATUS_OK);
        copy_text(gave_up.text, sizeof gave_up.text, "no such program");
        assert_int_equal(send(stage, i, gave_up), STATUS_OK);
    }
    assert_int_equal(coordinator_tick(stage->coordinator, clock_seconds()), STATUS_DEVICE);
    assert_string_equal(status_message(), "no rank can run a trainer: no such program");
}

/* Its last trainer died before it took the run it was given: another rank gets it, uncharged. */
static void run_of_a_rank_that_gives_up_goes_on(void **state)
{
    struct stage *stage = *state;

    start(stage, (struct coordinator_settings){.crash_limit = 1});
    say(stage, 1, MESSAGE_HELLO);
    say(stage, 2, MESSAGE_HELLO);
    say(stage, 1, MESSAGE_READY);
    expect_run(stage, 1, 0, 1);
    say(stage, 1, MESSAGE_GAVE_UP);
    assert_int_equal(stage->states[0].phase, RUN_PENDING);
    assert_int_equal(stage->states[0].n_crashes, 0);
    say(stage, 2, MESSAGE_READY);
    expect_run(stage, 2, 0, 2);
}

static void other_sweep_is_refused(void **state)
{
    struct stage *stage = *state;
    struct message hello = {.kind = MESSAGE_HELLO};

    start(stage, (struct coordinator_settings){.crash_limit = 2});
    copy_text(hello.text, sizeof hello.text, "another sweep");
    assert_int_equal(send(stage, 1, hello), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(), "rank 1 on played: another sweep");
    assert_int_equal(coordinator_end(stage->coordinator), STATUS_OK);
    expect_order(stage, 2, MESSAGE_SHUTDOWN);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deals_to_who_is_idle),
        TEST(stale_words_are_ignored),
        TEST(crashed_run_goes_on_at_once_but_only_once),
        TEST(references_go_first),
        TEST(crash_limit_sets_aside),
        TEST(retries_only_what_may_help),
        TEST(full_disk_stops_everybody),
        TEST(max_fails_stops),
        TEST(request_stops),
        TEST(silent_rank_is_lost),
        TEST(useless_ranks_end_it),
        TEST(run_of_a_rank_that_gives_up_goes_on),
        TEST(other_sweep_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
