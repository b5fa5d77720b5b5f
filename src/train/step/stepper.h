/* Steps of a phase: takes a batch from its streams, runs the graph that its objective asks for with
 * what follows it (optimizer, tally). Who calls decides how many steps there are and at what rate;
 * which images a step takes is a pure function of its place. */
#ifndef TRAIN_STEPPER_H
#define TRAIN_STEPPER_H

#include "data/stream.h"
#include "train/step/network.h"
#include "train/step/optimizer.h"
#include "train/step/tally.h"
#include "unlearn/phase.h"

struct stepper;

struct stepper_settings { /* all borrowed: they outlive the stepper */
    const struct network *network;
    const struct phase *phase;
    const struct recipe *recipe;
    const struct split *split;
    struct random_key key;         /* of the streams' orders, but for layer and epoch */
    uint32_t layers[MOST_STREAMS]; /* one for each stream */
};

/* Optimizer and tally, but no executors yet, so that a checkpoint can still be loaded into
 * parameters and optimizer. */
CHECKED enum status stepper_create(const struct stepper_settings *settings, struct stepper **out);
void stepper_destroy(struct stepper *stepper); /* accepts NULL */
struct optimizer *stepper_optimizer(const struct stepper *stepper);
struct tally *stepper_tally(const struct stepper *stepper);
/* Of an epoch, smaller last batches included unless the recipe drops them. */
int64_t stepper_images_per_epoch(const struct stepper *stepper);

/* Executors, before the first step; closed when other executors are to have their memory. */
CHECKED enum status stepper_open(struct stepper *stepper);
void stepper_close(struct stepper *stepper);
/* Of the full batches, to lend to executors that never run at the same time; empty without any. */
struct span stepper_arena(const struct stepper *stepper);

struct step_place {
    int64_t epoch, in_epoch; /* counted from 0; in_epoch: step in it */
    int64_t step;            /* of all */
    double lr;
};
/* Before an epoch's first step of this attempt: its order, its labels. Enqueued. */
CHECKED enum status stepper_begin_epoch(struct stepper *stepper, int64_t epoch);
/* Enqueued. A phase in halves has one epoch without end. */
CHECKED enum status stepper_step(struct stepper *stepper, const struct step_place *place);

#endif
