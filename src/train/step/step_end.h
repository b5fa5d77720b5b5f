/* The end of a training step: the optimizer and the tally, enqueued behind the graph's nodes and
 * recorded with them, so that a device repeats a whole step with one launch. */
#ifndef TRAIN_STEP_END_H
#define TRAIN_STEP_END_H

#include "graph/executor.h"
#include "train/step/optimizer.h"
#include "train/step/tally.h"

struct step_end;

/* Makes both follow every run of `executor`, which runs `graph`. All are borrowed: optimizer and
 * tally outlive this, and this the executor's last run. Before each run: optimizer_set_rates; after
 * it: tally_step. */
CHECKED enum status step_end_create(struct executor *executor, const struct graph *graph,
                                    struct optimizer *optimizer, struct tally *tally,
                                    struct step_end **out);
void step_end_destroy(struct step_end *end); /* accepts NULL */

#endif
