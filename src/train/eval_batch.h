/* How many images an evaluation takes at a time. Predictions do not depend on it beyond the last
 * bits: batch norm uses running values, and every image's arithmetic is its own. */
#ifndef TRAIN_EVAL_BATCH_H
#define TRAIN_EVAL_BATCH_H

#include "train/network.h"

enum { EVAL_BATCH_AUTO = -1 }; /* eval.batch_size: auto */

/* Of `n_images` images: eval.batch_size, or with auto as many as are worth while and fit in a share
 * of the memory that is free now, in equal batches. Fails OUT_OF_MEMORY when the given number needs
 * more than there is, saying how many would fit. */
CHECKED enum status eval_batch_choose(const struct network *network, int64_t n_images,
                                      int64_t *out);

#endif
