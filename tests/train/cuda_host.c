/* Whole runs of every method on the cuda backend's host substitute: as near to float64 as cpu, the
 * same bits twice, nothing allocated or waited for between steps, launches recorded, and failures
 * that end a run with a message and leave the next one unharmed.
 *
 * How near: three Adam steps, of which the last is a partial batch. Adam turns the rounding of a
 * gradient near zero into a step of the learning rate, in whichever tensor has one; so the
 * yardstick is what cpu, float32 too, makes of the same run: eight times its largest error, plus
 * rounding. */
#include "train/fixture.h"

#include "kernels/cuda/host/host_gpu.h"
#include "support/outcome.h"
#include "train/trainer.h"

#include "support/cmocka.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As few images as show every way a step is run: launched, recorded and repeated, and partial.
 * 11 retained: 2 · 4 + 3. */
enum { N_TRAIN = 12, N_TEST = 10, BATCH = 4, N_STEPS = 3, EVAL_BATCH = 10 };
enum { REF, CPU, CUDA, N_BACKENDS };

static const char *const backend_names[N_BACKENDS] = {"ref", "cpu", "cuda_host"};

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

static int fresh_trainer(void **state)
{
    (void)state;
    host_gpu_reset();
    fixture_use(&fixture, "cuda_host");
    return 0;
}

static struct settings short_settings(const char *method)
{
    struct settings settings = fixture_settings(&fixture, method);

    settings.train.epochs = settings.base_train.epochs = 1;
    settings.train.batch_size = settings.base_train.batch_size = BATCH;
    /* Everything a base recipe can ask for, with an optimizer that does not enlarge rounding as
     * Adam does where gradients are near 0: the other methods have that one. */
    settings.base_train.optimizer = OPTIMIZER_SGD;
    settings.base_train.nesterov = true;
    settings.base_train.weight_decay = 5e-4;
    settings.base_train.lr = 0.05;
    settings.base_train.decay_on = DECAY_WEIGHTS;
    settings.base_train.clip_norm = 0.5;
    settings.base_train.augment = AUGMENT_CROP_FLIP;
    settings.base_train.cutout = 8;
    settings.base_train.mixup = 0.2;
    settings.base_train.label_smoothing = 0.1;
    settings.eval.batch_size = EVAL_BATCH;
    return settings;
}

static void run_ok(const struct settings *settings, const char *name)
{
    struct fixture_run run = {.name = name};

    if (fixture_execute(&fixture, settings, &run) != STATUS_OK)
        fail_msg("%s: %s", name, status_message());
}

/* ---- as near to float64 as cpu ---- */

struct outcome {
    struct run_file run;
    struct weights *weights; /* owned */
};

static void note(const char *what, double error, double limit)
{
    if (!(error <= limit))
        fail_msg("%s: error %.3g, tolerance %.3g", what, error, limit);
}

static double distance(const struct weight_tensor *a, const struct weight_tensor *b)
{
    double sum = 0;

    for (int64_t e = 0; e < weight_elements(a); e++) {
        double difference = weight_value(a, e) - (b != NULL ? weight_value(b, e) : 0);
        sum += difference * difference;
    }
    return sqrt(sum);
}

/* cpu's largest error of a tensor as a share of the way that the tensor went. */
static double share_of_cpu(const struct outcome outcomes[N_BACKENDS], const struct weights *base)
{
    double most = 0;

    for (int64_t i = 0; i < outcomes[REF].weights->n; i++) {
        const struct weight_tensor *exact = &outcomes[REF].weights->tensors[i];
        double moved = distance(exact, weights_find(base, exact->name));
        double error = distance(exact, weights_find(outcomes[CPU].weights, exact->name));
        if (moved > 1e-3 * distance(exact, NULL))
            most = fmax(most, error / moved);
    }
    return most;
}

static void compare_weights(const struct outcome outcomes[N_BACKENDS], const struct weights *base)
{
    double share = 8 * share_of_cpu(outcomes, base);

    for (int64_t i = 0; i < outcomes[REF].weights->n; i++) {
        const struct weight_tensor *exact = &outcomes[REF].weights->tensors[i];
        double moved = distance(exact, weights_find(base, exact->name));
        double rounding = 16 * 0x1p-24 * distance(exact, NULL);
        note(exact->name, distance(exact, weights_find(outcomes[CUDA].weights, exact->name)),
             share * moved + rounding);
    }
}

/* cpu's largest error of any loss. One epoch's alone may be small by chance. */
static double worst_of_cpu(const double *values[N_BACKENDS], int64_t n, double worst)
{
    for (int64_t i = 0; i < n; i++)
        worst = fmax(worst, fabs(values[CPU][i] - values[REF][i]));
    return worst;
}

static void compare_series(const char *what, const double *values[N_BACKENDS], int64_t n,
                           double worst)
{
    for (int64_t i = 0; i < n; i++)
        note(what, fabs(values[CUDA][i] - values[REF][i]),
             8 * worst + 16 * 0x1p-24 * fabs(values[REF][i]));
}

static void compare_losses(const struct outcome outcomes[N_BACKENDS])
{
    const double *history[N_BACKENDS], *samples[N_BACKENDS];
    int64_t n_epochs = outcomes[REF].run.history[4].n;

    for (int b = 0; b < N_BACKENDS; b++) {
        assert_int_equal(outcomes[b].run.history[4].n, n_epochs);
        assert_int_equal(outcomes[b].run.samples[0].n, N_TRAIN);
        history[b] = outcomes[b].run.history[4].values;
        samples[b] = outcomes[b].run.samples[0].loss;
    }
    double worst = worst_of_cpu(samples, N_TRAIN, worst_of_cpu(history, n_epochs, 0));
    compare_series("loss of the epoch", history, n_epochs, worst);
    compare_series("loss of an image", samples, N_TRAIN, worst);
}

static void follows_float64(void **state)
{
    const char *method = *state;
    const struct settings settings = short_settings(method);
    struct weights *base = fixture_weights(&fixture, "base.h5");
    struct outcome outcomes[N_BACKENDS] = {{.weights = NULL}};
    struct arena *arena = NULL;
    bool trains = strcmp(method, "original") != 0;

    ok(arena_create(&arena));
    for (int b = 0; b < N_BACKENDS; b++) {
        char name[64], path[96];
        snprintf(name, sizeof name, "%s-%s", method, backend_names[b]);
        snprintf(path, sizeof path, "%s/weights.h5", name);
        fixture_use(&fixture, backend_names[b]);
        run_ok(&settings, name);
        outcomes[b].run = fixture_result(&fixture, name, arena);
        if (trains)
            outcomes[b].weights = fixture_weights(&fixture, path);
    }
    compare_losses(outcomes);
    if (trains)
        compare_weights(outcomes, base);
    for (int b = 0; b < N_BACKENDS; b++)
        weights_destroy(outcomes[b].weights);
    weights_destroy(base);
    arena_destroy(arena);
}

/* ---- what a step costs besides arithmetic ---- */

struct watch {
    int64_t n, first_alloc, first_wait, first_capture, last_alloc, last_wait, last_capture;
};

static void look(void *context, const struct train_progress *progress)
{
    struct watch *watch = context;
    const struct host_gpu *gpu = host_gpu();

    if (strcmp(progress->phase, "train") != 0)
        return;
    watch->n++;
    /* the second epoch, when all kinds of running were seen, but for its end, which is waited for
     */
    if (progress->step == N_STEPS + 1) {
        watch->first_alloc = gpu->n_alloc;
        watch->first_wait = gpu->n_wait;
        watch->first_capture = gpu->n_capture;
    }
    if (progress->step == 2 * N_STEPS - 1) {
        watch->last_alloc = gpu->n_alloc;
        watch->last_wait = gpu->n_wait;
        watch->last_capture = gpu->n_capture;
    }
}

/* Two epochs: two full batches and a partial one each. An executor's first run launches one by
 * one, the second records, from then on one launch replays it. */
static void steps_wait_for_nothing(void **state)
{
    enum {
        N_EVAL = (N_TRAIN + EVAL_BATCH - 1) / EVAL_BATCH + (N_TEST + EVAL_BATCH - 1) / EVAL_BATCH
    };
    struct watch watch = {0};
    struct settings settings = short_settings("prune_lora");
    struct fixture_run run = {.name = "watched", .observer = {&watch, look, NULL, NULL}};

    (void)state;
    settings.train.epochs = 2;
    ok(fixture_execute(&fixture, &settings, &run));
    assert_int_equal(watch.n, 2 * N_STEPS);
    assert_int_equal(watch.first_alloc, watch.last_alloc);
    assert_int_equal(watch.first_wait, watch.last_wait);
    assert_int_equal(watch.first_capture, watch.last_capture);
    assert_int_equal(host_gpu()->n_capture, 3); /* full, partial, evaluation */
    assert_int_equal(host_gpu()->n_launch, 2 * N_STEPS + N_EVAL - 3); /* all runs but the first */
}

static void same_bits_twice(void **state)
{
    struct settings settings = short_settings("prune_lora");

    (void)state;
    run_ok(&settings, "twice");
    struct weights *once = fixture_weights(&fixture, "prune_lora-cuda_host/weights.h5");
    struct weights *twice = fixture_weights(&fixture, "twice/weights.h5");
    assert_same_weights(once, twice);
    weights_destroy(once);
    weights_destroy(twice);
}

/* Executors of full and partial batches and of evaluation, and the next run's, want the same
 * plans: the library is asked once for each. How many images were evaluated at a time is kept. */
static void shapes_are_planned_once(void **state)
{
    struct settings settings = short_settings("lora");
    struct arena *arena = NULL;

    (void)state;
    settings.eval.batch_size = BATCH;
    run_ok(&settings, "planning");
    int64_t n_asked = host_gpu()->n_asked;
    assert_true(n_asked > 0);
    run_ok(&settings, "planned");
    assert_int_equal(host_gpu()->n_asked, n_asked);
    assert_int_equal(host_gpu()->n_asked_again, 0);
    ok(arena_create(&arena));
    assert_int_equal(fixture_result(&fixture, "planned", arena).eval_batch_size, BATCH);
    arena_destroy(arena);
}

/* The loss is read late, the step it names is the right one. */
static void divergence_names_its_step(void **state)
{
    struct settings settings = short_settings("finetune");
    struct fixture_run run = {.name = "diverged"};
    char wanted[256];

    (void)state;
    settings.train.lr = 1e36;
    fixture_use(&fixture, "cpu");
    assert_int_equal(fixture_execute(&fixture, &settings, &run), STATUS_DIVERGED);
    snprintf(wanted, sizeof wanted, "%s", status_message());
    fixture_use(&fixture, "cuda_host");
    assert_int_equal(fixture_execute(&fixture, &settings, &run), STATUS_DIVERGED);
    assert_string_equal(status_message(), wanted);
    assert_non_null(strstr(wanted, "epoch 1, step "));
}

/* ---- failures ---- */

/* A device that fails once fails for good; a fresh trainer, on a GPU that is well again, does the
 * run to the same bits. */
static void failures_end_the_run(void **state)
{
    static const struct {
        const char *entry;
        int64_t after;
    } faults[] = {{"alloc", 9},        {"copy_up", 100},     {"propose_convolution", 10},
                  {"plan_run", 70},    {"capture_begin", 0}, {"capture_end", 0},
                  {"graph_launch", 0}, {"event_record", 0},  {"event_synchronize", 0},
                  {"copy_down", 0}};
    const struct settings settings = short_settings("lora");

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct fixture_run run = {.name = "failing"};
        host_gpu_reset();
        fixture_use(&fixture, "cuda_host");
        host_gpu()->failing = faults[i].entry;
        host_gpu()->fails_after = faults[i].after;
        if (fixture_execute(&fixture, &settings, &run) != STATUS_DEVICE)
            fail_msg("%s did not fail the run", faults[i].entry);
        if (strstr(status_message(), ": made to fail: an illegal memory access") == NULL)
            fail_msg("%s: %s", faults[i].entry, status_message());
    }
    fresh_trainer(NULL);
    run_ok(&settings, "repeated");
    struct weights *wanted = fixture_weights(&fixture, "lora-cuda_host/weights.h5");
    struct weights *found = fixture_weights(&fixture, "repeated/weights.h5");
    assert_same_weights(wanted, found);
    weights_destroy(wanted);
    weights_destroy(found);
}

static void count_steps(void *context, const struct train_progress *progress)
{
    *(int64_t *)context += strcmp(progress->phase, "train") == 0;
}

static void too_large_is_said_before_training(void **state)
{
    struct settings settings = short_settings("finetune");
    int64_t n_steps = 0;
    struct fixture_run run = {.name = "large", .observer = {&n_steps, count_steps, NULL, NULL}};

    (void)state;
    host_gpu()->memory_bytes = (size_t)4 << 20;
    assert_int_equal(fixture_execute(&fixture, &settings, &run), STATUS_OUT_OF_MEMORY);
    assert_non_null(strstr(status_message(), " MiB are needed, but "));
    assert_non_null(strstr(status_message(), " of 4.0 MiB are free"));
    assert_int_equal(n_steps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "original"),
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "retrain"),
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "finetune"),
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "prune_finetune"),
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "lora"),
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "prune_lora"),
        cmocka_unit_test_setup(steps_wait_for_nothing, fresh_trainer),
        cmocka_unit_test_setup(shapes_are_planned_once, fresh_trainer),
        cmocka_unit_test_setup(same_bits_twice, fresh_trainer),
        cmocka_unit_test_setup(divergence_names_its_step, fresh_trainer),
        cmocka_unit_test_setup(failures_end_the_run, fresh_trainer),
        cmocka_unit_test_setup(too_large_is_said_before_training, fresh_trainer),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
