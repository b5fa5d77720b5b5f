/* How far a run under way has come. */
#ifndef PROTOCOL_RUN_PROGRESS_H
#define PROTOCOL_RUN_PROGRESS_H

#include "base/text.h"

struct wire;

struct run_progress {
    int64_t epoch, n_epochs, step, n_steps; /* done */
    double loss, images_per_second;
    char phase[16]; /* as of struct train_progress; "" before the first */
    /* what its rank watches it by */
    int64_t ticks;      /* signs of life */
    double cpu_seconds; /* that its process has taken */
    /* which the rank makes of that */
    double cores;    /* processor seconds its trainer takes per second; NaN: not known yet */
    int32_t n_cores; /* that it may take */
};

void run_progress_pass(struct wire *wire, struct run_progress *progress);

/* Of its steps, in [0, 1]; what comes before and after them is short and counts as nothing. */
double run_progress_share(const struct run_progress *progress);
/* "epoch 2/5, 930 images/s, loss 0.41", or the phase. */
void run_progress_append(struct text *text, const struct run_progress *progress);
/* `left` runs at the pace of `done` in `elapsed` seconds; NaN while nothing is done. */
double run_seconds_left(double elapsed, double done, double left);

#endif
