/* The weights of the best epoch so far: kept on the host, and in files beside the checkpoints that
 * refer to them. */
#ifndef TRAIN_BEST_WEIGHTS_H
#define TRAIN_BEST_WEIGHTS_H

#include "graph/parameters.h"
#include "store/weights/weights.h"

struct best_weights;

CHECKED enum status best_weights_create(struct best_weights **out);
void best_weights_destroy(struct best_weights *best); /* accepts NULL */
/* Keeps every parameter and buffer as they are now, after so many epochs, instead of what was kept.
 * Blocks. */
CHECKED enum status best_weights_keep(struct best_weights *best,
                                      const struct parameters *parameters, int64_t epoch);
int64_t best_weights_epoch(const struct best_weights *best); /* 0: nothing is kept */
/* Puts them back. */
CHECKED enum status best_weights_restore(const struct best_weights *best,
                                         struct parameters *parameters);

/* What a checkpoint says of the file it needs. */
struct best_reference {
    int64_t epoch; /* 0: none */
    uint32_t checksum;
};
/* "<folder>/ckpt/best-<epoch>.h5", under PyTorch's names, adapters under their own, unless it was
 * written there already: call it before the checkpoint that refers to it. The newest two are kept,
 * as of checkpoints. */
CHECKED enum status best_weights_save(struct best_weights *best, const char *folder,
                                      struct best_reference *out);
/* Fails BAD_DATA when the file is not the one that is referred to, naming it; IO without it. */
CHECKED enum status best_weights_load(struct best_weights *best, const char *folder,
                                      const struct best_reference *reference,
                                      const struct parameters *parameters);
void best_weights_remove_all(const char *folder); /* the files */

#endif
