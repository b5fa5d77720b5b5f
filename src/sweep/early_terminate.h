/* early_terminate: the epochs (rungs) at which runs are compared and the worse of them end. */
#ifndef SWEEP_EARLY_TERMINATE_H
#define SWEEP_EARLY_TERMINATE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum early_type { EARLY_NONE, EARLY_SHA, EARLY_ASHA, EARLY_MEDIAN };

struct early_terminate {
    enum early_type type;
    const char *metric; /* "loss", or a metric as results.h5 names it; a run's own */
    bool is_maximized;
    int64_t min_iter; /* epochs before the first rung */
    int64_t eta;      /* sha, asha: 1/eta of a rung goes on */
    int64_t min_runs; /* median: runs that must have reached a rung before */
};

/* Epochs done at rung k = 0, 1, …: min_iter·eta^k of sha and asha, min_iter·(k + 1) of median;
 * INT64_MAX when that overflows. */
int64_t early_rung_epoch(const struct early_terminate *early, int64_t k);

struct run;
/* Epochs that early_terminate may cut short: 0 for a reference, with which others are compared, and
 * for a method that trains nothing. */
int64_t early_run_epochs(const struct run *run);

struct sweep;
struct text;
/* For the plan: what decides, at which epochs, and under sha how many runs go on. Prints nothing
 * without early_terminate. */
void early_print(const struct sweep *sweep, struct text *out);

/* Metrics that a run has by itself at the end of an epoch or, is_compared, those that need a
 * retrained model. NULL-terminated, in the arena. */
CHECKED enum status early_metric_names(struct arena *arena, bool is_compared,
                                       const char *const **out);
extern const char *const early_type_names[]; /* NULL-terminated, from EARLY_SHA on */

#endif
