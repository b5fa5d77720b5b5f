/* Twenty Adam steps of resnet20 on a given batch order, against PyTorch in float64: finetune,
 * pruned finetuning with baked and held masks, pruned LoRA.
 *
 * ref, all 20 steps: losses to 1e-9, each tensor to 1e-6 of the way it went (L2), one held to zero
 * to nothing at all.
 * cpu, 5 steps: Adam turns the rounding of a gradient near zero into a step of the learning rate,
 * in whichever tensor has one; so the yardstick is how far rounding may take any tensor of the case
 * (an estimate, rounding.py), as a share of the way gone, times eight, plus rounding. Losses: eight
 * times the largest such estimate of the first five plus 16 roundings. Within 20
 * steps some ReLU's input crosses zero in one precision and not in the other, gradients jump by a
 * tenth, and Adam makes that visible: the losses of steps 6 to 20 only follow, to 5 % of the first.
 */
#include "golden/golden.h"
#include "golden/stepper.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 512, NAME_BYTES = 64, BATCH = 16, N_STEPS = 20, EARLY = 5 };

struct steps_case {
    struct golden *golden;
    const char *group;
    bool is_pruned, has_lora;
    enum prune_mask mask;
    const struct backend *backend;
    char name[NAME_BYTES];
};

struct replay {
    const struct steps_case *of;
    struct golden_network network;
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

static double norm_of_difference(const double *a, const double *b, int64_t n)
{
    double sum = 0;

    for (int64_t e = 0; e < n; e++)
        sum += (a[e] - b[e]) * (a[e] - b[e]);
    return sqrt(sum);
}

/* How far rounding may take a tensor of the case, as a share of the way it went; the largest. */
static double case_share(struct replay *replay, int step)
{
    double most = 0;

    for (int64_t i = 0; i < parameters_count(replay->network.parameters); i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/after%d/%s", replay->of->group, step,
                 parameters_row(replay->network.parameters, i)->name);
        double moved = golden_attribute(replay->of->golden, path, "moved");
        if (moved > 0)
            most = fmax(most, golden_attribute(replay->of->golden, path, "rounding") / moved);
    }
    return most;
}

static void compare_weights(struct replay *replay, int step)
{
    const struct parameters *parameters = replay->network.parameters;
    bool is_f64 = replay->of->backend->real == DTYPE_F64;
    double share = is_f64 ? 1e-6 : 8 * case_share(replay, step);

    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        struct tensor tensor = parameters_tensor(parameters, i);
        char path[PATH_BYTES];
        int64_t n = 0;
        snprintf(path, sizeof path, "%s/after%d/%s", replay->of->group, step,
                 parameters_row(parameters, i)->name);
        double *wanted = golden_read(replay->of->golden, path, &n);
        double *ours = calloc((size_t)n, 2 * sizeof *ours), *zeros = ours + n;
        assert_non_null(ours);
        assert_int_equal(n, tensor_elements(&tensor));
        ok(parameters_get(parameters, i, ours));
        double moved = golden_attribute(replay->of->golden, path, "moved");
        double rounding = is_f64 ? 0 : 4 * 0x1p-24 * norm_of_difference(wanted, zeros, n);
        note(replay, path, norm_of_difference(ours, wanted, n), share * moved + rounding);
        for (int64_t e = 0; e < n; e++) /* a channel that stays pruned is exactly zero in both */
            if (replay->of->mask == PRUNE_HELD && replay->of->is_pruned && wanted[e] == 0)
                assert_true(ours[e] == 0);
        free(ours);
        free(wanted);
    }
}

static void compare_losses(struct replay *replay, const double *losses)
{
    char path[PATH_BYTES];
    int64_t n = 0;
    double most = 0;

    snprintf(path, sizeof path, "%s/losses", replay->of->group);
    double *wanted = golden_read(replay->of->golden, path, &n);
    snprintf(path, sizeof path, "%s/losses_rounding", replay->of->group);
    double *errors = golden_read(replay->of->golden, path, &n);
    assert_int_equal(n, EARLY);
    for (int step = 0; step < EARLY; step++)
        most = fmax(most, errors[step]);
    for (int step = 0; step < N_STEPS; step++) {
        double rounding = 8 * most + 16 * 0x1p-24 * wanted[0];
        double limit = replay->of->backend->real == DTYPE_F64 ? 1e-9 * fabs(wanted[step])
                       : step < EARLY                         ? rounding
                                                              : 0.05 * wanted[0];
        snprintf(path, sizeof path, "loss of step %d", step + 1);
        note(replay, path, fabs(losses[step] - wanted[step]), limit);
    }
    free(wanted);
    free(errors);
}

static double loss_of(struct golden_network *network)
{
    double f64 = 0;
    float f32 = 0;
    bool is_f64 = network->graph->settings.real == DTYPE_F64;

    ok(executor_download(network->executor, network->graph->loss,
                         is_f64 ? (void *)&f64 : (void *)&f32));
    return is_f64 ? f64 : (double)f32;
}

static void train(struct replay *replay)
{
    struct golden_network *network = &replay->network;
    struct golden_stepper_settings adam = {.kind = OP_adam_step, .lr = 1e-3};
    struct golden_stepper *stepper = golden_stepper_create(network, &adam);
    double losses[N_STEPS];
    int64_t n = 0;
    double *order = golden_read(replay->of->golden, "order", &n);

    assert_int_equal(n, N_STEPS * BATCH);
    for (int step = 0; step < N_STEPS; step++) {
        int32_t indices[BATCH];
        for (int i = 0; i < BATCH; i++)
            indices[i] = (int32_t)order[step * BATCH + i];
        ok(executor_upload(network->executor, network->graph->indices, indices));
        ok(executor_run(network->executor));
        losses[step] = loss_of(network);
        golden_stepper_step(stepper);
        if (step + 1 == EARLY)
            compare_weights(replay, EARLY);
    }
    if (replay->of->backend->real == DTYPE_F64)
        compare_weights(replay, N_STEPS);
    compare_losses(replay, losses);
    free(order);
    golden_stepper_destroy(stepper);
}

static void test_steps(void **state)
{
    struct replay replay = {.of = *state};
    struct golden_setup setup = {.arch = "resnet20",
                                 .backend = replay.of->backend,
                                 .has_lora = replay.of->has_lora,
                                 .is_train = true,
                                 .batch_size = BATCH};
    struct prune_settings prune = {.sparsity = 0.5, .mask = replay.of->mask};

    golden_network_open(replay.of->golden, &setup, &replay.network);
    if (replay.of->is_pruned)
        ok(parameters_prune(replay.network.parameters, &prune));
    golden_network_execute(replay.of->golden, &replay.network);
    train(&replay);
    golden_network_close(&replay.network);
    print_message("worst error %.2g of its tolerance\n", replay.worst);
    assert_true(replay.worst <= 1);
}

int main(void)
{
    enum { N = 8 };
    const struct steps_case kinds[] = {
        {.group = "finetune"},
        {.group = "prune_finetune_baked", .is_pruned = true, .mask = PRUNE_BAKED},
        {.group = "prune_finetune_held", .is_pruned = true, .mask = PRUNE_HELD},
        {.group = "prune_lora", .is_pruned = true, .mask = PRUNE_HELD, .has_lora = true},
    };
    struct steps_case cases[N];
    struct CMUnitTest tests[N];
    struct golden *golden = golden_open("steps");

    for (int i = 0; i < N; i++) {
        cases[i] = kinds[i % 4];
        cases[i].golden = golden;
        cases[i].backend = backend_find(i < N / 2 ? "ref" : "cpu");
        assert_non_null(cases[i].backend);
        snprintf(cases[i].name, sizeof cases[i].name, "%s on %s", cases[i].group,
                 cases[i].backend->name);
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = test_steps, .initial_state = &cases[i]};
    }
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(golden);
    return n_failed;
}
