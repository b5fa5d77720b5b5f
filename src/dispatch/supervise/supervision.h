/* Inside of the supervisor: its state, and what it makes of what a trainer says. */
#ifndef DISPATCH_SUPERVISION_H
#define DISPATCH_SUPERVISION_H

#include "dispatch/supervise/cores.h"
#include "dispatch/supervise/spawn.h"
#include "dispatch/supervise/step_clock.h"
#include "dispatch/supervise/supervisor.h"
#include "dispatch/supervise/trainer_cores.h"
#include "protocol/frame.h"

#define SUPERVISION_WRITE_SECONDS 2.0 /* for a trainer to take what is written to it */

enum supervisor_state {
    TRAINER_DOWN,
    TRAINER_STARTING, /* no hello yet, or its first run was not taken */
    TRAINER_IDLE,
    TRAINER_BUSY,
    TRAINER_GIVEN_UP
};

struct supervisor {
    struct supervisor_settings settings;
    struct cores cores;
    char cores_text[CORES_TEXT_BYTES];
    enum supervisor_state state;
    struct spawned process;            /* SPAWNED_NONE between two */
    struct text assignment;            /* owned: an order that waits for a trainer, or "" */
    bool is_withdrawn;                 /* it was asked to stop before it began */
    char last_words[EVENT_TEXT_BYTES]; /* why it cannot start: another one could not either */
    bool is_dead; /* reaped with wait_status; its last words may not be read yet */
    int wait_status;
    struct frame_reader reader;
    int64_t run, attempt; /* while busy */
    int n_start_failures;
    bool has_warned; /* of GPUs that nobody computes on */
    double restart_at;
    double last_event, last_tick; /* when anything was heard, when the run moved */
    int64_t ticks;
    double cpu_seconds; /* of the trainer, as it last said */
    bool is_stepping;   /* between two steps of one phase */
    struct step_clock steps;
    struct trainer_cores used;
    char kill_reason[EVENT_TEXT_BYTES]; /* why we killed it, "" when we did not */
};

/* Reads what the trainer said, up to the next event for rank 0. One that is not understood is
 * killed. */
void supervision_listen(struct supervisor *supervisor, struct event *event);
/* The waiting run to the idle trainer. One that does not take it never began it: it counts among
 * those that did not start, and the run goes on waiting. */
void supervision_deliver(struct supervisor *supervisor);
bool supervision_has_assignment(const struct supervisor *supervisor);
/* The first reason is kept. */
void supervision_kill(struct supervisor *supervisor, const char *reason);

#endif
