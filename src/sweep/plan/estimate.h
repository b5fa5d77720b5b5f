/* How long runs will take: their cost divided by the rates that similar runs reached. */
#ifndef SWEEP_ESTIMATE_H
#define SWEEP_ESTIMATE_H

#include "sweep/plan/cost.h"

/* A finished run, from its results. */
struct past_run {
    const char *arch, *method, *device;
    struct cost cost;
    double train_seconds, eval_seconds, other_seconds; /* of one trainer */
};

enum estimate_basis {
    BASIS_METHOD,       /* runs of the same architecture and method */
    BASIS_ARCHITECTURE, /* of the same architecture */
    BASIS_ANY,          /* whatever was measured */
    BASIS_ASSUMED,      /* nothing measured: a rate that is given or assumed */
    N_ESTIMATE_BASES
};

struct estimate {
    double seconds;
    enum estimate_basis basis;
    int64_t n_runs; /* measured runs that it is based on */
    double factor; /* very likely the time lies between seconds ÷ factor and seconds × factor; from
                      the spread of the measured runs, and wider where they are few */
};

struct estimator;
struct estimator_settings {
    const struct past_run *runs; /* copied; texts are borrowed */
    int64_t n_runs;
    double assumed_flops; /* per second, used when nothing was measured */
};
CHECKED enum status estimator_create(const struct estimator_settings *settings,
                                     struct estimator **out);
void estimator_destroy(struct estimator *estimator); /* accepts NULL */
struct estimate estimator_of(struct estimator *estimator, const struct settings *settings,
                             const struct cost *cost);

/* ---- dealt to trainers ---- */

/* When the last of n runs ends if each, longest first, goes to the trainer that is free first: at
 * most a third later than in the best order (Graham, Bounds on Multiprocessing Timing
 * Anomalies, 1969). */
CHECKED enum status makespan(const double *seconds, int64_t n, int64_t n_trainers, double *out);
/* The fewest trainers that finish within `limit` seconds; 0 when the longest run takes longer. */
CHECKED enum status makespan_trainers(const double *seconds, int64_t n, double limit, int64_t *out);

#endif
