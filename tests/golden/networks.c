/* Logits, loss, gradients and running statistics of whole networks against PyTorch's float64.
 *
 * ref: 1e-9 of each tensor's largest element. A gradient that cancels to nothing (a shift that the
 * next batch norm takes away) is known no better than its terms; how large those are PyTorch's own
 * float32 error tells, scaled by eps64 / eps32 (times 64: both are single draws of few roundings).
 * cpu: eight times the error that PyTorch itself makes in float32 (the largest of two runs in
 * different memory layouts), plus rounding of the result. The loss is 2-Lipschitz in the largest
 * logit error. */
#include "golden/golden.h"
#include "unit/graph/toy.h"

#include <setjmp.h> /* cmocka.h needs the four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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
};

static double tolerance(const struct comparison *comparison, const char *path, double largest)
{
    double error = golden_attribute(comparison->of->golden, path, "float32_error");

    if (comparison->of->setup.backend->real == DTYPE_F64)
        return 1e-9 * largest + 64 * error * 0x1p-29;
    return FACTOR * (error + 0x1p-24 * largest);
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
    if (tensor.dtype == DTYPE_F32)
        for (int64_t e = n - 1; e >= 0; e--) /* from the end: widened in place */
            values[e] = (double)((const float *)values)[e];
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
    if (row->is_trainable) {
        ok(parameters_get_gradient(parameters, i, values));
        snprintf(what, sizeof what, "gradients/%s", row->name);
        compare(comparison, what, values, n);
    } else if (row->is_buffer && comparison->of->setup.is_train) {
        ok(parameters_get(parameters, i, values));
        snprintf(what, sizeof what, "running/%s", row->name);
        compare(comparison, what, values, n);
    }
    free(values);
}

static void test_network(void **state)
{
    struct comparison comparison = {.of = *state};
    struct golden_network *network = &comparison.network;

    golden_network_open(comparison.of->golden, &comparison.of->setup, network);
    golden_network_execute(comparison.of->golden, network);
    ok(executor_run(network->executor));
    compare_value(&comparison, "logits", network->graph->logits);
    compare_value(&comparison, "loss", network->graph->loss);
    for (int64_t i = 0; i < parameters_count(network->parameters); i++)
        compare_parameter(&comparison, i);
    print_message("worst error %.2g of its tolerance: %s\n", comparison.worst,
                  comparison.worst_path);
    golden_network_close(network);
    assert_true(comparison.worst <= 1);
}

int main(int argc, char **argv)
{
    const char *const groups[] = {"plain_train", "plain_eval", "lora_train", "lora_eval"};
    const char *const backends[] = {"ref", "cpu"};
    enum { N = 8 };
    struct network_case cases[N];
    struct CMUnitTest tests[N];

    if (argc != 2 || backend_find("cpu") == NULL)
        return 1;
    struct golden *golden = golden_open(argv[1]);
    for (int i = 0; i < N; i++) {
        const char *group = groups[i % 4], *backend = backends[i / 4];
        cases[i] = (struct network_case){.golden = golden,
                                         .setup = {.arch = argv[1],
                                                   .backend = backend_find(backend),
                                                   .has_lora = strncmp(group, "lora", 4) == 0,
                                                   .is_train = strstr(group, "train") != NULL},
                                         .group = group};
        snprintf(cases[i].name, sizeof cases[i].name, "%s %s on %s", argv[1], group, backend);
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = test_network, .initial_state = &cases[i]};
    }
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(golden);
    return n_failed;
}
