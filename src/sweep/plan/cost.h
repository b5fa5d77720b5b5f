/* What a run has to compute, counted from its graphs before anything runs. */
#ifndef SWEEP_COST_H
#define SWEEP_COST_H

#include "config/settings.h"

struct cost {
    double train_flops; /* of products in all training steps; a multiplication and its addition are
                           two */
    double eval_flops;  /* of the evaluation after them, and of validations between them */
};

struct costs; /* remembers the graphs that were counted and the data sets that were looked for */
CHECKED enum status costs_create(struct costs **out);
void costs_destroy(struct costs *costs); /* accepts NULL */
/* A data set that is not there counts with its published number of images. BAD_CONFIG when settings
 * name an unknown architecture, method or data set. */
CHECKED enum status costs_of(struct costs *costs, const struct settings *settings,
                             struct cost *out);
/* Bytes of the files that a finished run leaves: results of every image and the weights that
 * checkpoint.keep asks for. */
CHECKED enum status costs_disk(struct costs *costs, const struct settings *settings, double *out);

#endif
