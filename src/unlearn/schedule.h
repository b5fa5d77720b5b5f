/* How long a recipe trains so many images, its learning rate at every step, and whether it suits
 * them: pure functions of the recipe, so that a plan can ask before anything runs. */
#ifndef UNLEARN_SCHEDULE_H
#define UNLEARN_SCHEDULE_H

#include "base/status.h"
#include "unlearn/phase.h"

struct schedule {
    int64_t per_epoch; /* steps */
    /* Steps until the learning rate has arrived: all of the run's, but with drop_last images ×
     * epochs / batch, rounded half to even, which the batches left out make a little more. */
    int64_t n_steps;
};
struct schedule recipe_schedule(const struct recipe *recipe, int64_t n_images);
/* Of a phase: its streams' together, each of which ends an epoch with a batch of its own. */
struct schedule phase_schedule(const struct phase *phase, const struct recipe *recipe,
                               const struct row_counts *counts);

/* Learning rate of a step counted from 0. A warm-up of w steps: lr·step / w; then, over the
 * remaining ones, constant; cosine to 0; step: × gamma after each milestone; one_cycle:
 * torch.optim.lr_scheduler.OneCycleLR with cosines and without its cycle of the momentum.
 * schedule_unit epoch: cosine and one_cycle stay for an epoch what they are in its first step. */
double recipe_lr(const struct recipe *recipe, const struct schedule *schedule, int64_t step);

/* A recipe and what it is about to meet. */
struct recipe_use {
    const struct recipe *recipe;
    const char *section; /* "train", "base.train": for messages */
    int n_streams;       /* 0: not known how many images there are */
    int64_t n_images[MOST_STREAMS];
    int height, width; /* pixels; 0: not known */
};
/* BAD_CONFIG, and *setting the name of the setting to point at, for a warm-up that is not shorter
 * than training, batches that are all left out, Nesterov's momentum without momentum, holes larger
 * than images. */
struct recipe_use phase_use(const struct phase *phase, const struct recipe *recipe,
                            const struct row_counts *counts); /* without the size of images */
CHECKED enum status recipe_check(const struct recipe_use *use, const char **setting);

#endif
