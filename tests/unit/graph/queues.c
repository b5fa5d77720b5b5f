/* Training runs side by side on one device, each on a queue of its own: whatever the order of their
 * steps, and from two threads at the same time, each has the bits it has alone. */
#include "graph/executor.h"
#include "kernels/cuda/host/host_gpu.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2, N_LANES = 2, STEPS_OF_A_THREAD = 25 };

struct lane { /* the toy with adapters, and an optimizer behind each of its steps */
    struct toy toy;
    int number; /* other values, other images */
    union op_any update;
    struct prepared *prepared;
    void *rates;
    int n_steps;
    enum status status;
};

struct result {
    double loss; /* of the last step */
    struct tensor values;
};

static enum status update(void *context)
{
    struct lane *lane = context;

    return kernel_run(lane->toy.queue, OP_sgd_step, lane->prepared, &lane->update);
}

static void update_prepare(struct lane *lane)
{
    const double rates[2] = {0.05, 1};
    struct device *device = lane->toy.device;
    struct sgd_step *op = &lane->update.sgd_step;

    ok(device_alloc(device, sizeof rates, &lane->rates));
    ok(queue_upload(lane->toy.queue, lane->rates, rates, sizeof rates));
    op->gradient = parameters_flat_gradients(lane->toy.parameters);
    op->parameter = parameters_flat_values(lane->toy.parameters);
    op->rates = (struct tensor){lane->rates, DTYPE_F64, 1, {2}};
    ok(kernel_prepare(device, OP_sgd_step, &lane->update, &lane->prepared));
    executor_follow(lane->toy.executor, &(struct executor_tail){update, lane});
}

/* queue NULL: the device's own. */
static void lane_open(struct lane *lane, struct device *device, struct queue *queue, int number)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, BATCH);

    *lane = (struct lane){.number = number};
    lane->toy.device = device;
    lane->toy.queue = queue != NULL ? queue : device_queue(device);
    settings.real = device_real(device);
    settings.map = device_map(device);
    settings.seed += (uint64_t)number;
    struct graph *graph = toy_forward(&settings);
    ok(pass_lora_inject(graph, &toy_lora));
    ok(pass_autodiff(graph));
    ok(parameters_create(graph, lane->toy.queue, 1, &lane->toy.parameters));
    toy_randomise(lane->toy.parameters, 9 + (uint64_t)number);
    toy_execute(&lane->toy, graph);
    update_prepare(lane);
}

static void lane_close(struct lane *lane)
{
    executor_destroy(lane->toy.executor);
    kernel_release(lane->toy.device, OP_sgd_step, lane->prepared);
    device_free(lane->toy.device, lane->rates);
    parameters_destroy(lane->toy.parameters);
    graph_destroy(lane->toy.graph);
}

/* Enqueued. */
static enum status lane_step(struct lane *lane)
{
    enum status status = STATUS_OK;
    int32_t indices[BATCH];

    for (int i = 0; i < BATCH; i++)
        indices[i] = (lane->n_steps + (1 + lane->number) * i) % TOY_IMAGES;
    TRY(executor_upload(lane->toy.executor, lane->toy.graph->indices, indices));
    TRY(executor_run(lane->toy.executor));
    lane->n_steps++;
done:
    return status;
}

static struct result lane_result(struct lane *lane)
{
    struct result result = {.loss = toy_number(&lane->toy, lane->toy.graph->loss)};

    result.values = toy_download(&lane->toy, parameters_flat_values(lane->toy.parameters));
    return result;
}

static void check_result(struct lane *lane, const struct result *wanted)
{
    struct result found = lane_result(lane);

    assert_true(found.loss == wanted->loss);
    assert_memory_equal(found.values.data, wanted->values.data, tensor_bytes(&found.values));
    free(found.values.data);
}

/* What each comes to alone, on the own queue of a device of its own. */
static void run_alone(struct toy *toy, const struct backend *backend, int n_steps,
                      struct result results[N_LANES])
{
    for (int i = 0; i < N_LANES; i++) {
        struct lane lane;
        toy_device_open(toy, backend);
        lane_open(&lane, toy->device, NULL, i);
        for (int step = 0; step < n_steps; step++)
            ok(lane_step(&lane));
        results[i] = lane_result(&lane);
        lane_close(&lane);
        device_close(toy->device);
    }
    assert_true(results[0].loss != results[1].loss);
}

static void results_release(struct result results[N_LANES])
{
    for (int i = 0; i < N_LANES; i++)
        free(results[i].values.data);
}

/* Bit i of `order` says whose step the i-th is. */
static void run_in_order(struct device *device, unsigned order, int n_steps,
                         const struct result results[N_LANES])
{
    struct lane lanes[N_LANES];
    struct queue *queues[N_LANES] = {NULL};

    for (int i = 0; i < N_LANES; i++) {
        ok(queue_create(device, &queues[i]));
        lane_open(&lanes[i], device, queues[i], i);
    }
    for (int i = 0; i < N_LANES * n_steps; i++)
        ok(lane_step(&lanes[order >> i & 1]));
    for (int i = N_LANES - 1; i >= 0; i--)
        check_result(&lanes[i], &results[i]);
    for (int i = 0; i < N_LANES; i++) {
        lane_close(&lanes[i]);
        queue_destroy(queues[i]);
    }
}

static void check_orders(const struct backend *backend, int n_steps, int n_orders)
{
    struct toy toy;
    struct result results[N_LANES];
    size_t used = host_gpu()->used_bytes;

    run_alone(&toy, backend, n_steps, results);
    toy_device_open(&toy, backend);
    for (unsigned order = 0; order < 1U << (N_LANES * n_steps); order++)
        if (__builtin_popcount(order) == n_steps) {
            run_in_order(toy.device, order, n_steps, results);
            assert_int_equal(host_gpu()->used_bytes, used);
            n_orders--;
        }
    assert_int_equal(n_orders, 0);
    device_close(toy.device);
    assert_int_equal(host_gpu()->n_plans, 0);
    results_release(results);
}

static void test_steps_in_every_order(void **state)
{
    check_orders(*state, 3, 20);
}

/* Kernels on the host are slow: one step that is launched, one that is recorded and replayed. */
static void test_steps_in_every_order_on_a_gpu(void **state)
{
    (void)state;
    check_orders(backend_find("cuda_host"), 2, 6);
}

static void *run_thread(void *context)
{
    struct lane *lane = context;

    while (lane->n_steps < STEPS_OF_A_THREAD && lane->status == STATUS_OK)
        lane->status = lane_step(lane);
    return NULL;
}

static void test_two_threads(void **state)
{
    struct toy toy;
    struct result results[N_LANES];
    struct lane lanes[N_LANES];
    struct queue *queues[N_LANES] = {NULL};
    pthread_t threads[N_LANES];

    run_alone(&toy, *state, STEPS_OF_A_THREAD, results);
    toy_device_open(&toy, *state);
    for (int i = 0; i < N_LANES; i++) {
        ok(queue_create(toy.device, &queues[i]));
        lane_open(&lanes[i], toy.device, queues[i], i);
    }
    for (int i = 0; i < N_LANES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &lanes[i]), 0);
    for (int i = 0; i < N_LANES; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < N_LANES; i++) {
        assert_int_equal(lanes[i].status, STATUS_OK);
        check_result(&lanes[i], &results[i]);
        lane_close(&lanes[i]);
        queue_destroy(queues[i]);
    }
    device_close(toy.device);
    results_release(results);
}

int main(void)
{
    void *ref = (void *)(uintptr_t)backend_find("ref"),
         *cpu = (void *)(uintptr_t)backend_find("cpu");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_steps_in_every_order, ref),
        cmocka_unit_test_prestate(test_steps_in_every_order, cpu),
        cmocka_unit_test(test_steps_in_every_order_on_a_gpu),
        cmocka_unit_test_prestate(test_two_threads, ref),
        cmocka_unit_test_prestate(test_two_threads, cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
