/* Batch norm by other than each batch, of resnet20, plain and with adapters, against PyTorch:
 *
 * three steps of SGD with every batch norm in eval mode. ref: losses to 1e-9, each tensor to 1e-6
 * of the way it went (L2). cpu: eight times how far rounding may take a tensor (an estimate,
 * rounding.py), plus rounding. Running values keep every bit.
 * running values as torch.optim.swa_utils.update_bn estimates them, by the same tolerances, of the
 * largest element. */
#include "golden/golden.h"
#include "golden/stepper.h"
#include "support/cmocka.h"
#include "support/toy.h"
#include "train/measure/recalibrate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 256, NAME_BYTES = 64, BATCH = 16, N_STEPS = 3, PASS_BATCH = 24 };
enum { LORA_RANK = 8, LORA_ALPHA = 16, FACTOR = 8, N_IMAGES = 64, SIZE = 8 };

struct bn_case {
    struct golden *golden;
    const char *group; /* "plain" or "adapted" */
    const struct backend *backend;
    char name[NAME_BYTES];
    double worst; /* largest error as a share of its tolerance */
};

static bool is_adapted(const struct bn_case *of)
{
    return strcmp(of->group, "adapted") == 0;
}

static void note(struct bn_case *of, const char *what, double error, double limit)
{
    double share = error == 0 ? 0 : error / limit;

    if (!(share <= 1))
        print_error("%s, %s: error %.3g, tolerance %.3g\n", of->name, what, error, limit);
    if (!(share <= of->worst) && !isnan(of->worst)) /* a NaN stays */
        of->worst = share;
}

static double *values_of(const struct parameters *parameters, int64_t i, int64_t n_wanted)
{
    struct tensor tensor = parameters_tensor(parameters, i);
    double *values = calloc((size_t)n_wanted, sizeof *values);

    assert_non_null(values);
    assert_int_equal(tensor_elements(&tensor), n_wanted);
    ok(parameters_get(parameters, i, values));
    return values;
}

/* ---- steps ---- */

static void compare_tensor(struct bn_case *of, const struct parameters *parameters, int64_t i)
{
    const struct param *row = parameters_row(parameters, i);
    char path[PATH_BYTES];
    int64_t n = 0;
    double error = 0, length = 0;

    snprintf(path, sizeof path, "%s/after/%s", of->group, row->name);
    double *wanted = golden_read(of->golden, path, &n), *ours = values_of(parameters, i, n);
    for (int64_t e = 0; e < n; e++) {
        error += (ours[e] - wanted[e]) * (ours[e] - wanted[e]);
        length += wanted[e] * wanted[e];
    }
    if (!row->is_trainable) /* running values among them */
        assert_memory_equal(ours, wanted, (size_t)n * sizeof *ours);
    double moved = golden_attribute(of->golden, path, "moved");
    double rounding = golden_attribute(of->golden, path, "rounding");
    assert_true((moved > 0) == row->is_trainable);
    note(of, path, sqrt(error),
         of->backend->real == DTYPE_F64 ? 1e-6 * moved
                                        : FACTOR * rounding + 4 * 0x1p-24 * sqrt(length));
    free(ours);
    free(wanted);
}

static double loss_of(const struct golden_network *network)
{
    struct tensor tensor = executor_tensor(network->executor, network->graph->loss);
    double value = 0;

    ok(executor_download(network->executor, network->graph->loss, &value));
    return number_at(&value, tensor.dtype, 0);
}

static void take_steps(struct bn_case *of, struct golden_network *network)
{
    const struct golden_stepper_settings sgd = {.kind = OP_sgd_step, .lr = 0.02, .momentum = 0.9};
    struct golden_stepper *stepper = golden_stepper_create(network, &sgd);
    char path[PATH_BYTES];
    int64_t n = 0;
    double *order = golden_read(of->golden, "order", &n);

    assert_int_equal(n, N_STEPS * BATCH);
    snprintf(path, sizeof path, "%s/losses", of->group);
    double *losses = golden_read(of->golden, path, &n);
    double rounding = golden_attribute(of->golden, path, "rounding");
    assert_int_equal(n, N_STEPS);
    for (int step = 0; step < N_STEPS; step++) {
        int32_t indices[BATCH];
        for (int i = 0; i < BATCH; i++)
            indices[i] = (int32_t)order[step * BATCH + i];
        ok(executor_upload(network->executor, network->graph->indices, indices));
        ok(executor_run(network->executor));
        note(of, path, fabs(loss_of(network) - losses[step]),
             of->backend->real == DTYPE_F64 ? 1e-9 * losses[step]
                                            : FACTOR * rounding + 16 * 0x1p-24 * losses[step]);
        golden_stepper_step(stepper);
    }
    free(order);
    free(losses);
    golden_stepper_destroy(stepper);
}

static void test_steps(void **state)
{
    struct bn_case *of = *state;
    const struct golden_setup setup = {.arch = "resnet20",
                                       .backend = of->backend,
                                       .has_lora = is_adapted(of),
                                       .is_train = true,
                                       .batch_size = BATCH,
                                       .freezes_batch_norm = true};
    struct golden_network network;

    golden_network_open(of->golden, &setup, &network);
    golden_network_execute(of->golden, &network);
    take_steps(of, &network);
    for (int64_t i = 0; i < parameters_count(network.parameters); i++)
        compare_tensor(of, network.parameters, i);
    golden_network_close(&network);
    print_message("worst error %.2g of its tolerance\n", of->worst);
    assert_true(of->worst <= 1);
}

/* ---- running values ---- */

static struct network_spec spec_of(const struct bn_case *of)
{
    const struct architecture *architecture = architecture_find("resnet20");

    return (struct network_spec){
        .architecture = architecture,
        .image = {10, SIZE, SIZE},
        .mean = {0.4914, 0.4822, 0.4465},
        .std = {0.2471, 0.2435, 0.2616},
        .adaptation = is_adapted(of) ? ADAPTATION_LORA : ADAPTATION_NONE,
        /* dropout is none of its business */
        .lora = {architecture->lora_targets, LORA_RANK, LORA_ALPHA, 0.5, false},
        .trainable = is_adapted(of) ? TRAINABLE_HEAD : TRAINABLE_ALL,
        .freezes_batch_norm = true, /* nor is this */
    };
}

static void *upload(struct device *device, const void *from, size_t bytes)
{
    void *memory = NULL;

    ok(device_alloc(device, bytes, &memory));
    ok(queue_upload(device_queue(device), memory, from, bytes));
    ok(queue_synchronize(device_queue(device)));
    return memory;
}

static enum status go_on(void *context)
{
    ++*(int *)context;
    return STATUS_OK;
}

static void run_recalibration(const struct bn_case *of, struct network *network)
{
    int64_t n = 0;
    double *passes = golden_read(of->golden, "passes", &n);
    int32_t images[N_IMAGES];
    int n_batches = 0;
    const struct recalibrate request = {network, images, N_IMAGES, PASS_BATCH, go_on, &n_batches};

    assert_int_equal(n, N_IMAGES);
    for (int i = 0; i < N_IMAGES; i++)
        images[i] = (int32_t)passes[i];
    ok(recalibrate(&request));
    assert_int_equal(n_batches, 3);
    free(passes);
}

static void compare_running(struct bn_case *of, const struct parameters *parameters, int64_t i)
{
    char path[PATH_BYTES];
    int64_t n = 0;
    double error = 0, largest = 0;

    snprintf(path, sizeof path, "%s/recalibrated/%s", of->group,
             parameters_row(parameters, i)->name);
    double *wanted = golden_read(of->golden, path, &n), *ours = values_of(parameters, i, n);
    for (int64_t e = 0; e < n; e++) {
        error = isfinite(ours[e]) ? fmax(error, fabs(ours[e] - wanted[e])) : INFINITY;
        largest = fmax(largest, fabs(wanted[e]));
    }
    double rounding = golden_attribute(of->golden, path, "rounding");
    note(of, path, error,
         of->backend->real == DTYPE_F64 ? 1e-9 * largest : FACTOR * (rounding + 0x1p-24 * largest));
    free(ours);
    free(wanted);
}

static void compare_network(struct bn_case *of, const struct parameters *parameters)
{
    int64_t n_running = 0;

    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        const struct param *row = parameters_row(parameters, i);
        char path[PATH_BYTES];
        int64_t n = 0;
        if (row->is_buffer) {
            compare_running(of, parameters, i);
            n_running++;
            continue;
        }
        snprintf(path, sizeof path, "parameters/%s", row->name);
        double *wanted = golden_read(of->golden, path, &n), *ours = values_of(parameters, i, n);
        assert_memory_equal(ours, wanted, (size_t)n * sizeof *ours); /* nothing else moved */
        free(ours);
        free(wanted);
    }
    assert_int_equal(n_running, 2 * 19);
}

static void test_recalibration(void **state)
{
    struct bn_case *of = *state;
    const struct device_settings device_settings = {.n_threads = 2};
    struct dataset dataset = {.n_classes = 10, .height = SIZE, .width = SIZE, .channels = 3};
    struct resident_data data = {.dataset = &dataset, .n = N_IMAGES};
    struct network network = {.spec = spec_of(of), .data = &data};
    int64_t n = 0;
    uint8_t *images = golden_read_bytes(of->golden, "images", &n);
    const int32_t labels[N_IMAGES] = {0}; /* their loss is nobody's business */

    ok(device_open(of->backend, &device_settings, &network.device));
    network.queue = device_queue(network.device);
    data.images = upload(network.device, images, (size_t)n);
    data.labels = upload(network.device, labels, sizeof labels);
    ok(network_create(&network));
    golden_load_parameters(of->golden, network.parameters);
    run_recalibration(of, &network);
    compare_network(of, network.parameters);
    run_recalibration(of, &network); /* what they were before does not matter */
    compare_network(of, network.parameters);
    network_release(&network);
    device_free(network.device, data.images);
    device_free(network.device, data.labels);
    device_close(network.device);
    free(images);
    print_message("worst error %.2g of its tolerance\n", of->worst);
    assert_true(of->worst <= 1);
}

int main(void)
{
    enum { N = 8 };
    struct bn_case cases[N];
    struct CMUnitTest tests[N];
    struct golden *golden = golden_open("batch_norm");

    for (int i = 0; i < N; i++) {
        cases[i] = (struct bn_case){.golden = golden,
                                    .group = i % 2 == 0 ? "plain" : "adapted",
                                    .backend = backend_find(i / 2 % 2 == 0 ? "ref" : "cpu")};
        snprintf(cases[i].name, NAME_BYTES, "%s, %s on %s", i < N / 2 ? "frozen" : "recalibrated",
                 cases[i].group, cases[i].backend->name);
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = i < N / 2 ? test_steps : test_recalibration,
                                       .initial_state = &cases[i]};
    }
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(golden);
    return n_failed;
}
