/* Logits, loss, gradients and running statistics of whole networks against PyTorch's float64; of
 * vision transformers also pruning, and one step of SGD and one of Adam with these gradients (Adam
 * on ref alone: it makes a whole step of a gradient that is nothing but rounding).
 *
 * The tolerance is eight times how far rounding may take a tensor's elements: an estimate from the
 * float64 values and numbers of terms alone (rounding.py), so it holds for any library, processor
 * and number of threads. Of a single number four draws all lie below a quarter of a deviation once
 * in 650 times; eight of that are still two deviations. On ref it is scaled by eps64 / eps32, plus
 * 1e-9 of the largest element. The loss is 2-Lipschitz in the largest logit error. */
#include "golden/golden.h"
#include "golden/stepper.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 512, NAME_BYTES = 64, FACTOR = 8 };

struct network_case {
    struct golden *golden;
    struct golden_setup setup;
    const char *group;
    char name[NAME_BYTES];
};

struct comparison {
    const struct network_case *of;
    struct golden_network network;
    double worst; /* largest error as a share of its tolerance */
    char worst_path[PATH_BYTES];
    int64_t n_gradients; /* compared */
};

static double tolerance(const struct comparison *comparison, const char *path, double largest)
{
    double rounding = golden_attribute(comparison->of->golden, path, "rounding");

    if (comparison->of->setup.backend->real == DTYPE_F64)
        return 1e-9 * largest + FACTOR * rounding * 0x1p-29;
    return FACTOR * (rounding + 0x1p-24 * largest);
}

static void compare(struct comparison *comparison, const char *what, const double *ours, int64_t n)
{
    char path[PATH_BYTES];
    int64_t n_wanted = 0;
    double largest = 0, error = 0;

    snprintf(path, sizeof path, "%s/%s", comparison->of->group, what);
    double *wanted = golden_read(comparison->of->golden, path, &n_wanted);
    assert_int_equal(n, n_wanted);
    for (int64_t e = 0; e < n; e++) {
        largest = fmax(largest, fabs(wanted[e]));
        error = isfinite(ours[e]) ? fmax(error, fabs(ours[e] - wanted[e])) : INFINITY;
    }
    free(wanted);
    double limit = tolerance(comparison, path, largest);
    if (strcmp(what, "loss") == 0) {
        snprintf(path, sizeof path, "%s/logits", comparison->of->group);
        limit = fmax(limit, 2 * tolerance(comparison, path, largest));
    }
    if (error > limit)
        print_error("%s/%s: error %.3g of %.3g, tolerance %.3g\n", comparison->of->name, what,
                    error, largest, limit);
    if (error / limit > comparison->worst) {
        comparison->worst = error / limit;
        snprintf(comparison->worst_path, sizeof comparison->worst_path, "%s", what);
    }
}

static void compare_value(struct comparison *comparison, const char *what, int value)
{
    struct tensor tensor = executor_tensor(comparison->network.executor, value);
    int64_t n = tensor_elements(&tensor);
    double *values = calloc((size_t)n, sizeof *values);

    assert_non_null(values);
    ok(executor_download(comparison->network.executor, value, values));
    for (int64_t e = n - 1; e >= 0; e--) /* from the end: widened in place */
        values[e] = number_at(values, tensor.dtype, e);
    compare(comparison, what, values, n);
    free(values);
}

static void compare_parameter(struct comparison *comparison, int64_t i)
{
    const struct parameters *parameters = comparison->network.parameters;
    const struct param *row = parameters_row(parameters, i);
    struct tensor tensor = parameters_tensor(parameters, i);
    int64_t n = tensor_elements(&tensor);
    char what[PATH_BYTES];
    double *values = calloc((size_t)n, sizeof *values);

    assert_non_null(values);
    snprintf(what, sizeof what, "%s/gradients/%s", comparison->of->group, row->name);
    if (row->is_trainable && golden_has(comparison->of->golden, what)) {
        ok(parameters_get_gradient(parameters, i, values));
        compare(comparison, strchr(what, '/') + 1, values, n);
        comparison->n_gradients++;
    } else if (strstr(row->name, ".running_") != NULL && comparison->of->setup.is_train) {
        ok(parameters_get(parameters, i, values));
        snprintf(what, sizeof what, "running/%s", row->name);
        compare(comparison, what, values, n);
    }
    free(values);
}

/* Whether every gradient of the file was compared; a file that does not say has all of them. */
static void check_number(const struct comparison *comparison)
{
    char path[PATH_BYTES];
    int64_t n = 0, n_wanted = 0;

    for (int64_t i = 0; i < parameters_count(comparison->network.parameters); i++)
        n_wanted += parameters_row(comparison->network.parameters, i)->is_trainable;
    snprintf(path, sizeof path, "%s/n_gradients", comparison->of->group);
    if (golden_has(comparison->of->golden, path)) {
        double *number = golden_read(comparison->of->golden, path, &n);
        n_wanted = (int64_t)*number;
        free(number);
    }
    assert_int_equal(comparison->n_gradients, n_wanted);
}

static void compare_step(struct comparison *comparison,
                         const struct golden_stepper_settings *settings, const char *group)
{
    const struct parameters *parameters = comparison->network.parameters;
    struct golden_stepper *stepper = golden_stepper_create(&comparison->network, settings);

    golden_stepper_step(stepper);
    golden_stepper_destroy(stepper);
    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        struct tensor tensor = parameters_tensor(parameters, i);
        int64_t n = tensor_elements(&tensor);
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s/%s", comparison->of->group, group,
                 parameters_row(parameters, i)->name);
        if (!golden_has(comparison->of->golden, path))
            continue;
        double *values = calloc((size_t)n, sizeof *values);
        assert_non_null(values);
        ok(parameters_get(parameters, i, values));
        compare(comparison, path + strlen(comparison->of->group) + 1, values, n);
        free(values);
    }
}

static void compare_steps(struct comparison *comparison)
{
    const struct golden_stepper_settings sgd = {
        .kind = OP_sgd_step, .lr = 0.1, .momentum = 0.9, .decay = 5e-4};
    const struct golden_stepper_settings adam = {.kind = OP_adam_step, .lr = 1e-3};

    if (!golden_has(comparison->of->golden, "vit") || comparison->of->setup.is_forward_only)
        return;
    compare_step(comparison, &sgd, "after_sgd");
    if (comparison->of->setup.backend->real == DTYPE_F64)
        compare_step(comparison, &adam, "after_adam");
}

static void prune(const struct comparison *comparison)
{
    struct golden *golden = comparison->of->golden;
    int64_t n = 0;

    if (strncmp(comparison->of->group, "pruned", 6) != 0)
        return;
    char *targets = golden_read_text(golden, "prune_targets");
    double *sparsity = golden_read(golden, "sparsity", &n);
    const struct prune_settings settings = {
        .sparsity = *sparsity, .mask = PRUNE_BAKED, .targets = targets};
    ok(parameters_prune(comparison->network.parameters, &settings));
    free(targets);
    free(sparsity);
}

static void test_network(void **state)
{
    struct comparison comparison = {.of = *state};
    struct golden_network *network = &comparison.network;

    golden_network_open(comparison.of->golden, &comparison.of->setup, network);
    prune(&comparison);
    golden_network_execute(comparison.of->golden, network);
    ok(executor_run(network->executor));
    compare_value(&comparison, "logits", network->graph->logits);
    compare_value(&comparison, "loss", network->graph->loss);
    for (int64_t i = 0; i < parameters_count(network->parameters); i++)
        compare_parameter(&comparison, i);
    check_number(&comparison);
    compare_steps(&comparison);
    print_message("worst error %.2g of its tolerance: %s\n", comparison.worst,
                  comparison.worst_path);
    golden_network_close(network);
    assert_true(comparison.worst <= 1);
}

int main(int argc, char **argv)
{
    const char *const groups[2][4] = {{"plain_train", "plain_eval", "lora_train", "lora_eval"},
                                      {"plain_train", "plain_eval", "lora_train", "pruned_train"}};
    const char *const backends[] = {"ref", "cpu"};
    enum { N = 8 };
    struct network_case cases[N];
    struct CMUnitTest tests[N];

    if (argc != 2 || backend_find("cpu") == NULL)
        return 1;
    struct golden *golden = golden_open(argv[1]);
    for (int i = 0; i < N; i++) {
        bool is_vit = golden_has(golden, "vit");
        const char *group = groups[is_vit][i % 4], *backend = backends[i / 4];
        cases[i] = (struct network_case){
            .golden = golden,
            .setup = {.arch = is_vit ? "simple_vit" : argv[1],
                      .backend = backend_find(backend),
                      .has_lora = strncmp(group, "lora", 4) == 0,
                      .is_train = strstr(group, "train") != NULL,
                      .is_forward_only = is_vit && strstr(group, "eval") != NULL},
            .group = group};
        snprintf(cases[i].name, sizeof cases[i].name, "%s %s on %s", argv[1], group, backend);
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = test_network, .initial_state = &cases[i]};
    }
    /* ref takes seconds for the published size, which small_vit's cases make up for */
    bool is_large = strcmp(argv[1], "simple_vit") == 0;
    struct CMUnitTest large[] = {tests[0], tests[2], tests[4], tests[5], tests[6], tests[7]};
    int n_failed = is_large ? cmocka_run_group_tests(large, NULL, NULL)
                            : cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(golden);
    return n_failed;
}
