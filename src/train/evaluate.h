/* Runs a network over every image of the data set and keeps what it predicts for each. */
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "eval/eval.h"
#include "train/network.h"

/* Batch norm by running values, no dropout, images in table order; the same bits for any batch that
 * divides the same way. predictions in the arena: of the whole training table and the whole test
 * table. Blocks. */
CHECKED enum status network_evaluate(const struct network *network, struct arena *arena,
                                     struct predictions *train, struct predictions *test);

#endif
