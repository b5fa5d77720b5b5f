/* One training on its way through a trainer: its parameters, streams, optimizer, position, history,
 * selection. It advances a step at a time, so that several can take turns; nothing that it computes
 * depends on whose turn came between. */
#ifndef TRAIN_LANE_H
#define TRAIN_LANE_H

#include "train/keep/best_weights.h"
#include "train/keep/history.h"
#include "train/keep/selection.h"
#include "train/measure/validation.h"
#include "train/step/stepper.h"
#include "unlearn/schedule.h"

struct training_position { /* where a run stands: what a checkpoint must remember besides tensors */
    int64_t epoch, step_in_epoch; /* next to do */
    int64_t step;                 /* done in all */
    double loss_sum;              /* of this epoch's steps, weighted by images, as last read */
    double seconds;               /* of training so far, over all attempts that were continued */
};

struct lane {
    /* borrowed */
    struct network *network;
    const struct split *split;
    const struct phase *phase;
    const struct recipe *recipe; /* the phase's */
    const struct train_job *job;
    /* owned */
    struct stepper *stepper;
    struct validation *validation; /* NULL without images set aside */
    struct best_weights *best;     /* kept where the recipe selects them */
    struct history history;
    struct selection selection; /* of what the history says */
    struct training_position position;
    int64_t until;    /* epochs to train to, at most the recipe's */
    bool is_in_epoch; /* its order is drawn */
    struct schedule schedule;
    double validation_seconds;                        /* of this attempt */
    double last_checkpoint, last_loss, last_accuracy; /* accuracy: NaN until known */
    int64_t first_step;                               /* this attempt's */
    double first_seconds;
};

/* Prepares optimizer and history; no executors yet, so that a checkpoint can still be loaded into
 * the parameters. */
CHECKED enum status lane_create(struct lane *lane);
/* Executors for the way to lane->until; closed when it has arrived. */
CHECKED enum status lane_open(struct lane *lane);
/* Whether it is at lane->until, or over before. */
bool lane_has_arrived(const struct lane *lane);
/* One step of a lane that is open and has not arrived, with what is due before it (a checkpoint)
 * and after it (the end of an epoch). DIVERGED names the step; CANCELLED after writing a
 * checkpoint. */
CHECKED enum status lane_advance(struct lane *lane);
/* Waits for the last step and closes. */
CHECKED enum status lane_close(struct lane *lane);
/* Whether all epochs are done, or the recipe's patience is at its end. */
bool lane_is_over(const struct lane *lane);
/* After training: the best epoch's weights again, where the recipe selects them. */
CHECKED enum status lane_select(struct lane *lane);
void lane_release(struct lane *lane);

#endif
