/* The loss over a run's steps, coarse enough to be told every few seconds. */
#ifndef DISPATCH_LOSS_CURVE_H
#define DISPATCH_LOSS_CURVE_H

#include "protocol/run_progress.h"

enum { LOSS_CURVE_CELLS = 24 };
struct loss_curve {
    float at[LOSS_CURVE_CELLS]; /* the newest loss in each 24th of the steps; NaN where none was
                                   seen */
    int n;                      /* how many of them have begun */
};
void loss_curve_see(struct loss_curve *curve, const struct run_progress *progress);

#endif
