/* What a run has to compute, counted from its graphs before anything runs. */
#ifndef SWEEP_COST_H
#define SWEEP_COST_H

#include "config/settings.h"

struct cost {
    double train_flops; /* products of all training steps: two for each multiplication */
    double eval_flops;  /* of the evaluation after them, and of validations between them */
};

struct costs; /* remembers every graph it has counted and every data set it has looked for */
CHECKED enum status costs_create(struct costs **out);
void costs_destroy(struct costs *costs); /* accepts NULL */
/* The images of a data set that is not there are counted as published, half a class more or less
 * is none. BAD_CONFIG when settings name an unknown architecture, method or data set. */
CHECKED enum status costs_of(struct costs *costs, const struct settings *settings,
                             struct cost *out);
/* Bytes of the files that the run leaves when it is done: results of every image and, as
 * checkpoint.keep says, weights. */
CHECKED enum status costs_disk(struct costs *costs, const struct settings *settings, double *out);

#endif
