/* A rank of a simulated sweep, with its trainer, in virtual time: it says and obeys what
 * rank_side.c does. It can be told to crash, to fail, to sleep and to die. */
#ifndef FAULTS_SIMULATED_RANK_H
#define FAULTS_SIMULATED_RANK_H

#include "dispatch/talk/mail.h"
#include "faults/simulated_disk.h"

/* What training a run is like, the same at every attempt. */
struct training {
    int64_t n_epochs;
    double epoch_seconds;
    int64_t diverges_at; /* epoch; 0: never */
};
double training_metric(int64_t run, int64_t epoch); /* at a rung */

/* What all ranks of a start have in common. */
struct rank_world {
    const struct sweep *sweep;
    const struct training *trainings; /* [n_runs] */
    int64_t *checkpoints;             /* [n_runs] epochs done, the furthest of any attempt */
    struct simulated_disk *disk;
    struct random_stream *dice;
    struct arena *arena; /* of the order under way */
};

struct simulated_rank {
    struct rank_world *world; /* borrowed, as all pointers */
    struct transport *transport;
    int number;
    bool is_gone; /* dead, or sent home */
    double asleep_until;
    double last_heartbeat, last_heard, last_act;
    /* the trainer */
    double ready_at; /* 0: it is, or busy */
    bool is_useless; /* none starts */
    bool is_ready, is_busy, waits, wants_stop;
    int64_t run, attempt, epoch, rung_epoch;
    double next_epoch_at;
    struct assigned_run waiting; /* for the next trainer; attempt 0: none */
    struct event fate;           /* how the run under way ends next; NONE: as it is */
    struct event last;           /* end of an attempt, to be said once more much later */
};

void rank_begin(struct simulated_rank *rank, struct rank_world *world, struct transport *transport);
void rank_obey(struct simulated_rank *rank, const struct order *order);
/* Reads what rank 0 sent (rank 0 itself reads elsewhere), then says what has happened by now. */
void rank_act(struct simulated_rank *rank);
/* Neither rank nor, if it sleeps too, its trainer moves for so long. */
void rank_sleep(struct simulated_rank *rank, double seconds, bool with_trainer);
void rank_say(struct simulated_rank *rank, struct event event);

#endif
