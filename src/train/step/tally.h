/* What a training loop wants to know of its steps. It is added up on the device, by an operation at
 * the end of each step, and copied to the host now and then: after every step where an operation is
 * over when it returns, else every 32 steps and when somebody waits for it. */
#ifndef TRAIN_TALLY_H
#define TRAIN_TALLY_H

#include "kernels/kernels.h"

struct tally;

CHECKED enum status tally_create(struct queue *queue, struct tally **out);
void tally_destroy(struct tally *tally);               /* accepts NULL */
struct tensor tally_totals(const struct tally *tally); /* on the device, by enum step_total */

/* Begins an epoch, or goes on with one whose steps so far have this sum of losses; steps before it
 * were read, with `waits`. Enqueued. */
CHECKED enum status tally_begin(struct tally *tally, double loss_sum);
/* After each step was enqueued; never waits, but for a device that is two copies behind. */
CHECKED enum status tally_step(struct tally *tally);
/* The newest totals that are on the host; *is_new false, and totals as they were, when none came
 * since the last call. `waits`: of all steps so far; Blocks. */
CHECKED enum status tally_read(struct tally *tally, bool waits, double totals[N_STEP_TOTALS],
                               bool *is_new);

#endif
