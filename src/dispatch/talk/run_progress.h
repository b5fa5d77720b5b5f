/* How far a run under way has come. */
#ifndef DISPATCH_RUN_PROGRESS_H
#define DISPATCH_RUN_PROGRESS_H

#include "base/text.h"

struct run_progress {
    int64_t epoch, n_epochs, step, n_steps; /* done */
    double loss, images_per_second;
    char phase[16]; /* "load", "train", "validate", "evaluate"; "" before the first */
    double cores;   /* processor seconds its trainer takes per second; NaN: not known yet */
    int32_t n_cores, unused; /* that it may take */
};

/* Of its steps, in [0, 1]; what comes before and after them is short and counts as nothing. */
double run_progress_share(const struct run_progress *progress);
/* "epoch 2/5, 930 images/s, loss 0.41", or the phase. */
void run_progress_append(struct text *text, const struct run_progress *progress);
/* `left` runs at the pace of `done` in `elapsed` seconds; NaN while nothing is done. */
double run_seconds_left(double elapsed, double done, double left);

#endif
