/* The linear probe against scikit-learn's fit of the same images, and the minimiser below it. */
#include "eval/probe.h"

#include "eval/minimise.h"
#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <string.h>

enum { N_IMAGES = 60, N_FEATURES = 4, N_CLASSES = 3 };

struct sample {
    double features[N_IMAGES * N_FEATURES];
    int32_t labels[N_IMAGES];
    struct probe_images images;
};

/* Three features that overlap between the classes, far from mean 0, and one that never varies. */
static void sample_init(struct sample *sample)
{
    for (int i = 0; i < N_IMAGES; i++) {
        sample->labels[i] = i * i / 3 % N_CLASSES;
        for (int e = 0; e < 3; e++)
            sample->features[i * N_FEATURES + e] =
                sin(1 + 0.7 * i + 1.3 * e * i) + 0.8 * (sample->labels[i] == e) + 10 * e;
        sample->features[i * N_FEATURES + 3] = 5;
    }
    sample->images =
        (struct probe_images){sample->features, sample->labels, N_IMAGES, N_FEATURES, N_CLASSES};
}

static void test_agrees_with_scikit_learn(void **state)
{
    /* LogisticRegression(C=1, tol=1e-14, solver='newton-cg') of scikit-learn 1.9.1 on the features
     * standardised by numpy; intercepts less their mean, which the loss does not see */
    static const double weights[N_CLASSES][N_FEATURES] = {
        {1.8228685275751257, -0.5654392072557066, -0.03156723836091429, 0},
        {0.20572736384145085, 0.7311953316276892, -0.4439157646300804, 0},
        {-2.0285958914165754, -0.16575612437198267, 0.4754830029909941, 0}};
    static const double intercepts[N_CLASSES] = {1.2923483077828504, 0.1700801217359183,
                                                 -1.4624284295187688};
    enum { RIGHT = 52 };
    struct sample sample;
    struct linear_probe probe;
    struct arena *arena = NULL;
    int n_right = 0;

    (void)state;
    sample_init(&sample);
    ok(arena_create(&arena));
    ok(probe_fit(&sample.images, arena, &probe));
    /* gradient within 1e-7 · 60 and curvature at least 1 in the weights */
    for (int c = 0; c < N_CLASSES; c++) {
        for (int e = 0; e < N_FEATURES; e++)
            assert_true(fabs(probe.weights[e * N_CLASSES + c] - weights[c][e]) < 1e-5);
        assert_true(fabs(probe.intercepts[c] - intercepts[c]) < 1e-5);
    }
    for (int i = 0; i < N_IMAGES; i++)
        n_right += probe_choose(&probe, sample.features + i * N_FEATURES) == sample.labels[i];
    assert_int_equal(n_right, RIGHT);
    assert_true(probe.n_iterations > 3 && probe.n_iterations < 100);
    arena_destroy(arena);
}

static void test_refuses(void **state)
{
    struct sample sample;
    struct linear_probe probe;
    struct arena *arena = NULL;

    (void)state;
    sample_init(&sample);
    ok(arena_create(&arena));
    sample.features[2 * N_FEATURES + 1] = NAN;
    assert_int_equal(probe_fit(&sample.images, arena, &probe), STATUS_DIVERGED);
    assert_non_null(strstr(status_message(), "feature 1 of an image is nan"));
    sample.images.n = 0;
    assert_int_equal(probe_fit(&sample.images, arena, &probe), STATUS_BAD_DATA);
    assert_non_null(strstr(status_message(), "a linear probe needs at least one image"));
    arena_destroy(arena);
}

/* A narrow valley: Σ k·(x_k − k)² with weights from 1 to 10⁶. */
enum { N_VARIABLES = 7 };

static double valley(void *context, const double *x, double *gradient)
{
    double value = 0, weight = 1;

    (*(int *)context)++;
    for (int k = 0; k < N_VARIABLES; k++, weight *= 10) {
        value += weight * (x[k] - k) * (x[k] - k);
        gradient[k] = 2 * weight * (x[k] - k);
    }
    return value;
}

static void test_minimiser_finds_the_bottom(void **state)
{
    double x[N_VARIABLES] = {0};
    int n_calls = 0;
    int64_t n_iterations = 0;
    const struct objective objective = {N_VARIABLES, valley, &n_calls};
    const struct minimise_limits limits = {1e-7, 500}, few = {1e-7, 3};

    (void)state;
    ok(minimise(&objective, &limits, x, &n_iterations));
    for (int k = 0; k < N_VARIABLES; k++)
        assert_true(fabs(x[k] - k) < 1e-7);
    assert_true(n_iterations > 1 && n_iterations < 200 && n_calls >= n_iterations);
    for (int k = 0; k < N_VARIABLES; k++)
        x[k] = 0;
    ok(minimise(&objective, &few, x, &n_iterations));
    assert_int_equal(n_iterations, 3);
    x[0] = INFINITY;
    assert_int_equal(minimise(&objective, &limits, x, NULL), STATUS_DIVERGED);
    assert_non_null(strstr(status_message(), "nothing to minimise: the value at the start is inf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_scikit_learn),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_minimiser_finds_the_bottom),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
