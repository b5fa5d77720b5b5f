/* How many images an evaluation takes at a time. Predictions do not depend on it beyond the last
 * bits: batch norm uses running values, and every image's arithmetic is its own. */
#ifndef TRAIN_EVAL_BATCH_H
#define TRAIN_EVAL_BATCH_H

#include "train/step/network.h"

enum { EVAL_BATCH_AUTO = -1 }; /* eval.batch_size: auto */

/* Of `n_images` images: eval.batch_size, or with auto as many as are worth while, in equal batches,
 * whatever else is in memory: the same bits beside other trainers as alone. Fails OUT_OF_MEMORY
 * when the given number needs more than there is, saying how many would fit. */
CHECKED enum status eval_batch_choose(const struct network *network, int64_t n_images,
                                      int64_t *out);
/* Whether there is memory for so many now: what auto chose is halved until there is. */
CHECKED enum status eval_batch_fits(const struct network *network, int64_t batch_size, bool *out);

#endif
