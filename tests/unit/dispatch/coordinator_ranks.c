/* Ranks that fall silent, come back, cannot work or see something else. */
#include "base/clock.h"
#include "stage.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

static void silent_rank_is_lost(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];
    double now = clock_seconds();

    stage_start(stage, (struct coordinator_settings){.crash_limit = 2, .dead_seconds = 30});
    stage_begin_all(stage, runs);
    assert_int_equal(coordinator_tick(stage->coordinator, now + 25), STATUS_OK);
    assert_int_equal(stage->states[2].phase, RUN_RUNNING);
    stage_say(stage, 0, EVENT_READY); /* not idle: it has a run; nothing is dealt twice */
    stage_expect_silence(stage, 0);
    assert_int_equal(coordinator_tick(stage->coordinator, now + 31), STATUS_OK);
    assert_true(stage->ranks[0]->has_lost_peer);
    assert_int_equal(stage->states[1].phase, RUN_PENDING);
    assert_int_equal(stage->states[2].phase, RUN_PENDING);
    assert_non_null(strstr(stage->states[2].message, "rank 2 on played was lost"));
    stage_end_run(stage, 2, EVENT_DONE, &runs[2]); /* back from the dead: too late */
    assert_int_equal(stage->states[2].phase, RUN_PENDING);
    for (int run = 0; run < N_RUNS; run++) {            /* rank 0 does them all */
        static const int64_t order[] = {0, 2, 1, 3, 4}; /* the lost ones first */
        stage_end_run(stage, 0, EVENT_DONE, &runs[0]);
        stage_say(stage, 0, EVENT_READY);
        if (run + 1 < N_RUNS)
            runs[0] = stage_expect_run(stage, 0, order[run + 1], run + 1 < 3 ? 2 : 1);
    }
    assert_int_equal(coordinator_tick(stage->coordinator, now + 32), STATUS_OK);
    stage_expect_order(stage, 0, ORDER_SHUTDOWN);
    stage_say(stage, 0, EVENT_BYE);
    assert_true(coordinator_is_finished(stage->coordinator));
}

/* A suspended rank wakes up after its run was given away: what it says of it does not count, and it
 * gets another run once it has a new trainer. */
static void lost_rank_comes_back(void **state)
{
    struct stage *stage = *state;
    struct assigned_run runs[N_RANKS];
    double now = clock_seconds();

    stage_start(stage, (struct coordinator_settings){.crash_limit = 2, .dead_seconds = 30});
    stage_begin_all(stage, runs);
    stage->coordinator->ranks.items[0].last_heard = stage->coordinator->ranks.items[1].last_heard =
        now + 31;
    assert_int_equal(coordinator_tick(stage->coordinator, now + 31), STATUS_OK);
    assert_true(stage->ranks[0]->has_lost_peer);
    assert_int_equal(stage->states[2].phase, RUN_PENDING);
    stage_end_run(stage, 2, EVENT_DONE, &runs[2]);
    assert_int_equal(stage->states[2].phase, RUN_PENDING);
    assert_false(stage->ranks[0]->has_lost_peer);
    assert_non_null(strstr(stage->note, "rank 2 on played is heard again; it gets a new trainer"));
    stage_expect_order(stage, 2, ORDER_RESTART);
    stage_say(stage, 2, EVENT_READY);
    runs[2] = stage_expect_run(stage, 2, 2, 2);
    stage_end_run(stage, 2, EVENT_DONE, &runs[2]);
    assert_int_equal(stage->states[2].phase, RUN_DONE);
}

/* Given up before it had said a word: what it then says of its files is listened to. */
static void late_rank_may_complain(void **state)
{
    struct stage *stage = *state;
    struct event hello = {.kind = EVENT_HELLO, .status = STATUS_CHANGED_INPUT};
    double now = clock_seconds();

    stage_start(stage, (struct coordinator_settings){.crash_limit = 2, .dead_seconds = 30});
    stage->coordinator->ranks.items[1].last_heard = now + 31;
    assert_int_equal(coordinator_tick(stage->coordinator, now + 31), STATUS_OK);
    assert_true(stage->coordinator->ranks.items[2].is_lost);
    copy_text(hello.text, sizeof hello.text, "other files");
    assert_int_equal(stage_send(stage, 2, hello), STATUS_CHANGED_INPUT);
    assert_non_null(strstr(status_message(), "rank 2 on played: other files"));
}

static void useless_ranks_end_it(void **state)
{
    struct stage *stage = *state;

    stage_start(stage, (struct coordinator_settings){.crash_limit = 2});
    for (int i = 0; i < N_RANKS; i++) {
        struct event gave_up = {.kind = EVENT_GAVE_UP};
        stage_say(stage, i, EVENT_HELLO);
        assert_int_equal(coordinator_tick(stage->coordinator, clock_seconds()), STATUS_OK);
        copy_text(gave_up.text, sizeof gave_up.text, "no such program");
        assert_int_equal(stage_send(stage, i, gave_up), STATUS_OK);
    }
    assert_int_equal(coordinator_tick(stage->coordinator, clock_seconds()), STATUS_DEVICE);
    assert_string_equal(status_message(), "no rank can run a trainer: no such program");
}

/* Its last trainer died before it took the run it was given: another rank gets it, uncharged. */
static void run_of_a_rank_that_gives_up_goes_on(void **state)
{
    struct stage *stage = *state;

    stage_start(stage, (struct coordinator_settings){.crash_limit = 1});
    stage_say(stage, 1, EVENT_HELLO);
    stage_say(stage, 2, EVENT_HELLO);
    stage_say(stage, 1, EVENT_READY);
    stage_expect_run(stage, 1, 0, 1);
    stage_say(stage, 1, EVENT_GAVE_UP);
    assert_int_equal(stage->states[0].phase, RUN_PENDING);
    assert_int_equal(stage->states[0].n_crashes, 0);
    stage_say(stage, 2, EVENT_READY);
    stage_expect_run(stage, 2, 0, 2);
}

static void other_sweep_is_refused(void **state)
{
    struct stage *stage = *state;
    struct event hello = {.kind = EVENT_HELLO};

    stage_start(stage, (struct coordinator_settings){.crash_limit = 2});
    copy_text(hello.text, sizeof hello.text, "another sweep");
    assert_int_equal(stage_send(stage, 1, hello), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(), "rank 1 on played: another sweep");
    assert_int_equal(coordinator_end(stage->coordinator), STATUS_OK);
    stage_expect_order(stage, 2, ORDER_SHUTDOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(silent_rank_is_lost),
        STAGE_TEST(lost_rank_comes_back),
        STAGE_TEST(late_rank_may_complain),
        STAGE_TEST(useless_ranks_end_it),
        STAGE_TEST(run_of_a_rank_that_gives_up_goes_on),
        STAGE_TEST(other_sweep_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
