/* Decisions at rungs against small cases worked out by hand. */
#include "dispatch/rungs/rungs.h"
#include "dispatch/rungs/rung.h"

#include "mpi/made_sweep.h"
#include "support/cmocka.h"
#include "support/random_stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 12 };

struct bench {
    struct sweep *sweep;
    struct rungs *rungs;
    struct run_state states[MOST_RUNS];
};

static void open_bench(struct bench *bench, int n_runs, int64_t epochs,
                       struct early_terminate early)
{
    *bench = (struct bench){.sweep = made_sweep_create(n_runs)};
    assert_non_null(bench->sweep);
    early.metric = "RA";
    bench->sweep->early = early;
    for (int i = 0; i < n_runs; i++)
        bench->sweep->runs[i].settings.train.epochs = epochs;
    assert_int_equal(rungs_create(bench->sweep, &bench->rungs), STATUS_OK);
}

static void begin(struct bench *bench)
{
    assert_int_equal(rungs_begin(bench->rungs, bench->states), STATUS_OK);
}

static void close_bench(struct bench *bench)
{
    rungs_destroy(bench->rungs);
    sweep_destroy(bench->sweep);
}

static void reach(struct bench *bench, int64_t run, double value)
{
    bool is_new = false;
    assert_int_equal(rungs_reach(bench->rungs, run, value, &is_new), STATUS_OK);
    assert_true(is_new);
}

static struct rung_decision expect(struct bench *bench, int64_t run, enum run_verdict verdict)
{
    struct rung_decision decision;

    assert_true(rungs_take(bench->rungs, &decision));
    assert_int_equal(decision.run, run);
    assert_int_equal(decision.verdict, verdict);
    return decision;
}

static void expect_none(struct bench *bench)
{
    struct rung_decision decision;
    assert_false(rungs_take(bench->rungs, &decision));
}

static void epochs_of_rungs(void **unused)
{
    const struct early_terminate sha = {.type = EARLY_SHA, .min_iter = 2, .eta = 3};
    const struct early_terminate median = {.type = EARLY_MEDIAN, .min_iter = 2};

    (void)unused;
    assert_int_equal(early_rung_epoch(&sha, 0), 2);
    assert_int_equal(early_rung_epoch(&sha, 3), 54);
    assert_true(early_rung_epoch(&sha, 60) == INT64_MAX);
    assert_int_equal(early_rung_epoch(&median, 3), 8);
}

/* Seven runs, eta 3: two go on, by value and then by number; the failed one is the worst. */
static void sha_decides_when_the_last_has_come(void **unused)
{
    static const double values[] = {0.2, 0.5, 0.9, 0.5, 0.1, 0.5};
    struct bench bench;

    (void)unused;
    open_bench(&bench, 7, 5, (struct early_terminate){EARLY_SHA, NULL, true, 1, 3, 0});
    begin(&bench);
    assert_int_equal(rungs_next_epoch(bench.rungs, 3), 1);
    for (int i = 5; i >= 0; i--)
        reach(&bench, i, values[i]);
    expect_none(&bench);
    assert_int_equal(rungs_fail(bench.rungs, 6), STATUS_OK);
    struct rung_decision first = expect(&bench, 2, VERDICT_GO_ON);
    assert_true(first.value == 0.9 && first.threshold == 0.5 && first.epoch == 1);
    assert_string_equal(first.text,
                        "RA 0.9 at epoch 1 (rung 1) is number 1 of 7, the best 2 go on");
    (void)expect(&bench, 1, VERDICT_GO_ON);
    (void)expect(&bench, 3, VERDICT_STOP);
    (void)expect(&bench, 5, VERDICT_STOP);
    (void)expect(&bench, 0, VERDICT_STOP);
    (void)expect(&bench, 4, VERDICT_STOP);
    expect_none(&bench);
    assert_int_equal(rungs_next_epoch(bench.rungs, 2), 3); /* the next rung, of two */
    reach(&bench, 1, 0.3);
    reach(&bench, 2, 0.3);
    (void)expect(&bench, 1, VERDICT_GO_ON); /* fewer than eta: the best one; a tie to the lower */
    (void)expect(&bench, 2, VERDICT_STOP);
    assert_int_equal(rungs_next_epoch(bench.rungs, 1), 0); /* 9 is beyond its 5 epochs */
    close_bench(&bench);
}

static void sha_minimizes_and_leaves_short_runs_alone(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, 4, 3, (struct early_terminate){EARLY_SHA, NULL, false, 2, 2, 0});
    rungs_destroy(bench.rungs);
    bench.sweep->runs[0].settings.train.epochs = 2;           /* ends where the rung is */
    bench.sweep->runs[3].settings.unlearn.method = "retrain"; /* a reference is never stopped */
    assert_int_equal(rungs_create(bench.sweep, &bench.rungs), STATUS_OK);
    begin(&bench);
    assert_int_equal(rungs_next_epoch(bench.rungs, 0), 0);
    assert_int_equal(rungs_next_epoch(bench.rungs, 3), 0);
    reach(&bench, 1, 0.7);
    expect_none(&bench);
    reach(&bench, 2, 0.6);
    (void)expect(&bench, 2, VERDICT_GO_ON);
    (void)expect(&bench, 1, VERDICT_STOP);
    close_bench(&bench);
}

static void sha_promotes_nobody_when_all_failed(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, 3, 9, (struct early_terminate){EARLY_SHA, NULL, true, 1, 3, 0});
    begin(&bench);
    for (int i = 0; i < 2; i++)
        assert_int_equal(rungs_fail(bench.rungs, i), STATUS_OK);
    reach(&bench, 2, NAN);
    (void)expect(&bench, 2, VERDICT_STOP);
    expect_none(&bench);
    close_bench(&bench);
}

/* eta 2. Arrivals 5, 1 → 5 goes on (1 of 2). 7 → top 1 of 3 is 7: goes on as well (asha's mistake,
 * by design). 6 → top 2 of 4 are 7, 6: goes on. 2 → top 2 of 5: nothing. 3 → top 3 of 6: 7, 6, 5:
 * nothing new. At the end 1, 2 and 3 are stopped. */
static void asha_decides_as_they_come(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, 6, 2, (struct early_terminate){EARLY_ASHA, NULL, true, 1, 2, 0});
    begin(&bench);
    reach(&bench, 0, 5);
    expect_none(&bench);
    reach(&bench, 1, 1);
    (void)expect(&bench, 0, VERDICT_GO_ON);
    expect_none(&bench);
    reach(&bench, 2, 7);
    (void)expect(&bench, 2, VERDICT_GO_ON);
    reach(&bench, 3, 6);
    struct rung_decision third = expect(&bench, 3, VERDICT_GO_ON);
    assert_true(third.threshold == 6);
    reach(&bench, 4, 2);
    reach(&bench, 5, 3);
    expect_none(&bench);
    assert_int_equal(rungs_settle(bench.rungs), STATUS_OK);
    (void)expect(&bench, 5, VERDICT_STOP);
    (void)expect(&bench, 4, VERDICT_STOP);
    (void)expect(&bench, 1, VERDICT_STOP);
    expect_none(&bench);
    close_bench(&bench);
}

/* A longer list lets in one that came before; fewer than eta at the end: the best goes on. */
static void asha_looks_back(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, 4, 9, (struct early_terminate){EARLY_ASHA, NULL, false, 1, 2, 0});
    begin(&bench);
    reach(&bench, 0, 0.1);
    reach(&bench, 1, 0.2);
    (void)expect(&bench, 0, VERDICT_GO_ON);
    reach(&bench, 2, 0.9);
    expect_none(&bench);
    assert_int_equal(rungs_fail(bench.rungs, 3), STATUS_OK); /* the fourth, and the worst */
    (void)expect(&bench, 1, VERDICT_GO_ON);
    reach(&bench, 0, 0.5); /* at the second rung, of epoch 2 */
    assert_int_equal(rungs_settle(bench.rungs), STATUS_OK);
    (void)expect(&bench, 0, VERDICT_GO_ON);
    expect_none(&bench);
    close_bench(&bench);
}

/* min_runs 2. Values by rung: run 0: 4, 6; run 1: 2; run 2: 3, 4. */
static void median_compares_with_the_others_means(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, 4, 9, (struct early_terminate){EARLY_MEDIAN, NULL, true, 1, 0, 2});
    begin(&bench);
    reach(&bench, 0, 4);
    struct rung_decision alone = expect(&bench, 0, VERDICT_GO_ON);
    assert_string_equal(alone.text, "fewer than 2 others have reached epoch 1 (rung 1)");
    assert_true(isnan(alone.threshold));
    reach(&bench, 1, 2);
    (void)expect(&bench, 1, VERDICT_GO_ON);
    reach(&bench, 2, 3); /* the median of 4 and 2 is 3: not worse */
    assert_true(expect(&bench, 2, VERDICT_GO_ON).threshold == 3);
    reach(&bench, 3, 2.5); /* of 4, 2, 3 it is 3 */
    struct rung_decision stop = expect(&bench, 3, VERDICT_STOP);
    assert_string_equal(
        stop.text, "RA, at best 2.5 by epoch 1 (rung 1), the median of the others' means is 3");
    reach(&bench, 0, 6);
    (void)expect(&bench, 0, VERDICT_GO_ON);
    reach(&bench, 2, 4);
    (void)expect(&bench, 2, VERDICT_GO_ON);
    reach(&bench, 1, 3); /* means at the second rung: 5 and 3.5; the best it ever said is 3 */
    assert_true(expect(&bench, 1, VERDICT_STOP).threshold == 4.25);
    expect_none(&bench);
    assert_int_equal(rungs_settle(bench.rungs), STATUS_OK);
    expect_none(&bench);
    close_bench(&bench);
}

static void replay(struct bench *bench, enum journal_kind kind, int64_t run, double value)
{
    struct journal_event event = {.kind = kind, .run = run, .epoch = 1, .value = value};

    copy_text(event.text, sizeof event.text, kind == JOURNAL_REACHED ? "RA" : "because");
    run_state_apply(&bench->states[run], &event);
    assert_int_equal(rungs_replay(bench->rungs, &event), STATUS_OK);
}

static void pause_run(struct bench *bench, int64_t run)
{
    struct journal_event event = {.kind = JOURNAL_PAUSED, .run = run};
    run_state_apply(&bench->states[run], &event);
}

/* Killed while the verdicts of a complete rung were written: the rest of them is the same. */
static void a_replay_decides_the_rest(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, 4, 5, (struct early_terminate){EARLY_SHA, NULL, true, 1, 2, 0});
    for (int i = 0; i < 4; i++) {
        replay(&bench, JOURNAL_REACHED, i, i);
        pause_run(&bench, i);
    }
    replay(&bench, JOURNAL_PROMOTED, 3, 3);
    assert_int_equal(bench.states[3].phase, RUN_PENDING);
    begin(&bench);
    (void)expect(&bench, 2, VERDICT_GO_ON);
    (void)expect(&bench, 1, VERDICT_STOP);
    (void)expect(&bench, 0, VERDICT_STOP);
    expect_none(&bench);
    assert_int_equal(rungs_next_epoch(bench.rungs, 3), 2);
    close_bench(&bench);
}

/* It said its value and was killed before it could pause: what it says again does not count. */
static void what_was_said_stands(void **unused)
{
    struct bench bench;
    bool is_new = true;

    (void)unused;
    open_bench(&bench, 2, 5, (struct early_terminate){EARLY_SHA, NULL, true, 1, 2, 0});
    replay(&bench, JOURNAL_REACHED, 0, 0.5);
    begin(&bench);
    assert_int_equal(rungs_reach(bench.rungs, 0, 99, &is_new), STATUS_OK);
    assert_false(is_new);
    assert_int_equal(rungs_verdict(bench.rungs, 0), VERDICT_NONE);
    reach(&bench, 1, 0.6);
    (void)expect(&bench, 1, VERDICT_GO_ON);
    assert_true(expect(&bench, 0, VERDICT_STOP).value == 0.5);
    assert_int_equal(rungs_verdict(bench.rungs, 0), VERDICT_STOP);
    close_bench(&bench);
}

/* The sweep file was edited: another metric, no early_terminate at all. */
static void other_rules_forget(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, 2, 5, (struct early_terminate){EARLY_SHA, NULL, true, 1, 2, 0});
    bench.sweep->early.metric = "TA";
    rungs_destroy(bench.rungs);
    assert_int_equal(rungs_create(bench.sweep, &bench.rungs), STATUS_OK);
    replay(&bench, JOURNAL_REACHED, 0, 0.5);
    pause_run(&bench, 0);
    begin(&bench);
    assert_int_equal(bench.states[0].phase, RUN_PENDING);
    reach(&bench, 0, 0.1);
    reach(&bench, 1, 0.2);
    (void)expect(&bench, 1, VERDICT_GO_ON);
    close_bench(&bench);

    open_bench(&bench, 2, 5, (struct early_terminate){.type = EARLY_NONE});
    replay(&bench, JOURNAL_REACHED, 0, 0.5);
    replay(&bench, JOURNAL_STOPPED, 0, 0.5);
    pause_run(&bench, 0);
    assert_int_equal(bench.states[0].phase, RUN_STOPPED);
    begin(&bench);
    assert_int_equal(bench.states[0].phase, RUN_PENDING); /* now it is trained to its end */
    assert_int_equal(rungs_next_epoch(bench.rungs, 0), 0);
    close_bench(&bench);
}

/* A run that was done before early_terminate was asked for is no peer, and nobody waits for it. */
static void done_runs_are_no_peers(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, 3, 5, (struct early_terminate){EARLY_SHA, NULL, true, 1, 2, 0});
    bench.states[2].phase = RUN_DONE;
    begin(&bench);
    reach(&bench, 0, 0.1);
    reach(&bench, 1, 0.2);
    (void)expect(&bench, 1, VERDICT_GO_ON);
    (void)expect(&bench, 0, VERDICT_STOP);
    close_bench(&bench);
}

/* Few values, some of them NaN, in an order drawn by chance: many blocks are split. */
static void a_long_rung_keeps_its_order(void **unused)
{
    enum { N = 5000 };
    struct random_stream stream = random_stream_at(11, 0);
    struct rung rung = {.is_maximized = true};
    struct arrival last = {INFINITY, -1};
    int64_t n_nan = 0;

    (void)unused;
    for (int64_t i = 0; i < N; i++) {
        int32_t drawn = stream_below(&stream, 100);
        struct arrival one = {drawn == 0 ? (double)NAN : drawn,
                              (i * 3001) % N}; /* 3001 has no factor of N */
        n_nan += drawn == 0;
        assert_int_equal(rung_insert(&rung, &one), STATUS_OK);
    }
    assert_int_equal(rung.n, N);
    assert_in_range(n_nan, 10, 200);
    for (int64_t i = 0; i < N; i++) {
        struct arrival here = rung_at(&rung, i);
        bool is_tie = here.value == last.value || (isnan(here.value) && isnan(last.value));
        assert_int_equal(rung_place(&rung, &here), i);
        assert_int_equal(isnan(here.value), i >= N - n_nan);
        assert_true(is_tie ? here.run > last.run : rung_is_better(&rung, last.value, here.value));
        last = here;
    }
    const struct arrival best = rung_at(&rung, 0);
    int64_t n_others = N - n_nan - 1;
    double low = rung_at(&rung, 1 + (n_others - 1) / 2).value;
    double high = rung_at(&rung, 1 + n_others / 2).value;
    assert_true(rung_median_of_others(&rung, &best, n_others) == (low + high) / 2);
    assert_true(isnan(rung_median_of_others(&rung, &best, n_others + 1)));
    rung_release(&rung);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_of_rungs),
        cmocka_unit_test(sha_decides_when_the_last_has_come),
        cmocka_unit_test(sha_minimizes_and_leaves_short_runs_alone),
        cmocka_unit_test(sha_promotes_nobody_when_all_failed),
        cmocka_unit_test(asha_decides_as_they_come),
        cmocka_unit_test(asha_looks_back),
        cmocka_unit_test(median_compares_with_the_others_means),
        cmocka_unit_test(a_replay_decides_the_rest),
        cmocka_unit_test(what_was_said_stands),
        cmocka_unit_test(other_rules_forget),
        cmocka_unit_test(done_runs_are_no_peers),
        cmocka_unit_test(a_long_rung_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
