/* Whole sweeps with early_terminate over the in-process transport with played trainers: which runs
 * sha stops depends on nothing but what they say; rank 0 killed after any event decides the same.
 */
#include "mpi/made_sweep.h"
#include "mpi/played.h"
#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_RUNS = 60, MIN_ITER = 1, ETA = 3, N_SEEDS = 6 };

/* Few values, so that there are ties; another order at every epoch. */
static double metric(void *context, int64_t run, int64_t epoch)
{
    (void)context;
    return (double)((run * 37 + epoch * epoch * 11 + run * run * epoch) % 23) / 23;
}

static bool diverges(void *context, int64_t run, int64_t epoch)
{
    (void)context;
    return run % 11 == 4 && epoch == 1 + run % 4;
}

static struct sweep *make_sweep(enum early_type type)
{
    struct sweep *sweep = made_sweep_create(N_RUNS);

    assert_non_null(sweep);
    sweep->early = (struct early_terminate){type, "RA", true, MIN_ITER, ETA, 5};
    for (int i = 0; i < N_RUNS; i++)
        sweep->runs[i].settings.train.epochs = i % 7 == 0 ? 3 : 12; /* rungs 1, and 1, 3, 9 */
    return sweep;
}

/* ---- what must come out of sha, without events, order or ranks ---- */

static bool has_failed_by(int64_t run, int64_t epoch)
{
    for (int64_t e = 1; e <= epoch; e++)
        if (diverges(NULL, run, e))
            return true;
    return false;
}

static bool is_before(int64_t a, int64_t b, int64_t epoch)
{
    bool a_failed = has_failed_by(a, epoch), b_failed = has_failed_by(b, epoch);
    double x = metric(NULL, a, epoch), y = metric(NULL, b, epoch);

    if (a_failed != b_failed)
        return b_failed;
    if (a_failed || x == y)
        return a < b;
    return x > y;
}

static void expected_by_sha(const struct sweep *sweep, enum run_phase phases[N_RUNS])
{
    bool is_alive[N_RUNS], goes_on[N_RUNS];

    for (int i = 0; i < N_RUNS; i++)
        is_alive[i] = true;
    for (int64_t epoch = MIN_ITER; epoch < 12; epoch *= ETA) {
        int n = 0;
        for (int i = 0; i < N_RUNS; i++)
            n += is_alive[i] && sweep->runs[i].settings.train.epochs > epoch;
        int quota = n / ETA > 1 ? n / ETA : 1;
        memcpy(goes_on, is_alive, sizeof goes_on);
        for (int i = 0; i < N_RUNS; i++) {
            int place = 0;
            if (!is_alive[i] || sweep->runs[i].settings.train.epochs <= epoch)
                continue;
            for (int j = 0; j < N_RUNS; j++)
                place += is_alive[j] && sweep->runs[j].settings.train.epochs > epoch &&
                         is_before(j, i, epoch);
            goes_on[i] = place < quota && !has_failed_by(i, epoch);
            phases[i] = has_failed_by(i, epoch) ? RUN_FAILED : RUN_STOPPED;
        }
        memcpy(is_alive, goes_on, sizeof goes_on);
    }
    for (int i = 0; i < N_RUNS; i++)
        if (is_alive[i])
            phases[i] =
                has_failed_by(i, sweep->runs[i].settings.train.epochs) ? RUN_FAILED : RUN_DONE;
}

static void check_phases(const struct play *play, const enum run_phase wanted[N_RUNS])
{
    for (int i = 0; i < N_RUNS; i++)
        if (play->states[i].phase != wanted[i])
            fail_msg("%d ranks, seed %d, %d starts: run %d is %s, wanted %s",
                     play->settings.n_ranks, (int)play->settings.seed, (int)play->n_starts, i,
                     run_phase_name(play->states[i].phase), run_phase_name(wanted[i]));
}

static struct play_settings settings_for(struct sweep *sweep, int n_ranks, uint64_t seed)
{
    return (struct play_settings){
        .n_ranks = n_ranks, .sweep = sweep, .metric = metric, .diverges = diverges, .seed = seed};
}

static void sha_stops_the_same_runs(void **unused)
{
    static const int n_ranks[] = {1, 3, 17};
    enum run_phase wanted[N_RUNS];
    struct sweep *sweep = make_sweep(EARLY_SHA);
    int n_stopped = 0;

    (void)unused;
    expected_by_sha(sweep, wanted);
    for (int i = 0; i < N_RUNS; i++)
        n_stopped += wanted[i] == RUN_STOPPED;
    assert_in_range(n_stopped, 20, 55);
    for (int k = 0; k < 3; k++) {
        for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
            struct play_settings settings = settings_for(sweep, n_ranks[k], seed);
            struct play play;
            settings.crash_percent = (uint32_t)seed * 4;
            play_open(&play, &settings);
            assert_true(play_start(&play, INT64_MAX));
            check_phases(&play, wanted);
            play_close(&play);
        }
    }
    sweep_destroy(sweep);
}

/* Killed after every 1 to 40 events, and started on another number of ranks. */
static void sha_restarts_to_the_same(void **unused)
{
    static const int n_ranks[] = {1, 3, 17, 5};
    enum run_phase wanted[N_RUNS];
    struct sweep *sweep = make_sweep(EARLY_SHA);

    (void)unused;
    expected_by_sha(sweep, wanted);
    for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
        struct play_settings settings = settings_for(sweep, 17, 100 + seed);
        struct play play;
        settings.crash_percent = (uint32_t)seed;
        play_open(&play, &settings);
        bool is_over = false;
        while (!is_over) {
            int64_t step = 1 + stream_below(&play.stream, 40);
            play.settings.n_ranks = n_ranks[play.n_starts % 4];
            is_over = play_start(&play, play.n_events + (play.settings.n_ranks == 1 ? 8 : step));
        }
        assert_true(play.n_starts > 5);
        check_phases(&play, wanted);
        play_close(&play);
    }
    sweep_destroy(sweep);
}

static int count_events(const struct play *play, enum journal_kind kind)
{
    int n = 0;
    for (int64_t i = 0; i < play->n_events; i++)
        n += play->journal[i].kind == kind;
    return n;
}

/* The verdict that the journal has on each run's rungs, in order, without times and hosts. */
static bool same_decisions(const struct play *a, const struct play *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const struct journal_event *x = &a->journal[i], *y = &b->journal[i];
        if (x->kind != y->kind || x->run != y->run || x->epoch != y->epoch ||
            strcmp(x->text, y->text) != 0)
            return false;
    }
    return true;
}

/* Killed between a value and its verdict: the restart's first words are the verdict of the sweep
 * that was not killed. */
static void a_kill_between_decisions_changes_none(enum early_type type)
{
    struct sweep *sweep = make_sweep(type);
    struct play_settings settings = settings_for(sweep, 3, 5);
    struct play whole;
    int n_checked = 0;

    play_open(&whole, &settings);
    assert_true(play_start(&whole, INT64_MAX));
    assert_true(count_events(&whole, JOURNAL_STOPPED) > 5);
    assert_true(count_events(&whole, JOURNAL_PROMOTED) > 5);
    for (int64_t i = 0; i + 1 < whole.n_events; i++) {
        enum journal_kind next = whole.journal[i + 1].kind;
        struct play cut;
        if (next != JOURNAL_STOPPED && next != JOURNAL_PROMOTED)
            continue;
        if (type == EARLY_ASHA && next == JOURNAL_STOPPED)
            continue; /* at the very end, when nobody is left */
        play_open(&cut, &settings);
        assert_false(play_start(&cut, i + 1));
        assert_true(same_decisions(&cut, &whole, i + 1));
        (void)play_start(&cut, i + 2);
        assert_true(same_decisions(&cut, &whole, i + 2));
        play_close(&cut);
        n_checked++;
    }
    assert_true(n_checked > 10);
    play_close(&whole);
    sweep_destroy(sweep);
}

static void kills_between_decisions(void **unused)
{
    (void)unused;
    a_kill_between_decisions_changes_none(EARLY_SHA);
    a_kill_between_decisions_changes_none(EARLY_ASHA);
    a_kill_between_decisions_changes_none(EARLY_MEDIAN);
}

/* They end, whatever happens, with every run accounted for, and train less than without. */
static void asha_and_median_end(void **unused)
{
    static const enum early_type types[] = {EARLY_ASHA, EARLY_MEDIAN};

    (void)unused;
    for (int t = 0; t < 2; t++) {
        struct sweep *sweep = make_sweep(types[t]);
        for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
            struct play_settings settings = settings_for(sweep, 1 + 4 * (int)seed, seed);
            struct dispatch_outcome counts;
            struct play play;
            settings.crash_percent = (uint32_t)seed * 3;
            play_open(&play, &settings);
            while (!play_start(&play, play.n_events + 150))
                ;
            run_states_count(play.states, N_RUNS, &counts);
            assert_int_equal(counts.n_done + counts.n_stopped + counts.n_failed, N_RUNS);
            assert_true(counts.n_done > 0 && counts.n_stopped > 0);
            play_close(&play);
        }
        sweep_destroy(sweep);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha_stops_the_same_runs),
        cmocka_unit_test(sha_restarts_to_the_same),
        cmocka_unit_test(kills_between_decisions),
        cmocka_unit_test(asha_and_median_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
