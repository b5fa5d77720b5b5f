/* Days of a busy cluster in virtual time: sweep after sweep, disturbed in every way that a
 * coordinator and its journal can be, from a seed. What must hold is checked at every event and
 * every start (witness.h).
 *
 * usage: test_simulated_days [DAYS [SEED]] */
#include "base/clock.h"
#include "base/log.h"
#include "faults/simulation.h"
#include "faults/virtual_clock.h"
#include "mpi/made_sweep.h"
#include "support/cmocka.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double n_days = 10; /* CMocka's tests take no arguments of ours */
static uint64_t first_seed = 1;

struct tally {
    int64_t n_sweeps, n_runs, n_starts, n_events, n_faults[N_FAULTS], n_ended[RUN_FAILED + 1];
};

static int32_t below(struct random_stream *dice, uint32_t n)
{
    return stream_below(dice, n);
}

static struct sweep *make_sweep(struct random_stream *dice)
{
    static const int64_t crash_limits[] = {0, 2, 3, 5}, retries[] = {0, 1, 3, 1000};
    static const int64_t epochs[] = {1, 4, 9, 12, 27};
    struct sweep *sweep = made_sweep_create(1 + below(dice, 60));

    assert_non_null(sweep);
    sweep->early = (struct early_terminate){
        below(dice, 2) == 0 ? EARLY_NONE : (enum early_type)below(dice, EARLY_MEDIAN + 1),
        "RA",
        true,
        1,
        3,
        5};
    sweep->crash_limit = crash_limits[below(dice, 4)];
    sweep->retries = retries[below(dice, 4)];
    sweep->fail_fast = below(dice, 20) == 0;
    sweep->max_fails = below(dice, 20) == 0 ? 3 : 0;
    if (sweep->early.type == EARLY_SHA) { /* then faults decide nothing */
        sweep->crash_limit = 0;
        sweep->retries = 1000;
    }
    for (int64_t i = 0; i < sweep->n_runs; i++)
        sweep->runs[i].settings.train.epochs = epochs[below(dice, 5)];
    return sweep;
}

static struct training *make_trainings(struct random_stream *dice, const struct sweep *sweep)
{
    struct training *trainings = heap_alloc(sweep->n_runs, sizeof *trainings);

    assert_non_null(trainings);
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        int64_t n = early_run_epochs(&sweep->runs[i]);
        trainings[i] = (struct training){
            .n_epochs = n,
            .epoch_seconds = 1 + below(dice, 30) * below(dice, 21),
            .diverges_at = below(dice, 20) == 0 ? 1 + below(dice, (uint32_t)n) : 0,
        };
    }
    return trainings;
}

static void add(struct tally *tally, const struct simulation *simulation,
                const enum run_phase *phases)
{
    tally->n_sweeps++;
    tally->n_runs += simulation->settings.sweep->n_runs;
    tally->n_starts += simulation->witness.n_starts;
    tally->n_events += simulation->n_events;
    for (int i = 0; i < N_FAULTS; i++)
        tally->n_faults[i] += simulation->n_faults[i];
    for (int64_t i = 0; i < simulation->settings.sweep->n_runs; i++)
        tally->n_ended[phases[i]]++;
}

static enum run_phase *play(const struct simulation_settings *settings, struct tally *tally)
{
    struct simulation simulation;
    enum run_phase *phases = heap_alloc(settings->sweep->n_runs, sizeof *phases);

    assert_non_null(phases);
    simulation_open(&simulation, settings);
    simulation_run(&simulation, phases);
    if (tally != NULL)
        add(tally, &simulation, phases);
    simulation_close(&simulation);
    return phases;
}

/* What sha stops depends on what runs say and on nothing else. */
static void compare_with_quiet(struct simulation_settings settings, const enum run_phase *phases)
{
    settings.is_quiet = true;
    enum run_phase *quiet = play(&settings, NULL);
    for (int64_t i = 0; i < settings.sweep->n_runs; i++)
        if (phases[i] != quiet[i])
            fail_msg("seed %" PRIu64 ": run %" PRId64 " is %s, and %s when nothing happens",
                     settings.seed, i, run_phase_name(phases[i]), run_phase_name(quiet[i]));
    free(quiet);
}

static void play_sweep(uint64_t seed, struct tally *tally)
{
    struct random_stream dice = random_stream_at(seed, 3);
    struct sweep *sweep = make_sweep(&dice);
    struct training *trainings = make_trainings(&dice, sweep);
    struct simulation_settings settings = {.seed = seed, .sweep = sweep, .trainings = trainings};
    enum run_phase *phases = play(&settings, tally);
    double now = clock_seconds();

    if (sweep->early.type == EARLY_SHA) {
        compare_with_quiet(settings, phases);
        virtual_clock_pass(now - clock_seconds()); /* those days do not count */
    }
    free(phases);
    free(trainings);
    sweep_destroy(sweep);
}

static void print(const struct tally *tally, double days)
{
    int64_t n_faults = 0;

    for (int i = 0; i < N_FAULTS; i++) {
        printf("  %-38s %7" PRId64 "\n", fault_names[i], tally->n_faults[i]);
        n_faults += tally->n_faults[i];
    }
    printf("%.1f simulated days: %" PRId64 " faults, %" PRId64 " starts of %" PRId64
           " sweeps, %" PRId64 " runs (%" PRId64 " done, %" PRId64 " stopped early, %" PRId64
           " failed), %" PRId64 " events\n",
           days, n_faults, tally->n_starts, tally->n_sweeps, tally->n_runs,
           tally->n_ended[RUN_DONE], tally->n_ended[RUN_STOPPED], tally->n_ended[RUN_FAILED],
           tally->n_events);
    printf("%.1f simulated days per minute of processor time\n", 60 * days / processor_seconds());
}

static void sweeps_survive(void **unused)
{
    struct tally tally = {0};
    double begin = clock_seconds(), days = 0;

    (void)unused;
    for (uint64_t seed = first_seed; days < n_days; seed++) {
        play_sweep(seed, &tally);
        days = (clock_seconds() - begin) / 86400;
    }
    print(&tally, days);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sweeps_survive)};

    if (argc > 1)
        n_days = strtod(argv[1], NULL);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    log_open(LOG_ERROR, "simulated");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
