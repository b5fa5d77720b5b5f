/* A start as leader.c goes through it; the recorder's thread is a flush at most steps. */
#include "faults/simulation.h"

#include "base/clock.h"
#include "base/log.h"
#include "faults/virtual_clock.h"
#include "support/cmocka.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RANKS = 12, MOST_STARTS = 5000 };
static const double send_home_seconds = 20;
static const double stuck_seconds = 6 * 3600; /* more than the longest run */

void simulation_open(struct simulation *simulation, const struct simulation_settings *settings)
{
    int64_t n = settings->sweep->n_runs;

    *simulation =
        (struct simulation){.settings = *settings, .dice = random_stream_at(settings->seed, 11)};
    simulation->checkpoints = heap_alloc(n, sizeof *simulation->checkpoints);
    assert_non_null(simulation->checkpoints);
    witness_open(&simulation->witness, settings->seed, n);
    disk_open(&simulation->disk, &simulation->witness);
    simulation->world = (struct rank_world){.sweep = settings->sweep,
                                            .trainings = settings->trainings,
                                            .checkpoints = simulation->checkpoints,
                                            .disk = &simulation->disk,
                                            .dice = &simulation->dice};
    assert_int_equal(arena_create(&simulation->world.arena), STATUS_OK);
}

void simulation_close(struct simulation *simulation)
{
    disk_close(&simulation->disk);
    witness_close(&simulation->witness);
    free(simulation->checkpoints);
    arena_destroy(simulation->world.arena);
}

/* ---- rank 0's sink ---- */

static void sink_event(void *context, const struct journal_event *event)
{
    struct simulation *simulation = context;

    simulation->last_event = clock_seconds();
    simulation->n_events++;
    disk_push(&simulation->disk, event);
}

static void sink_heard(void *context, int rank, const struct event *said)
{
    (void)context;
    (void)rank;
    (void)said;
}

static void sink_note(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static void push_mark(struct simulation *simulation, enum journal_kind kind)
{
    struct journal_event event = {.kind = kind, .run = -1};

    clock_timestamp(event.time);
    copy_text(event.host, sizeof event.host, "simulated");
    disk_push(&simulation->disk, &event);
}

/* ---- rank 0 ---- */

static enum status lead_step(struct simulation *simulation)
{
    enum status status = STATUS_OK;
    struct simulated_rank *own = &simulation->ranks[0];

    for (;;) {
        struct mail mail;
        TRY(mail_receive(own->transport, own->world->arena, &mail));
        if (mail.from < 0)
            break;
        if (mail.is_order)
            rank_obey(own, &mail.order);
        else
            TRY(coordinator_receive(simulation->coordinator, mail.from, &mail.event));
    }
    rank_act(own);
    TRY(coordinator_tick(simulation->coordinator, clock_seconds()));
    if (clock_seconds() >= simulation->disk_stalls_until && stream_below(&simulation->dice, 8) > 0)
        TRY(disk_flush(&simulation->disk));
done:
    return status;
}

static void ranks_act(struct simulation *simulation)
{
    int n = simulation->n_ranks, first = stream_below(&simulation->dice, (uint32_t)n);

    for (int i = 0; i < n; i++) {
        int rank = (first + i) % n;
        if (rank != 0 && stream_below(&simulation->dice, 8) > 0) /* messages take their time */
            rank_act(&simulation->ranks[rank]);
    }
}

/* Mostly seconds; now and then many steps close together. */
static void pass(struct simulation *simulation)
{
    bool is_close = stream_below(&simulation->dice, 4) == 0;

    virtual_clock_pass(is_close ? simulation_uniform(simulation, 0.001, 0.1)
                                : simulation_uniform(simulation, 0.5, 2.5));
}

static void check_alive(const struct simulation *simulation)
{
    if (clock_seconds() - simulation->last_event > stuck_seconds)
        breach(&simulation->witness, "nothing has happened for %.0f h; %" PRId64 " runs are left",
               stuck_seconds / 3600, simulation->folder->counts.n_pending);
}

static void coordinate(struct simulation *simulation)
{
    double deadline = 0;

    while (!coordinator_is_finished(simulation->coordinator) && !simulation->is_killed) {
        pass(simulation);
        if (!simulation->is_ending)
            faults_strike(simulation);
        ranks_act(simulation);
        if (clock_seconds() < simulation->leader_asleep_until)
            continue;
        if (lead_step(simulation) != STATUS_OK && !simulation->is_ending) {
            simulation->is_ending = true;
            assert_int_equal(coordinator_end(simulation->coordinator), STATUS_OK);
        }
        if (simulation->is_ending && deadline == 0)
            deadline = clock_seconds() + send_home_seconds;
        if (deadline > 0 && clock_seconds() > deadline)
            break;
        check_alive(simulation);
    }
}

/* ---- a start ---- */

static void open_folder(struct simulation *simulation)
{
    const struct dispatch_settings settings = {.folder = simulation->disk.results,
                                               .command = "simulated"};

    simulation->witness.n_starts++;
    witness_begin(&simulation->witness);
    if (results_folder_open(&settings, simulation->settings.sweep, &simulation->folder) !=
        STATUS_OK)
        breach(&simulation->witness, "the results folder does not open: %s", status_message());
    witness_compare(&simulation->witness, simulation->folder->states);
    disk_begin(&simulation->disk, simulation->folder->journal_good_bytes);
    push_mark(simulation, JOURNAL_START);
}

static void begin_ranks(struct simulation *simulation)
{
    struct transport *transports[MOST_RANKS];
    int n = 1 + stream_below(&simulation->dice, MOST_RANKS);

    simulation->n_ranks = n;
    simulation->ranks = heap_alloc(n, sizeof *simulation->ranks);
    assert_non_null(simulation->ranks);
    assert_int_equal(transport_open_queues(n, transports), STATUS_OK);
    for (int i = 0; i < n; i++)
        rank_begin(&simulation->ranks[i], &simulation->world, transports[i]);
}

static void begin_coordinator(struct simulation *simulation)
{
    const struct sweep *sweep = simulation->settings.sweep;
    struct coordinator_start start = {
        .transport = simulation->ranks[0].transport,
        .sweep = sweep,
        .states = simulation->folder->states,
        .rungs = simulation->folder->rungs,
        .settings = {sweep->retries, sweep->crash_limit, sweep->max_fails, sweep->fail_fast, 0},
        .sink = {simulation, sink_event, sink_heard, sink_note}};

    simulation->leader_asleep_until = simulation->disk_stalls_until = 0;
    simulation->last_event = clock_seconds();
    simulation->is_killed = simulation->is_ending = false;
    simulation->end = DISK_IN_ORDER;
    faults_plan(simulation);
    assert_int_equal(coordinator_create(&start, &simulation->coordinator), STATUS_OK);
}

static void end_start(struct simulation *simulation)
{
    if (!simulation->is_killed) {
        push_mark(simulation, JOURNAL_END);
        if (disk_flush(&simulation->disk) != STATUS_OK)
            log_info("at the end: %s", status_message()); /* the start is over all the same */
    }
    witness_compare(&simulation->witness, simulation->folder->states);
    results_folder_count(simulation->folder);
    disk_end(&simulation->disk, simulation->end, &simulation->dice);
    coordinator_destroy(simulation->coordinator);
    simulation->coordinator = NULL;
    for (int i = 0; i < simulation->n_ranks; i++)
        transport_close(simulation->ranks[i].transport);
    free(simulation->ranks);
    simulation->ranks = NULL;
    simulation->n_ranks = 0;
    simulation->is_killed = false;
    simulation->end = DISK_IN_ORDER;
}

/* ---- the sweep ---- */

/* Why a run failed is known: it diverges, or it crashed or failed too often. */
static void check_end_of(const struct simulation *simulation, int64_t run)
{
    const struct sweep *sweep = simulation->settings.sweep;
    const struct run_state *state = &simulation->folder->states[run];
    bool may_fail = simulation->settings.trainings[run].diverges_at > 0 ||
                    (sweep->crash_limit > 0 && state->n_crashes >= sweep->crash_limit) ||
                    state->n_retries >= sweep->retries;

    if (state->phase == RUN_FAILED && !may_fail)
        breach(&simulation->witness, "run %" PRId64 " failed for no reason: %s", run,
               state->message);
    if ((state->phase == RUN_DONE || state->phase == RUN_STOPPED) &&
        !disk_has_result(&simulation->disk, sweep->runs[run].id, state->attempt))
        breach(&simulation->witness, "run %" PRId64 " is %s, and attempt %" PRId64 " wrote nothing",
               run, run_phase_name(state->phase), state->attempt);
}

static void check_end(const struct simulation *simulation, enum run_phase *phases)
{
    const struct dispatch_outcome *counts = &simulation->folder->counts;
    int64_t n = simulation->settings.sweep->n_runs;

    if (runs_ended(counts) != n || counts->n_pending != 0 || counts->n_orphaned != 0)
        breach(&simulation->witness,
               "%" PRId64 " runs have ended, %" PRId64 " are left, of %" PRId64, runs_ended(counts),
               counts->n_pending, n);
    for (int64_t i = 0; i < n; i++) {
        check_end_of(simulation, i);
        phases[i] = simulation->folder->states[i].phase;
    }
}

void simulation_run(struct simulation *simulation, enum run_phase *phases)
{
    bool is_over = false;

    while (!is_over) {
        open_folder(simulation);
        is_over = simulation->folder->counts.n_pending == 0;
        if (is_over) {
            check_end(simulation, phases);
        } else {
            begin_ranks(simulation);
            begin_coordinator(simulation);
            coordinate(simulation);
        }
        end_start(simulation);
        results_folder_close(simulation->folder);
        simulation->folder = NULL;
        virtual_clock_pass(simulation_uniform(simulation, 1, 600));
        if (simulation->witness.n_starts > MOST_STARTS)
            breach(&simulation->witness, "the sweep does not come to its end");
    }
}
