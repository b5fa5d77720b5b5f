/* Base training against PyTorch: twelve steps of a small vision transformer with warm-up and
 * cosine, MixUp, smoothed labels, clipped gradients and two groups of decay, by SGD with Nesterov's
 * momentum and by AdamW; rates, graph and optimizer as the trainer makes them of a recipe.
 *
 * ref: losses to 1e-9, each tensor to 1e-6 of the way it went (L2).
 * cpu: the yardstick is how far rounding may take any tensor of the case (an estimate,
 * rounding.py), as a share of the way gone, times eight, plus rounding; losses likewise. The
 * network is smooth, so nothing jumps. */
#include "golden/golden.h"
#include "support/cmocka.h"
#include "support/toy.h"
#include "train/step/optimizer.h"
#include "unlearn/schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 256, BATCH = 6, N_STEPS = 12 };

static const struct recipe_case {
    const char *name;
    struct recipe recipe;
} cases[] = {
    {"sgd",
     {.epochs = 1,
      .batch_size = BATCH,
      .optimizer = OPTIMIZER_SGD,
      .lr = 0.05,
      .momentum = 0.9,
      .nesterov = true,
      .weight_decay = 0.1,
      .decay_on = DECAY_WEIGHTS,
      .clip_norm = 2,
      .schedule = SCHEDULE_COSINE,
      .schedule_unit = SCHEDULE_PER_STEP,
      .warmup = 3,
      .mixup = 0.2,
      .label_smoothing = 0.1}},
    {"adamw",
     {.epochs = 1,
      .batch_size = BATCH,
      .optimizer = OPTIMIZER_ADAMW,
      .lr = 1e-3,
      .weight_decay = 0.1,
      .decay_on = DECAY_WEIGHTS,
      .clip_norm = 3,
      .schedule = SCHEDULE_COSINE,
      .schedule_unit = SCHEDULE_PER_STEP,
      .warmup = 3,
      .mixup = 0.2,
      .label_smoothing = 0.1}},
};

struct replay {
    struct golden *golden;
    const struct recipe_case *of;
    struct golden_network network;
    bool is_f64;
    double worst; /* largest error as a share of its tolerance */
};

static void note(struct replay *replay, const char *what, double error, double limit)
{
    double share = error == 0 ? 0 : error / limit;

    if (!(share <= 1))
        print_error("%s, %s: error %.3g, tolerance %.3g\n", replay->of->name, what, error, limit);
    if (!(share <= replay->worst) && !isnan(replay->worst)) /* a NaN stays */
        replay->worst = share;
}

static void path_of(const struct replay *replay, int64_t i, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/after/%s", replay->of->name,
             parameters_row(replay->network.parameters, i)->name);
}

/* The keys' bias has no gradient but rounding, of which Adam makes steps of the learning rate. */
static bool is_noisy(const struct replay *replay, int64_t i)
{
    return replay->of->recipe.optimizer != OPTIMIZER_SGD &&
           strstr(parameters_row(replay->network.parameters, i)->name, "in_proj_bias") != NULL;
}

static double own_share(const struct replay *replay, int64_t i)
{
    char path[PATH_BYTES];

    path_of(replay, i, path);
    return golden_attribute(replay->golden, path, "rounding") /
           golden_attribute(replay->golden, path, "moved");
}

/* How far rounding may take a tensor, as a share of the way it went; the largest. */
static double largest_share(const struct replay *replay)
{
    const struct parameters *parameters = replay->network.parameters;
    double most = 0;

    for (int64_t i = 0; i < parameters_count(parameters); i++)
        if (parameters_row(parameters, i)->is_trainable && !is_noisy(replay, i))
            most = fmax(most, own_share(replay, i));
    return most;
}

static void compare_tensor(struct replay *replay, int64_t i, double share)
{
    char path[PATH_BYTES];
    int64_t n = 0;
    double error = 0, length = 0;

    path_of(replay, i, path);
    double *wanted = golden_read(replay->golden, path, &n), *ours = calloc((size_t)n, sizeof *ours);
    assert_non_null(ours);
    ok(parameters_get(replay->network.parameters, i, ours));
    for (int64_t e = 0; e < n; e++) {
        error += (ours[e] - wanted[e]) * (ours[e] - wanted[e]);
        length += wanted[e] * wanted[e];
    }
    double moved = golden_attribute(replay->golden, path, "moved");
    double rounding = replay->is_f64 ? 0 : 4 * 0x1p-24 * sqrt(length);
    assert_true(moved > 0);
    note(replay, path, sqrt(error), share * moved + rounding);
    free(wanted);
    free(ours);
}

static void compare_losses(struct replay *replay, const double *losses)
{
    char path[PATH_BYTES];
    int64_t n = 0;
    double most = 0;

    snprintf(path, sizeof path, "%s/losses", replay->of->name);
    double *wanted = golden_read(replay->golden, path, &n);
    assert_int_equal(n, N_STEPS);
    snprintf(path, sizeof path, "%s/losses_rounding", replay->of->name);
    double *errors = golden_read(replay->golden, path, &n);
    for (int step = 0; step < N_STEPS; step++)
        most = fmax(most, errors[step]);
    for (int step = 0; step < N_STEPS; step++) {
        snprintf(path, sizeof path, "loss of step %d", step + 1);
        note(replay, path, fabs(losses[step] - wanted[step]),
             replay->is_f64 ? 1e-9 * wanted[step] : 8 * most + 16 * 0x1p-24 * wanted[0]);
    }
    free(wanted);
    free(errors);
}

static double loss_of(const struct replay *replay)
{
    const struct golden_network *network = &replay->network;
    double f64 = 0;
    float f32 = 0;

    ok(executor_download(network->executor, network->graph->loss,
                         replay->is_f64 ? (void *)&f64 : (void *)&f32));
    return replay->is_f64 ? f64 : (double)f32;
}

static void train(struct replay *replay, double losses[N_STEPS])
{
    struct golden_network *network = &replay->network;
    const struct recipe *recipe = &replay->of->recipe;
    const struct schedule schedule = recipe_schedule(recipe, (int64_t)N_STEPS * BATCH);
    struct optimizer *optimizer = NULL;
    int64_t n = 0, n_mix = 0;
    double *order = golden_read(replay->golden, "order", &n);
    double *mix = golden_read(replay->golden, "mix", &n_mix);

    assert_true(n == N_STEPS * BATCH && n_mix == N_STEPS && schedule.n_steps == N_STEPS);
    ok(optimizer_create(recipe, network->parameters, device_queue(network->device), &optimizer));
    for (int step = 0; step < N_STEPS; step++) {
        int32_t indices[BATCH];
        for (int i = 0; i < BATCH; i++)
            indices[i] = (int32_t)order[step * BATCH + i];
        ok(executor_upload(network->executor, network->graph->indices, indices));
        ok(executor_upload(network->executor, network->graph->mix, &mix[step]));
        ok(executor_run(network->executor));
        ok(optimizer_set_rates(optimizer, recipe_lr(recipe, &schedule, step), step + 1));
        ok(optimizer_enqueue(optimizer));
        losses[step] = loss_of(replay);
    }
    optimizer_destroy(optimizer);
    free(order);
    free(mix);
}

static void run_case(struct replay *replay, const struct backend *backend)
{
    const struct golden_setup setup = {.arch = "simple_vit",
                                       .backend = backend,
                                       .is_train = true,
                                       .batch_size = BATCH,
                                       .is_mixed = true,
                                       .label_smoothing = replay->of->recipe.label_smoothing};
    const struct parameters *parameters = NULL;
    double losses[N_STEPS] = {0};

    golden_network_open(replay->golden, &setup, &replay->network);
    golden_network_execute(replay->golden, &replay->network);
    parameters = replay->network.parameters;
    train(replay, losses);
    double share = replay->is_f64 ? 1e-6 : 8 * largest_share(replay);
    for (int64_t i = 0; i < parameters_count(parameters); i++)
        if (parameters_row(parameters, i)->is_trainable)
            compare_tensor(replay, i,
                           !replay->is_f64 && is_noisy(replay, i) ? 8 * own_share(replay, i)
                                                                  : share);
    compare_losses(replay, losses);
    golden_network_close(&replay->network);
}

static void test_recipes(void **state)
{
    const struct backend *backend = backend_find(*state);
    struct golden *golden = golden_open("recipe");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct replay replay = {
            .golden = golden, .of = &cases[i], .is_f64 = backend->real == DTYPE_F64};
        run_case(&replay, backend);
        print_message("%s: worst error %.2g of its tolerance\n", cases[i].name, replay.worst);
        assert_true(replay.worst <= 1);
    }
    golden_close(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"recipes on ref", test_recipes, NULL, NULL, (void *)(uintptr_t) "ref"},
        {"recipes on cpu", test_recipes, NULL, NULL, (void *)(uintptr_t) "cpu"},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
