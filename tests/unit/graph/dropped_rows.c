/* Filters of a frozen weight that pruning made zero are left out: the same training steps as with
 * them, but for rounding, and fewer of them computed. */
#include "model/model.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 2 }; /* sooner or later rounding moves a value over a ReLU's kink */

/* resnet20 on the toy's 8×8 images, adapters with dropout. */
static struct graph *adapted(const struct device *device)
{
    const struct architecture *architecture = architecture_find("resnet20");
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 6);
    struct lora_inject lora = {
        .targets = architecture->lora_targets, .lora_rank = 4, .alpha = 8, .dropout = 0.1};
    struct graph *graph = NULL;

    settings.real = device_real(device);
    settings.map = device_map(device);
    ok(model_build(architecture, &settings, &graph));
    ok(pass_freeze_except(graph, &architecture->head, 1));
    ok(pass_lora_inject(graph, &lora));
    ok(pass_autodiff(graph));
    ok(pass_fuse(graph));
    return graph;
}

/* lora_B begins as zero, which would hide half of the gradients. */
static void fill_adapters(struct parameters *parameters)
{
    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        struct tensor tensor = parameters_tensor(parameters, i);
        int64_t n = tensor_elements(&tensor);
        if (strstr(parameters_row(parameters, i)->name, "lora_B") == NULL)
            continue;
        double *values = calloc((size_t)n, sizeof *values);
        for (int64_t e = 0; e < n; e++)
            values[e] = 0.1 * sin((double)(e + i));
        ok(parameters_set(parameters, i, values));
        free(values);
    }
}

/* On the toy's queue. */
static void execute_pruned(struct toy *toy, double sparsity)
{
    const struct prune_settings prune = {.sparsity = sparsity, .mask = PRUNE_BAKED};
    struct graph *graph = adapted(toy->device);

    ok(parameters_create(graph, toy->queue, 1, &toy->parameters));
    fill_adapters(toy->parameters);
    ok(parameters_prune(toy->parameters, &prune));
    toy_execute(toy, graph);
}

static void open_pruned(struct toy *toy, const struct backend *backend, double sparsity,
                        bool computes_zero_rows)
{
    toy_device_open(toy, backend);
    toy->computes_zero_rows = computes_zero_rows;
    execute_pruned(toy, sparsity);
}

static int count_left_out(const struct toy *toy)
{
    int n = 0;

    for (int64_t i = 0; i < toy->graph->n_nodes; i++)
        n += strstr(executor_implementation(toy->executor, i), "filters") != NULL;
    return n;
}

/* Each of 20 layers, forward and back, adds the rounding of sums of up to 576 terms, which grows as
 * their root. */
static void check_gradients(const struct toy *with, const struct toy *without, double epsilon)
{
    struct tensor a = toy_download(with, parameters_flat_gradients(with->parameters));
    struct tensor b = toy_download(without, parameters_flat_gradients(without->parameters));
    double largest = 0, difference = 0, bound = 40 * sqrt(576) * epsilon;

    for (int64_t i = 0; i < tensor_elements(&a); i++) {
        largest = fmax(largest, fabs(number_at(b.data, b.dtype, i)));
        difference =
            fmax(difference, fabs(number_at(a.data, a.dtype, i) - number_at(b.data, b.dtype, i)));
    }
    free(a.data);
    free(b.data);
    assert_true(largest > 0);
    if (!(difference <= bound * largest))
        fail_msg("gradients differ by %g of %g, expected %g", difference, largest, bound * largest);
}

static void check_steps(const struct backend *backend, double sparsity)
{
    struct toy with, without;
    double epsilon = backend->real == DTYPE_F32 ? (double)FLT_EPSILON : DBL_EPSILON;

    open_pruned(&with, backend, sparsity, true);
    open_pruned(&without, backend, sparsity, false);
    assert_int_equal(count_left_out(&with), 0);
    if (strcmp(backend->name, "cpu") == 0)
        assert_in_range(count_left_out(&without), 12 + 17, 18 + 17); /* forward + backward */
    if (strcmp(backend->name, "cuda_host") == 0) /* where 32 channels and more are computed */
        assert_in_range(count_left_out(&without), 6 + 6, 12 + 12);
    for (int step = 0; step < STEPS; step++) {
        ok(executor_run(with.executor));
        ok(executor_run(without.executor));
        check_gradients(&with, &without, epsilon);
        toy_descend(&with, 0.01);
        toy_descend(&without, 0.01);
    }
    toy_close(&with);
    toy_close(&without);
}

static void test_same_steps(void **state)
{
    check_steps(*state, 0.5);
    check_steps(*state, 0.9);
}

/* Kernels on the host are slow: once. */
static void test_same_steps_on_a_gpu(void **state)
{
    (void)state;
    check_steps(backend_find("cuda_host"), 0.5);
}

/* Nothing is pruned: nothing is left out, to the last bit. */
static void test_leaves_whole_weights_alone(void **state)
{
    struct toy toy;

    (void)state;
    open_pruned(&toy, backend_find("cpu"), 0, false);
    assert_int_equal(count_left_out(&toy), 0);
    toy_close(&toy);
}

/* What finds the zero filters reads rounded weights, of whatever queue, and what it makes of them
 * is there for any. */
static void test_sees_weights_of_another_queue(void **state)
{
    const struct device_settings in_bf16 = {.n_threads = 1, .precision = PRECISION_BF16};
    struct toy toy = {.device = NULL};
    struct queue *queue = NULL;

    (void)state;
    ok(device_open(backend_find("cuda_host"), &in_bf16, &toy.device));
    ok(queue_create(toy.device, &queue));
    toy.queue = queue;
    execute_pruned(&toy, 0.9);
    assert_in_range(count_left_out(&toy), 1, 17);
    ok(executor_run(toy.executor));
    struct tensor found = toy_download(&toy, parameters_flat_gradients(toy.parameters));
    for (int64_t i = 0; i < tensor_elements(&found); i++)
        assert_true(isfinite(number_at(found.data, found.dtype, i)));
    free(found.data);
    executor_destroy(toy.executor);
    parameters_destroy(toy.parameters);
    graph_destroy(toy.graph);
    queue_destroy(queue);
    device_close(toy.device);
}

int main(void)
{
    void *ref = (void *)(uintptr_t)backend_find("ref"),
         *cpu = (void *)(uintptr_t)backend_find("cpu");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_same_steps, ref),
        cmocka_unit_test_prestate(test_same_steps, cpu),
        cmocka_unit_test(test_same_steps_on_a_gpu),
        cmocka_unit_test(test_leaves_whole_weights_alone),
        cmocka_unit_test(test_sees_weights_of_another_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
