/* A linear probe: what a linear classifier of its own can still read from a model's features,
 * whatever the model's head says. Host, float64. */
#ifndef EVAL_PROBE_H
#define EVAL_PROBE_H

#include "base/arena.h"

struct probe_images {
    const double *features; /* [n, n_features] */
    const int32_t *labels;  /* [n] in [0, n_classes) */
    int64_t n, n_features;
    int n_classes;
};

struct linear_probe {
    int64_t n_features;
    int n_classes;
    double *mean, *scale; /* [n_features] feature e is read as (value − mean) · scale */
    double *weights;      /* [n_features, n_classes] */
    double *intercepts;   /* [n_classes] */
    int64_t n_iterations; /* it took */
};

/* Multinomial logistic regression: minimises ½‖W‖² + Σ log-loss (C = 1, a sum, intercepts
 * unpenalised) on features standardised to mean 0 and variance 1 over these images (one that does
 * not vary counts as 0), from zero until no component of the gradient is above 1e-7 · n, in at most
 * 1000 iterations. In the arena. Fails BAD_DATA when there is no image, DIVERGED when a feature is
 * not finite. */
CHECKED enum status probe_fit(const struct probe_images *images, struct arena *arena,
                              struct linear_probe *out);
/* The first of the likeliest classes. */
int32_t probe_choose(const struct linear_probe *probe, const double *features);

#endif
