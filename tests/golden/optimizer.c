/* Optimizer steps from PyTorch's own gradients against PyTorch's own parameters afterwards.
 *
 * ref: 1e-13 of the parameter and of the tensor's largest step. cpu: four roundings of the
 * parameter, sixteen of the largest step (Adam's quotient has about ten operations), and four times
 * the change that one rounding of each gradient makes: where decay cancels a gradient down to
 * Adam's epsilon, that is the larger part. */
#include "golden/golden.h"
#include "golden/stepper.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 512, NAME_BYTES = 64 };

struct optimizer_case {
    struct golden *golden;
    const char *optimizer;
    const struct backend *backend;
    char name[NAME_BYTES];
    struct golden_stepper_settings settings;
};

/* The file's gradients, divided by step, into the flat gradient. */
static void upload_gradients(struct golden *golden, struct golden_network *network, int step)
{
    for (int64_t i = 0; i < parameters_count(network->parameters); i++) {
        const struct param *row = parameters_row(network->parameters, i);
        struct tensor gradient = parameters_gradient(network->parameters, i);
        struct tensor value = parameters_tensor(network->parameters, i);
        char path[PATH_BYTES];
        int64_t n = 0;
        if (!row->is_trainable)
            continue;
        snprintf(path, sizeof path, "gradients/%s", row->name);
        double *values = golden_read(golden, path, &n);
        void *keep = malloc(tensor_bytes(&value));
        for (int64_t e = 0; e < n; e++)
            values[e] /= step;
        /* parameters_set knows PyTorch's layout: borrow the value's place for the gradient's sake
         */
        ok(queue_download(device_queue(network->device), keep, value.data, tensor_bytes(&value)));
        ok(parameters_set(network->parameters, i, values));
        ok(queue_upload(device_queue(network->device), gradient.data, value.data,
                        tensor_bytes(&value)));
        ok(queue_upload(device_queue(network->device), value.data, keep, tensor_bytes(&value)));
        free(keep);
        free(values);
    }
}

/* The largest error of parameter i as a share of its tolerance. */
static double compare(const struct optimizer_case *of, struct golden_network *network, int64_t i,
                      int step)
{
    const char *name = parameters_row(network->parameters, i)->name;
    bool is_f64 = of->backend->real == DTYPE_F64;
    char path[PATH_BYTES];
    int64_t n = 0;
    double moved = 0, worst = 0;

    snprintf(path, sizeof path, "%s/step%d/%s", of->optimizer, step, name);
    double *wanted = golden_read(of->golden, path, &n);
    double sensitivity = golden_attribute(of->golden, path, "sensitivity");
    snprintf(path, sizeof path, "parameters/%s", name);
    double *before = golden_read(of->golden, path, &n), *ours = calloc((size_t)n, sizeof *ours);
    assert_non_null(ours);
    ok(parameters_get(network->parameters, i, ours));
    for (int64_t e = 0; e < n; e++)
        moved = fmax(moved, fabs(wanted[e] - before[e]));
    assert_true(moved > 0);
    for (int64_t e = 0; e < n; e++) {
        double limit = is_f64 ? 1e-13 * (fabs(wanted[e]) + moved)
                              : 0x1p-24 * (4 * fabs(wanted[e]) + 16 * moved) + 8 * sensitivity;
        double share = fabs(ours[e] - wanted[e]) / limit;
        if (!(share <= worst) && !isnan(worst)) /* a NaN stays */
            worst = share;
    }
    if (!(worst <= 1))
        print_error("%s step %d, %s: %.3g of tolerance\n", of->name, step, name, worst);
    free(wanted);
    free(before);
    free(ours);
    return worst;
}

static void test_optimizer(void **state)
{
    const struct optimizer_case *of = *state;
    struct golden_setup setup = {
        .arch = "resnet20", .backend = of->backend, .is_train = true, .batch_size = 16};
    struct golden_network network;
    double worst = 0;

    golden_network_open(of->golden, &setup, &network);
    struct golden_stepper *stepper = golden_stepper_create(&network, &of->settings);
    for (int step = 1; step <= 2; step++) {
        upload_gradients(of->golden, &network, step);
        golden_stepper_step(stepper);
        for (int64_t i = 0; i < parameters_count(network.parameters); i++)
            if (parameters_row(network.parameters, i)->is_trainable) {
                double share = compare(of, &network, i, step);
                worst = share <= worst ? worst : share;
            }
    }
    golden_stepper_destroy(stepper);
    golden_network_close(&network);
    print_message("worst error %.2g of its tolerance\n", worst);
    assert_true(worst <= 1);
}

int main(void)
{
    const struct {
        const char *name;
        struct golden_stepper_settings settings;
    } optimizers[] = {
        {"sgd", {.kind = OP_sgd_step, .lr = 0.1, .momentum = 0.9, .decay = 5e-4}},
        {"sgd_plain", {.kind = OP_sgd_step, .lr = 0.1, .decay = 5e-4}},
        {"adam", {.kind = OP_adam_step, .lr = 1e-3, .decay = 0.01}},
        {"adamw", {.kind = OP_adam_step, .lr = 1e-3, .decay = 0.1, .is_decoupled = true}},
    };
    enum { N = 8 };
    struct optimizer_case cases[N];
    struct CMUnitTest tests[N];
    struct golden *golden = golden_open("optimizer");

    for (int i = 0; i < N; i++) {
        const struct backend *backend = backend_find(i < N / 2 ? "ref" : "cpu");
        assert_non_null(backend);
        cases[i] = (struct optimizer_case){.golden = golden,
                                           .optimizer = optimizers[i % 4].name,
                                           .backend = backend,
                                           .settings = optimizers[i % 4].settings};
        snprintf(cases[i].name, sizeof cases[i].name, "%s on %s", cases[i].optimizer,
                 backend->name);
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = test_optimizer, .initial_state = &cases[i]};
    }
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(golden);
    return n_failed;
}
