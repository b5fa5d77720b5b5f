/* A sweep from its first start to its last in virtual time: the real coordinator, results folder
 * and journal; simulated ranks and trainers; and faults. */
#ifndef FAULTS_SIMULATION_H
#define FAULTS_SIMULATION_H

#include "dispatch/folder/results_folder.h"
#include "dispatch/lead/coordinator.h"
#include "faults/simulated_rank.h"

enum fault {
    FAULT_TRAINER_CRASH,
    FAULT_RUN_FAILURE, /* it may go well another time */
    FAULT_TRAINER_STORAGE,
    FAULT_TRAINER_USELESS,
    FAULT_RANK_DEATH,
    FAULT_RANK_SLEEP,
    FAULT_LEADER_SLEEP,
    FAULT_LEADER_DEATH,
    FAULT_POWER_LOSS,
    FAULT_DISK,
    FAULT_DISK_STALL,
    FAULT_STOP,
    FAULT_STOP_BY_RANK,
    FAULT_SECOND_SIGNAL,
    FAULT_STALE_MESSAGE,
    FAULT_WALL_CLOCK,
    N_FAULTS
};
extern const char *const fault_names[N_FAULTS];

struct simulation_settings {
    uint64_t seed;
    struct sweep *sweep;              /* borrowed, as the next */
    const struct training *trainings; /* [n_runs] */
    bool is_quiet;                    /* no fault happens */
};

struct simulation {
    struct simulation_settings settings;
    struct random_stream dice;
    struct witness witness;
    struct simulated_disk disk;
    struct rank_world world;
    int64_t *checkpoints; /* owned; the world's */
    double next_fault[N_FAULTS];
    int64_t n_faults[N_FAULTS]; /* that struck */
    int64_t n_events;
    /* the start under way */
    struct results_folder *folder;
    struct coordinator *coordinator;
    struct simulated_rank *ranks; /* owned, [n_ranks] */
    int n_ranks;
    double leader_asleep_until, disk_stalls_until, last_event;
    bool is_killed, is_ending;
    enum disk_end end;
};

void simulation_open(struct simulation *simulation, const struct simulation_settings *settings);
void simulation_close(struct simulation *simulation);
/* Starts the sweep until nothing is left of it. phases [n_runs] is how each run ended. */
void simulation_run(struct simulation *simulation, enum run_phase *phases);

/* ---- faults.c ---- */
double simulation_uniform(struct simulation *simulation, double from, double to);
void faults_plan(struct simulation *simulation); /* the first of each kind */
void faults_strike(struct simulation *simulation);

#endif
