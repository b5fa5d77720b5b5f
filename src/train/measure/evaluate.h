/* Runs a network over images of the data set and keeps what it predicts for each. Batch norm by
 * running values, no dropout; parameters are only read. */
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "eval/eval.h"
#include "train/step/network.h"

struct evaluator; /* a graph for evaluation and the buffers around it */

/* For up to n_images images at once, by eval.batch_size. `memory` as in forward_settings. Borrows
 * network. */
CHECKED enum status evaluator_create(const struct network *network, int64_t n_images,
                                     struct span memory, struct evaluator **out);
void evaluator_destroy(struct evaluator *evaluator); /* accepts NULL */
/* What the parameters, as they are now, predict for images rows[0 … n) of the resident table, in
 * that order: out has n rows. The last batch is filled up by repeating its last image. Blocks. */
CHECKED enum status evaluator_run(struct evaluator *evaluator, const int32_t *rows,
                                  struct predictions *out);

/* predictions in the arena: of the whole training table and the whole test table. Blocks. */
CHECKED enum status network_evaluate(const struct network *network, struct arena *arena,
                                     struct predictions *train, struct predictions *test);

#endif
