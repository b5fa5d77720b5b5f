/* What goes wrong, how often, and how. */
#include "faults/simulation.h"

#include "base/clock.h"
#include "faults/virtual_clock.h"
#include "support/cmocka.h"

#include <math.h>

/* A busy cluster on bad days: something every few minutes. */
static const double per_day[N_FAULTS] = {
    [FAULT_TRAINER_CRASH] = 60,  [FAULT_RUN_FAILURE] = 20,
    [FAULT_TRAINER_STORAGE] = 2, [FAULT_TRAINER_USELESS] = 2,
    [FAULT_RANK_DEATH] = 10,     [FAULT_RANK_SLEEP] = 40,
    [FAULT_LEADER_SLEEP] = 10,   [FAULT_LEADER_DEATH] = 12,
    [FAULT_POWER_LOSS] = 12,     [FAULT_DISK] = 6,
    [FAULT_DISK_STALL] = 20,     [FAULT_STOP] = 4,
    [FAULT_STOP_BY_RANK] = 2,    [FAULT_SECOND_SIGNAL] = 2,
    [FAULT_STALE_MESSAGE] = 40,  [FAULT_WALL_CLOCK] = 10,
};

const char *const fault_names[N_FAULTS] = {
    [FAULT_TRAINER_CRASH] = "trainer crashed",
    [FAULT_RUN_FAILURE] = "run failed, to be retried",
    [FAULT_TRAINER_STORAGE] = "disk full for a trainer",
    [FAULT_TRAINER_USELESS] = "no trainer starts on a rank",
    [FAULT_RANK_DEATH] = "rank died",
    [FAULT_RANK_SLEEP] = "rank suspended up to 2 min",
    [FAULT_LEADER_SLEEP] = "rank 0 suspended up to 2 min",
    [FAULT_LEADER_DEATH] = "rank 0 killed",
    [FAULT_POWER_LOSS] = "power lost",
    [FAULT_DISK] = "disk full or broken for the journal",
    [FAULT_DISK_STALL] = "disk of the journal stalls up to 2 min",
    [FAULT_STOP] = "stopped on request",
    [FAULT_STOP_BY_RANK] = "stopped by a rank's signal",
    [FAULT_SECOND_SIGNAL] = "stopped at once",
    [FAULT_STALE_MESSAGE] = "stale message",
    [FAULT_WALL_CLOCK] = "wall clock set",
};

double simulation_uniform(struct simulation *simulation, double from, double to)
{
    return from + (to - from) * (double)stream_below(&simulation->dice, 1000000) / 1e6;
}

static double wait_for(struct simulation *simulation, enum fault fault)
{
    return -log(simulation_uniform(simulation, 1e-6, 1)) * 86400 / per_day[fault];
}

void faults_plan(struct simulation *simulation)
{
    for (int i = 0; i < N_FAULTS; i++)
        simulation->next_fault[i] = simulation->settings.is_quiet
                                        ? INFINITY
                                        : clock_seconds() + wait_for(simulation, (enum fault)i);
}

/* One of the ranks that are there, from `first` on; NULL: none was met. */
static struct simulated_rank *any_rank(struct simulation *simulation, int first)
{
    int n = simulation->n_ranks - first;

    if (n <= 0)
        return NULL;
    struct simulated_rank *rank =
        &simulation->ranks[first + stream_below(&simulation->dice, (uint32_t)n)];
    return rank->is_gone ? NULL : rank;
}

static double some_seconds(struct simulation *simulation)
{
    return exp(simulation_uniform(simulation, log(0.5), log(120)));
}

/* ---- each returns whether it struck ---- */

static bool doom(struct simulation *simulation, enum event_kind kind, enum status status)
{
    struct simulated_rank *rank = any_rank(simulation, 0);

    if (rank == NULL || !rank->is_busy)
        return false;
    rank->fate = (struct event){.kind = kind, .status = status};
    copy_text(rank->fate.text, sizeof rank->fate.text, "simulated");
    return true;
}

static bool fail_run(struct simulation *simulation)
{
    static const enum status kinds[] = {STATUS_IO, STATUS_OUT_OF_MEMORY, STATUS_DEVICE};

    return doom(simulation, EVENT_FAILED, kinds[stream_below(&simulation->dice, 3)]);
}

static bool make_useless(struct simulation *simulation)
{
    struct simulated_rank *rank = any_rank(simulation, 0);

    if (rank == NULL || rank->is_busy || rank->is_useless)
        return false;
    rank->is_useless = true;
    rank->is_ready = false;
    rank->ready_at = 0;
    rank_say(rank, (struct event){.kind = EVENT_GAVE_UP, .text = "simulated"});
    return true;
}

static bool kill_rank(struct simulation *simulation)
{
    struct simulated_rank *rank = any_rank(simulation, 1);

    if (rank == NULL)
        return false;
    rank->is_gone = true;
    return true;
}

static bool suspend_rank(struct simulation *simulation)
{
    struct simulated_rank *rank = any_rank(simulation, 1);

    if (rank == NULL)
        return false;
    rank_sleep(rank, some_seconds(simulation), stream_below(&simulation->dice, 2) == 0);
    return true;
}

static bool suspend_leader(struct simulation *simulation)
{
    double seconds = some_seconds(simulation);

    simulation->leader_asleep_until = clock_seconds() + seconds;
    rank_sleep(&simulation->ranks[0], seconds, stream_below(&simulation->dice, 2) == 0);
    return true;
}

static bool end_start(struct simulation *simulation, enum disk_end how)
{
    simulation->is_killed = true;
    simulation->end = how;
    return true;
}

static bool break_disk(struct simulation *simulation)
{
    simulation->disk.failure =
        (enum disk_failure)(DISK_IS_FULL + stream_below(&simulation->dice, 3));
    return true;
}

static bool stop(struct simulation *simulation)
{
    assert_int_equal(coordinator_cancel(simulation->coordinator, "simulated"), STATUS_OK);
    return true;
}

static bool stop_at_once(struct simulation *simulation)
{
    simulation->is_ending = true;
    return coordinator_end(simulation->coordinator) == STATUS_OK;
}

static bool stop_by_rank(struct simulation *simulation)
{
    struct simulated_rank *rank = any_rank(simulation, 0);

    if (rank != NULL)
        rank_say(rank, (struct event){.kind = EVENT_STOP_REQUEST});
    return rank != NULL;
}

/* The end of an earlier attempt comes again, from whichever rank. */
static bool repeat_message(struct simulation *simulation)
{
    struct simulated_rank *from = any_rank(simulation, 0);
    struct simulated_rank *by =
        stream_below(&simulation->dice, 2) == 0 ? from : any_rank(simulation, 0);

    if (from == NULL || by == NULL || from->last.kind == EVENT_NONE)
        return false;
    rank_say(by, from->last);
    return true;
}

static bool set_wall_clock(struct simulation *simulation)
{
    double size = pow(10, simulation_uniform(simulation, 0, 8)); /* up to three years */

    virtual_clock_shift_wall(stream_below(&simulation->dice, 2) == 0 ? size : -size);
    return true;
}

static bool strike(struct simulation *simulation, enum fault fault)
{
    switch (fault) {
    case FAULT_TRAINER_CRASH:
        return doom(simulation, EVENT_CRASHED, STATUS_OK);
    case FAULT_RUN_FAILURE:
        return fail_run(simulation);
    case FAULT_TRAINER_STORAGE:
        return doom(simulation, EVENT_FAILED, STATUS_STORAGE);
    case FAULT_TRAINER_USELESS:
        return make_useless(simulation);
    case FAULT_RANK_DEATH:
        return kill_rank(simulation);
    case FAULT_RANK_SLEEP:
        return suspend_rank(simulation);
    case FAULT_LEADER_SLEEP:
        return suspend_leader(simulation);
    case FAULT_LEADER_DEATH:
        return end_start(simulation, DISK_KILLED);
    case FAULT_POWER_LOSS:
        return end_start(simulation, DISK_POWERLESS);
    case FAULT_DISK:
        return break_disk(simulation);
    case FAULT_DISK_STALL:
        simulation->disk_stalls_until = clock_seconds() + some_seconds(simulation);
        return true;
    case FAULT_STOP:
        return stop(simulation);
    case FAULT_STOP_BY_RANK:
        return stop_by_rank(simulation);
    case FAULT_SECOND_SIGNAL:
        return stop_at_once(simulation);
    case FAULT_STALE_MESSAGE:
        return repeat_message(simulation);
    case FAULT_WALL_CLOCK:
        return set_wall_clock(simulation);
    case N_FAULTS:
        break;
    }
    return false;
}

void faults_strike(struct simulation *simulation)
{
    double now = clock_seconds();

    for (int i = 0; i < N_FAULTS; i++) {
        if (now < simulation->next_fault[i])
            continue;
        simulation->n_faults[i] += strike(simulation, (enum fault)i);
        simulation->next_fault[i] = now + wait_for(simulation, (enum fault)i);
    }
}
