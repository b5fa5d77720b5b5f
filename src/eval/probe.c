/* Softmax regression by L-BFGS. Classes lie innermost everywhere, so that inner loops run over
 * neighbouring numbers. */
#include "eval/probe.h"

#include "eval/minimise.h"

#include <math.h>
#include <string.h>

static const double tolerance_per_image = 1e-7;
enum { MOST_ITERATIONS = 1000 };

struct fit { /* variables: weights [n_features, n_classes], then intercepts [n_classes] */
    const struct probe_images *images;
    double *features; /* [n, n_features] standardised */
    double *residual; /* [n_classes] of one image */
};

/* scores [n_classes] = x · W + intercepts */
static void score(const double *x, int64_t n_features, const double *variables, int n_classes,
                  double *scores)
{
    memcpy(scores, variables + n_features * n_classes, (size_t)n_classes * sizeof *scores);
    for (int64_t e = 0; e < n_features; e++) {
        const double *row = variables + e * n_classes;
        for (int c = 0; c < n_classes; c++)
            scores[c] += x[e] * row[c];
    }
}

/* Turns scores into probabilities minus the label's one; returns the log-loss (log-sum-exp form).
 */
static double loss_of(double *scores, int n_classes, int32_t label)
{
    double most = scores[0], sum = 0, own = scores[label];

    for (int c = 1; c < n_classes; c++)
        most = fmax(most, scores[c]);
    for (int c = 0; c < n_classes; c++) {
        scores[c] = exp(scores[c] - most);
        sum += scores[c];
    }
    for (int c = 0; c < n_classes; c++)
        scores[c] /= sum;
    scores[label] -= 1;
    return log(sum) + most - own;
}

static double evaluate(void *context, const double *x, double *gradient)
{
    const struct fit *fit = context;
    const struct probe_images *images = fit->images;
    int n_classes = images->n_classes;
    int64_t n_features = images->n_features, n_weights = n_features * n_classes;
    double value = 0;

    memcpy(gradient, x, (size_t)n_weights * sizeof *gradient);
    memset(gradient + n_weights, 0, (size_t)n_classes * sizeof *gradient);
    for (int64_t i = 0; i < n_weights; i++)
        value += 0.5 * x[i] * x[i];
    for (int64_t i = 0; i < images->n; i++) {
        const double *row = fit->features + i * n_features;
        score(row, n_features, x, n_classes, fit->residual);
        value += loss_of(fit->residual, n_classes, images->labels[i]);
        for (int64_t e = 0; e < n_features; e++)
            for (int c = 0; c < n_classes; c++)
                gradient[e * n_classes + c] += row[e] * fit->residual[c];
        for (int c = 0; c < n_classes; c++)
            gradient[n_weights + c] += fit->residual[c];
    }
    return value;
}

static enum status find_scale(const struct probe_images *images, struct linear_probe *probe)
{
    int64_t width = images->n_features;
    double n = (double)images->n;

    for (int64_t i = 0; i < images->n * width; i++) {
        if (!isfinite(images->features[i]))
            return fail(STATUS_DIVERGED, "feature %lld of an image is %g", (long long)(i % width),
                        images->features[i]);
        probe->mean[i % width] += images->features[i] / n;
    }
    for (int64_t i = 0; i < images->n * width; i++) {
        double off = images->features[i] - probe->mean[i % width];
        probe->scale[i % width] += off * off / n;
    }
    for (int64_t e = 0; e < width; e++)
        probe->scale[e] = probe->scale[e] > 0 ? 1 / sqrt(probe->scale[e]) : 0;
    return STATUS_OK;
}

static enum status probe_create(const struct probe_images *images, struct arena *arena,
                                struct linear_probe *out)
{
    enum status status = STATUS_OK;
    int64_t width = images->n_features, n_classes = images->n_classes;

    *out = (struct linear_probe){.n_features = width, .n_classes = images->n_classes};
    TRY_ALLOC(out->mean, ARENA_ARRAY(arena, width, double));
    TRY_ALLOC(out->scale, ARENA_ARRAY(arena, width, double));
    TRY_ALLOC(out->weights, ARENA_ARRAY(arena, (width + 1) * n_classes, double));
    out->intercepts = out->weights + width * n_classes;
done:
    return status;
}

static double standardised(const struct linear_probe *probe, int64_t e, double value)
{
    return (value - probe->mean[e]) * probe->scale[e];
}

enum status probe_fit(const struct probe_images *images, struct arena *arena,
                      struct linear_probe *out)
{
    enum status status = STATUS_OK;
    struct arena *scratch = NULL;
    struct fit fit = {.images = images};
    struct linear_probe probe;
    int64_t width = images->n_features;

    if (images->n < 1)
        return fail(STATUS_BAD_DATA, "a linear probe needs at least one image");
    TRY(arena_create(&scratch));
    TRY(probe_create(images, arena, &probe));
    TRY(find_scale(images, &probe));
    TRY_ALLOC(fit.features, ARENA_ARRAY(scratch, images->n * width, double));
    TRY_ALLOC(fit.residual, ARENA_ARRAY(scratch, images->n_classes, double));
    for (int64_t i = 0; i < images->n * width; i++)
        fit.features[i] = standardised(&probe, i % width, images->features[i]);
    struct objective objective = {(width + 1) * images->n_classes, evaluate, &fit};
    struct minimise_limits limits = {tolerance_per_image * (double)images->n, MOST_ITERATIONS};
    TRY(minimise(&objective, &limits, probe.weights, &probe.n_iterations));
    *out = probe;
done:
    arena_destroy(scratch);
    return status;
}

int32_t probe_choose(const struct linear_probe *probe, const double *features)
{
    double most = -INFINITY;
    int32_t chosen = -1;

    for (int c = 0; c < probe->n_classes; c++) {
        double sum = probe->intercepts[c];
        for (int64_t e = 0; e < probe->n_features; e++)
            sum += standardised(probe, e, features[e]) * probe->weights[e * probe->n_classes + c];
        if (sum > most) {
            most = sum;
            chosen = c;
        }
    }
    return chosen;
}
