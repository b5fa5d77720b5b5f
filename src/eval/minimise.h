/* The minimum of a smooth convex function of many variables. Host, float64. */
#ifndef EVAL_MINIMISE_H
#define EVAL_MINIMISE_H

#include "base/arena.h"

struct objective {
    int64_t n; /* variables */
    /* The value at x [n], and the gradient [n] written. */
    double (*evaluate)(void *context, const double *x, double *gradient);
    void *context;
};
struct minimise_limits {
    double tolerance; /* of the largest component of the gradient */
    int64_t iterations;
};
/* From x [n], which becomes the result, by L-BFGS with 10 pairs and backtracking until the gradient
 * is within the tolerance, or rounding lets the value fall no further, or `iterations` are used
 * up. *n_iterations may be NULL. The same bits on every run. Fails DIVERGED when the value where it
 * starts is not finite.  Source: Nocedal & Wright, Numerical Optimization, algorithms 7.4, 7.5. */
CHECKED enum status minimise(const struct objective *objective,
                             const struct minimise_limits *limits, double *x,
                             int64_t *n_iterations);

#endif
