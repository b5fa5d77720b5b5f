/* batch_norm: freeze and recalibrate, in whole runs: what moves and what keeps every bit, who reads
 * the setting, the same on every backend, and that an interruption changes nothing. */
#include "train/fixture.h"

#include "kernels/cuda/host/host_gpu.h"
#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 45 images stay: two batches of 20 and one of 5. */
enum { N_TRAIN = 50, N_TEST = 10, BATCH = 20, N_BATCHES = 3, N_NORMS = 19, NAME_BYTES = 64 };

static struct fixture fixture;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open_sized(&fixture, "cpu", N_TRAIN, N_TEST);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static struct settings settings_of(const char *method, enum batch_norm_mode mode)
{
    struct settings settings = fixture_settings(&fixture, method);

    settings.train.batch_size = settings.base_train.batch_size = BATCH;
    settings.batch_norm = mode;
    return settings;
}

static struct weights *weights_of(const char *run)
{
    char path[2 * NAME_BYTES];

    snprintf(path, sizeof path, "%s/weights.h5", run);
    return fixture_weights(&fixture, path);
}

static struct weights *trained(const struct settings *settings, const char *name)
{
    const struct fixture_run run = {.name = name};

    ok(fixture_execute(&fixture, settings, &run));
    return weights_of(name);
}

static bool is_running(const struct weight_tensor *tensor)
{
    return strstr(tensor->name, ".running_") != NULL;
}

static bool is_same(const struct weight_tensor *a, const struct weight_tensor *b)
{
    assert_non_null(b);
    assert_int_equal(weight_elements(a), weight_elements(b));
    for (int64_t e = 0; e < weight_elements(a); e++)
        if (weight_value(a, e) != weight_value(b, e))
            return false;
    return true;
}

/* How many running values are the same in both, and how many of the others; to the last bit. */
struct sameness {
    int running, others;
};
static struct sameness compare(const struct weights *a, const struct weights *b)
{
    struct sameness same = {0, 0};

    assert_int_equal(a->n, b->n);
    for (int64_t i = 0; i < a->n; i++) {
        const struct weight_tensor *tensor = &a->tensors[i];
        if (is_same(tensor, weights_find(b, tensor->name)))
            ++*(is_running(tensor) ? &same.running : &same.others);
    }
    return same;
}

static bool is_equal(const struct weights *a, const struct weights *b, const char *name)
{
    return is_same(weights_find(a, name), weights_find(b, name));
}

/* ---- freeze ---- */

static void frozen_running_values_stay(void **state)
{
    static const char *const methods[] = {"finetune", "prune_finetune", "lora", "prune_lora"};
    struct weights *base = NULL;

    (void)state;
    ok(weights_load(fixture.weights, &base));
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        const struct settings settings = settings_of(methods[i], BATCH_NORM_FREEZE);
        struct weights *after = trained(&settings, methods[i]);
        assert_int_equal(compare(after, base).running, 2 * N_NORMS);
        assert_false(is_equal(after, base, "layer2.0.conv1.weight"));
        assert_false(is_equal(after, base, "linear.weight"));
        bool adapts = strstr(methods[i], "lora") != NULL; /* the affine trains without adapters */
        assert_int_equal(is_equal(after, base, "layer2.0.bn1.weight"), adapts);
        assert_int_equal(is_equal(after, base, "bn1.bias"), adapts);
        weights_destroy(after);
    }
    weights_destroy(base);
}

static void retraining_reads_nothing_of_it(void **state)
{
    static const enum batch_norm_mode modes[] = {BATCH_NORM_FREEZE, BATCH_NORM_RECALIBRATE};
    struct settings settings = settings_of("retrain", BATCH_NORM_TRAIN);
    struct weights *plain = trained(&settings, "retrain");

    (void)state;
    for (int i = 0; i < 2; i++) {
        settings = settings_of("retrain", modes[i]);
        struct weights *other = trained(&settings, i == 0 ? "retrain-freeze" : "retrain-anew");
        assert_same_weights(plain, other);
        weights_destroy(other);
    }
    weights_destroy(plain);
}

/* ---- recalibrate ---- */

static void recalibration_moves_running_values_alone(void **state)
{
    static const char *const methods[] = {"finetune", "prune_lora"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        char name[NAME_BYTES];
        struct settings settings = settings_of(methods[i], BATCH_NORM_TRAIN);
        snprintf(name, sizeof name, "%s-train", methods[i]);
        struct weights *before = trained(&settings, name);
        settings.batch_norm = BATCH_NORM_RECALIBRATE;
        snprintf(name, sizeof name, "%s-anew", methods[i]);
        struct weights *after = trained(&settings, name);
        struct sameness same = compare(after, before);
        assert_int_equal(same.running, 0);
        assert_int_equal(same.others + 2 * N_NORMS, after->n);
        weights_destroy(before);
        weights_destroy(after);
    }
}

/* A running value is the mean of some thousands of elements, which come through up to 20 layers, in
 * each of which a sum of up to 576 terms is rounded like a random walk, 24 · 2^-24. */
static void assert_near(const struct weights *a, const struct weights *b)
{
    const double most = 20 * 24 * 0x1p-24;

    for (int64_t i = 0; i < a->n; i++) {
        const struct weight_tensor *ours = &a->tensors[i], *theirs = weights_find(b, ours->name);
        double largest = 0, error = 0;
        for (int64_t e = 0; e < weight_elements(ours); e++) {
            largest = fmax(largest, fabs(weight_value(theirs, e)));
            error = fmax(error, fabs(weight_value(ours, e) - weight_value(theirs, e)));
        }
        if (!(error <= (is_running(ours) ? most * (1 + largest) : 0x1p-24 * largest)))
            fail_msg("'%s' differs by %.3g of %.3g", ours->name, error, largest);
    }
}

/* Of weights that nothing trained: the base model's. */
static void every_backend_recalibrates(void **state)
{
    static const char *const backends[] = {"ref", "cpu", "cuda_host"};
    struct settings settings = settings_of("finetune", BATCH_NORM_RECALIBRATE);
    struct weights *first = NULL, *base = NULL;

    (void)state;
    settings.train.epochs = 0;
    ok(weights_load(fixture.weights, &base));
    for (int i = 0; i < 3; i++) {
        host_gpu_reset();
        fixture_use(&fixture, backends[i]);
        struct weights *ours = trained(&settings, backends[i]);
        assert_int_equal(compare(ours, base).running, 0);
        if (i == 0) {
            first = ours;
            continue;
        }
        assert_near(ours, first);
        weights_destroy(ours);
    }
    fixture_use(&fixture, "cpu");
    weights_destroy(first);
    weights_destroy(base);
}

/* ---- interruptions ---- */

struct stopper {
    const char *phase; /* of which it stops … */
    int at;            /* … the report with this number, from 1; 0: none */
    int n;
};

static void count(void *context, const struct train_progress *progress)
{
    struct stopper *stopper = context;

    stopper->n += strcmp(progress->phase, stopper->phase) == 0;
}

static bool wants_stop(void *context)
{
    const struct stopper *stopper = context;

    return stopper->at > 0 && stopper->n >= stopper->at;
}

static enum status execute(const struct settings *settings, const char *name, const char *resume,
                           struct stopper *stopper)
{
    const struct fixture_run run = {
        .name = name, .resume = resume, .observer = {stopper, count, wants_stop, NULL}};

    return fixture_execute(&fixture, settings, &run);
}

/* Stopped at the report with this number of the phase, and continued, as `whole`. */
static void check_stop(const struct settings *settings, const char *phase, int at,
                       const struct weights *whole)
{
    struct stopper once = {phase, at, 0}, never = {phase, 0, 0};
    char first[NAME_BYTES], second[NAME_BYTES];
    static int n_checks;

    snprintf(first, sizeof first, "stop-%d-a1", n_checks);
    snprintf(second, sizeof second, "stop-%d-a2", n_checks++);
    assert_int_equal(execute(settings, first, NULL, &once), STATUS_CANCELLED);
    if (strcmp(phase, "recalibrate") == 0)
        assert_string_equal(status_message(), "stopped on request while recalibrating batch norm");
    ok(execute(settings, second, first, &never));
    struct weights *continued = weights_of(second);
    assert_same_weights(whole, continued);
    weights_destroy(continued);
}

static void frozen_runs_continue_exactly(void **state)
{
    static const char *const methods[] = {"finetune", "prune_lora"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct settings settings = settings_of(methods[i], BATCH_NORM_FREEZE);
        struct weights *whole = trained(&settings, i == 0 ? "frozen-0" : "frozen-1");
        check_stop(&settings, "train", 2 + i, whole);
        weights_destroy(whole);
    }
}

static void recalibrated_runs_continue_exactly(void **state)
{
    struct settings settings = settings_of("lora", BATCH_NORM_RECALIBRATE);
    struct weights *whole = trained(&settings, "recalibrated");

    (void)state;
    check_stop(&settings, "train", 4, whole);
    for (int batch = 1; batch <= N_BATCHES; batch++)
        check_stop(&settings, "recalibrate", batch, whole);
    weights_destroy(whole);
}

/* By the first seed with which the best epoch is not the last: which one, rounding decides. */
static struct weights *trained_with_a_best_epoch(struct settings *settings)
{
    char name[32];

    for (settings->seed = 3; settings->seed < 13; settings->seed++) {
        snprintf(name, sizeof name, "best-train-%lld", (long long)settings->seed);
        struct weights *weights = trained(settings, name);
        if (fixture_best_epoch(&fixture, name) < settings->train.epochs)
            return weights;
        weights_destroy(weights);
    }
    fail_msg("the last epoch is the best with ten seeds");
    return NULL;
}

/* The best epoch's weights are those that are recalibrated, also by a run that was stopped there.
 */
static void the_best_weights_are_recalibrated(void **state)
{
    struct settings settings = settings_of("finetune", BATCH_NORM_TRAIN);

    (void)state;
    settings.data.validation = 20;
    settings.train.epochs = 4;
    settings.train.select = SELECT_BEST;
    struct weights *best = trained_with_a_best_epoch(&settings);
    settings.batch_norm = BATCH_NORM_RECALIBRATE;
    struct weights *whole = trained(&settings, "best-anew");
    settings.train.select = SELECT_LAST;
    struct weights *last = trained(&settings, "last-anew");
    settings.train.select = SELECT_BEST;
    assert_int_equal(compare(whole, best).others + 2 * N_NORMS, whole->n);
    assert_int_equal(compare(whole, best).running, 0);
    assert_false(is_equal(whole, last, "conv1.weight"));
    check_stop(&settings, "recalibrate", 2, whole);
    weights_destroy(best);
    weights_destroy(whole);
    weights_destroy(last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen_running_values_stay),
        cmocka_unit_test(retraining_reads_nothing_of_it),
        cmocka_unit_test(recalibration_moves_running_values_alone),
        cmocka_unit_test(every_backend_recalibrates),
        cmocka_unit_test(frozen_runs_continue_exactly),
        cmocka_unit_test(recalibrated_runs_continue_exactly),
        cmocka_unit_test(the_best_weights_are_recalibrated),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
