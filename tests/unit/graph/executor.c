/* Whole networks: gradients against central differences, one arena, no allocation while stepping,
 * merging, and what the executor refuses. */
#include "graph/executor.h"
#include "support/cmocka.h"
#include "support/random_stream.h"
#include "support/toy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum toy_kind { TOY_PLAIN, TOY_LORA, TOY_FROZEN_STEM };

static void open_toy_on(const struct backend *backend, struct toy *toy, enum graph_mode mode,
                        enum toy_kind kind)
{
    struct graph_settings settings = toy_settings(mode, 6);
    settings.real = backend->real;
    struct graph *graph = toy_forward(&settings);
    const char *head = "linear", *tail = "block2\\..*|block1\\.bn2";

    toy_device_open(toy, backend);
    if (kind == TOY_LORA) {
        ok(pass_freeze_except(graph, &head, 1));
        ok(pass_lora_inject(graph, &toy_lora));
    } else if (kind == TOY_FROZEN_STEM) {
        ok(pass_freeze_except(graph, &tail, 1));
    }
    ok(pass_autodiff(graph));
    ok(parameters_create(graph, device_queue(toy->device), 1, &toy->parameters));
    toy_randomise(toy->parameters, 9);
    toy_execute(toy, graph);
}

static void open_toy(struct toy *toy, enum graph_mode mode, enum toy_kind kind)
{
    open_toy_on(&backend_ref, toy, mode, kind);
}

static double loss_at(struct toy *toy, double *element, double value)
{
    double before = *element;

    *element = value;
    ok(executor_run(toy->executor));
    *element = before;
    return toy_number(toy, toy->graph->loss);
}

/* Samples elements of parameter i. h = 1e-6 balances truncation (h²) and rounding (1e-16 / h). */
static void check_parameter(struct toy *toy, int64_t i)
{
    const double h = 1e-6;
    struct tensor value = parameters_tensor(toy->parameters, i);
    struct tensor gradient = parameters_gradient(toy->parameters, i);
    struct random_stream stream = random_stream_at(77, (uint32_t)i);
    int64_t n = tensor_elements(&value);
    double *saved = calloc((size_t)n, sizeof *saved), largest = 0;

    ok(executor_run(toy->executor));
    memcpy(saved, gradient.data, (size_t)n * sizeof *saved);
    for (int64_t e = 0; e < n; e++)
        largest = fmax(largest, fabs(saved[e]));
    assert_true(largest > 0);
    for (int sample = 0; sample < 6; sample++) {
        int32_t e = stream_below(&stream, (uint32_t)n);
        double *element = (double *)value.data + e, at = *element;
        double slope = (loss_at(toy, element, at + h) - loss_at(toy, element, at - h)) / (2 * h);
        if (!(fabs(slope - saved[e]) <= 1e-6 * largest + 1e-9))
            fail_msg("%s[%d]: gradient %.12g, differences %.12g",
                     parameters_row(toy->parameters, i)->name, e, saved[e], slope);
    }
    free(saved);
}

static void check_gradients(enum graph_mode mode, enum toy_kind kind)
{
    struct toy toy;
    int64_t n = 0;

    open_toy(&toy, mode, kind);
    for (int64_t i = 0; i < parameters_count(toy.parameters); i++)
        if (parameters_row(toy.parameters, i)->is_trainable) {
            check_parameter(&toy, i);
            n++;
        }
    assert_true(n >= 5);
    toy_close(&toy);
}

static void test_gradients_in_train_mode(void **state)
{
    (void)state;
    check_gradients(GRAPH_TRAIN, TOY_PLAIN);
}

static void test_gradients_in_eval_mode(void **state)
{
    (void)state;
    check_gradients(GRAPH_EVAL, TOY_PLAIN);
}

static void test_gradients_of_adapters(void **state)
{
    (void)state;
    check_gradients(GRAPH_TRAIN, TOY_LORA); /* dropout on */
    check_gradients(GRAPH_EVAL, TOY_LORA);
}

static void test_gradients_above_frozen_layers(void **state)
{
    (void)state;
    check_gradients(GRAPH_TRAIN, TOY_FROZEN_STEM);
    check_gradients(GRAPH_EVAL, TOY_FROZEN_STEM);
}

static void test_steps_allocate_nothing(void **state)
{
    struct toy toy;
    int32_t indices[6] = {5, 4, 3, 2, 1, 0}, epoch = 1;

    open_toy_on(*state, &toy, GRAPH_TRAIN, TOY_LORA);
    int64_t before = device_base(toy.device)->n_allocations;
    for (int step = 0; step < 10; step++) {
        indices[0] = step % TOY_IMAGES;
        ok(executor_upload(toy.executor, toy.graph->indices, indices));
        ok(executor_upload(toy.executor, toy.graph->epoch, &epoch));
        ok(executor_run(toy.executor));
        (void)toy_number(&toy, toy.graph->loss);
    }
    assert_int_equal(device_base(toy.device)->n_allocations, before);
    toy_close(&toy);
}

/* NaN everywhere in the arena changes nothing: no step reads what it has not written. */
static void test_steps_remember_nothing(void **state)
{
    struct toy toy;

    open_toy_on(*state, &toy, GRAPH_TRAIN, TOY_LORA);
    struct tensor gradients = parameters_flat_gradients(toy.parameters);
    size_t bytes = tensor_bytes(&gradients);
    void *first = malloc(bytes), *again = malloc(bytes);
    ok(executor_run(toy.executor));
    double loss = toy_number(&toy, toy.graph->loss);
    ok(queue_download(device_queue(toy.device), first, gradients.data, bytes));
    struct span arena = executor_arena(toy.executor);
    assert_true(arena.bytes > 0);
    for (int run = 2; run <= 4; run++) { /* launched, recorded, replayed */
        void *nans = malloc(arena.bytes);
        assert_non_null(nans);
        memset(nans, 0xFF, arena.bytes);
        ok(queue_upload(device_queue(toy.device), arena.data, nans, arena.bytes));
        free(nans);
        ok(executor_run(toy.executor));
        assert_true(toy_number(&toy, toy.graph->loss) == loss);
        ok(queue_download(device_queue(toy.device), again, gradients.data, bytes));
        assert_memory_equal(first, again, bytes);
    }
    free(first);
    free(again);
    toy_close(&toy);
}

/* Two graphs take turns in one arena, with one table of parameters. */
static void test_shared_arena(void **state)
{
    struct toy toy, alone;
    struct graph_settings settings = toy_settings(GRAPH_EVAL, 4);
    double shared_logits[4 * TOY_CLASSES], own_logits[4 * TOY_CLASSES];

    (void)state;
    open_toy(&toy, GRAPH_TRAIN, TOY_LORA);
    struct toy eval = {.device = toy.device, .queue = toy.queue, .parameters = toy.parameters};
    struct graph *graph = toy_forward(&settings);
    ok(pass_lora_inject(graph, &toy_lora));
    toy_execute(&eval, graph);
    ok(executor_run(eval.executor));
    ok(executor_download(eval.executor, graph->logits, own_logits));
    struct span arena = executor_arena(toy.executor);
    struct executor_settings lent = {
        .queue = device_queue(toy.device), .parameters = toy.parameters, .arena = arena};
    void *images = executor_tensor(eval.executor, graph->images).data;
    void *labels = executor_tensor(eval.executor, graph->image_labels).data;
    alone = eval;
    ok(executor_create(graph, &lent, &eval.executor));
    int32_t indices[4] = {0, 1, 2, 3}, epoch = 0;
    ok(executor_bind(eval.executor, graph->images, images));
    ok(executor_bind(eval.executor, graph->image_labels, labels));
    ok(executor_upload(eval.executor, graph->indices, indices));
    ok(executor_upload(eval.executor, graph->epoch, &epoch));
    memset(arena.data, 0xFF, arena.bytes);
    ok(executor_run(eval.executor));
    ok(executor_download(eval.executor, graph->logits, shared_logits));
    assert_memory_equal(shared_logits, own_logits, sizeof own_logits);
    lent.arena.bytes = 64;
    struct executor *none = NULL;
    fails(executor_create(graph, &lent, &none), STATUS_OUT_OF_MEMORY, "but was lent 64");
    assert_null(none);
    executor_destroy(eval.executor);
    executor_destroy(alone.executor);
    graph_destroy(graph);
    toy_close(&toy);
}

/* Training moves running values towards the batch's: momentum 0.1, unbiased variance. */
static void test_running_values_move(void **state)
{
    struct toy toy;
    double before[4], after[4];

    (void)state;
    open_toy(&toy, GRAPH_TRAIN, TOY_PLAIN);
    ok(parameters_get(toy.parameters, 3, before));
    assert_string_equal(parameters_row(toy.parameters, 3)->name, "bn1.running_mean");
    ok(executor_run(toy.executor));
    ok(parameters_get(toy.parameters, 3, after));
    for (int c = 0; c < 4; c++) {
        double mean = (after[c] - 0.9 * before[c]) / 0.1; /* of the batch: the same every step */
        double again[4];
        if (c > 0)
            continue;
        ok(executor_run(toy.executor));
        ok(parameters_get(toy.parameters, 3, again));
        assert_true(fabs(again[0] - (0.9 * after[0] + 0.1 * mean)) < 1e-12);
        assert_true(fabs(again[0] - after[0]) > 1e-6);
    }
    toy_close(&toy);
}

static void open_toy_with(struct toy *toy, const struct graph_settings *settings)
{
    struct graph *graph = toy_forward(settings);

    toy_device_open(toy, &backend_ref);
    if (settings->mode == GRAPH_TRAIN)
        ok(pass_autodiff(graph));
    ok(parameters_create(graph, device_queue(toy->device), 1, &toy->parameters));
    toy_randomise(toy->parameters, 9);
    toy_execute(toy, graph);
}

/* Running values of all five batch norms, side by side. */
static int64_t read_buffers(const struct toy *toy, double values[64])
{
    int64_t n = 0;

    for (int64_t i = 0; i < parameters_count(toy->parameters); i++) {
        struct tensor tensor = parameters_tensor(toy->parameters, i);
        if (!parameters_row(toy->parameters, i)->is_buffer)
            continue;
        assert_true(n + tensor_elements(&tensor) <= 64);
        ok(parameters_get(toy->parameters, i, values + n));
        n += tensor_elements(&tensor);
    }
    return n;
}

/* While everything else trains. */
static void test_frozen_running_values_stay(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 6);
    struct toy toy;
    double before[64], after[64];

    (void)state;
    settings.freezes_batch_norm = true;
    open_toy_with(&toy, &settings);
    int64_t n = read_buffers(&toy, before);
    assert_int_equal(n, 2 * (4 + 6 + 6 + 5 + 5));
    double first = 0, loss = 0;
    for (int step = 0; step < 5; step++) {
        ok(executor_run(toy.executor));
        loss = toy_number(&toy, toy.graph->loss);
        first = step == 0 ? loss : first;
        toy_descend(&toy, 0.05);
    }
    assert_true(loss != first);
    assert_int_equal(read_buffers(&toy, after), n);
    assert_memory_equal(before, after, (size_t)n * sizeof *before);
    toy_close(&toy);
}

/* What a training step moves them towards, and with the same loss; whatever they were before. */
static void test_running_values_become_the_batch(void **state)
{
    struct graph_settings train = toy_settings(GRAPH_TRAIN, 6), read = train;
    struct toy toy, statistics;
    double before[64], after[64], batch[64], again[64];

    (void)state;
    read.mode = GRAPH_STATISTICS;
    open_toy_with(&toy, &train);
    open_toy_with(&statistics, &read);
    int64_t n = read_buffers(&toy, before);
    ok(executor_run(toy.executor));
    ok(executor_run(statistics.executor));
    (void)read_buffers(&toy, after);
    (void)read_buffers(&statistics, batch);
    for (int64_t e = 0; e < n; e++)
        assert_true(fabs(after[e] - (0.9 * before[e] + 0.1 * batch[e])) < 1e-12);
    assert_true(toy_number(&toy, toy.graph->loss) ==
                toy_number(&statistics, statistics.graph->loss));
    ok(executor_run(statistics.executor));
    (void)read_buffers(&statistics, again);
    assert_memory_equal(batch, again, (size_t)n * sizeof *batch);
    toy_close(&toy);
    toy_close(&statistics);
}

static void test_merge_equals_adapters(void **state)
{
    struct toy toy;
    double adapted[6 * TOY_CLASSES], merged[6 * TOY_CLASSES], b[64];

    (void)state;
    open_toy(&toy, GRAPH_EVAL, TOY_LORA);
    ok(executor_run(toy.executor));
    ok(executor_download(toy.executor, toy.graph->logits, adapted));
    ok(parameters_merge_lora(toy.parameters, toy_lora.alpha / (double)toy_lora.lora_rank));
    struct executor_settings settings = {.queue = device_queue(toy.device),
                                         .parameters = toy.parameters};
    void *images = executor_tensor(toy.executor, toy.graph->images).data;
    void *labels = executor_tensor(toy.executor, toy.graph->image_labels).data;
    struct toy after = toy;
    int32_t indices[6] = {0, 1, 2, 3, 4, 5};
    ok(executor_create(toy.graph, &settings, &after.executor));
    ok(executor_bind(after.executor, toy.graph->images, images));
    ok(executor_bind(after.executor, toy.graph->image_labels, labels));
    ok(executor_upload(after.executor, toy.graph->indices, indices));
    ok(executor_run(after.executor));
    ok(executor_download(after.executor, toy.graph->logits, merged));
    for (int i = 0; i < 6 * TOY_CLASSES; i++)
        assert_true(fabs(adapted[i] - merged[i]) <= 1e-12 * fmax(1, fabs(adapted[i])));
    int64_t last = parameters_count(toy.parameters) - 1; /* block2.conv1.lora_B */
    ok(parameters_get(toy.parameters, last, b));
    assert_true(b[0] == 0 && b[9] == 0);
    executor_destroy(after.executor);
    toy_close(&toy);
}

static void test_refuses(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 6);
    struct toy toy;
    struct executor *executor = NULL;

    (void)state;
    open_toy(&toy, GRAPH_TRAIN, TOY_LORA);
    struct executor_settings host = {.queue = device_queue(toy.device),
                                     .parameters = toy.parameters};
    struct graph *graph = toy_forward(&settings);
    fails(executor_create(graph, &host, &executor), STATUS_BAD_CONFIG,
          "parameters, but the run's table");
    ok(pass_lora_inject(graph, &toy_lora));
    graph->params[0].shape[0] = 9;
    fails(executor_create(graph, &host, &executor), STATUS_BAD_CONFIG,
          "parameter 0 is 'conv1.weight'");
    graph->params[0].shape[0] = 4;
    ok(pass_autodiff(graph)); /* trains conv1, which the run holds frozen */
    fails(executor_create(graph, &host, &executor), STATUS_BAD_CONFIG, "trains '");
    assert_null(executor);
    fails(executor_upload(toy.executor, toy.graph->logits, &host), STATUS_BAD_CONFIG,
          "'linear' is not an input of the graph");
    fails(executor_bind(toy.executor, 100000, &host), STATUS_BAD_CONFIG, "no value 100000");
    graph_destroy(graph);
    ok(executor_create(toy.graph, &host, &executor));
    fails(executor_run(executor), STATUS_BAD_CONFIG,
          "node 0 (image_gather) has an input without memory: bind it");
    assert_string_equal(executor_implementation(executor, 0), "");
    assert_string_not_equal(executor_implementation(toy.executor, 1), "");
    executor_destroy(executor);
    toy_close(&toy);
}

int main(void)
{
    void *ref = (void *)(uintptr_t)backend_find("ref"),
         *cpu = (void *)(uintptr_t)backend_find("cpu"),
         *cuda_host = (void *)(uintptr_t)backend_find("cuda_host");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_in_train_mode),
        cmocka_unit_test(test_gradients_in_eval_mode),
        cmocka_unit_test(test_gradients_of_adapters),
        cmocka_unit_test(test_gradients_above_frozen_layers),
        cmocka_unit_test_prestate(test_steps_allocate_nothing, ref),
        cmocka_unit_test_prestate(test_steps_allocate_nothing, cpu),
        cmocka_unit_test_prestate(test_steps_remember_nothing, ref),
        cmocka_unit_test_prestate(test_steps_remember_nothing, cpu),
        cmocka_unit_test_prestate(test_steps_allocate_nothing, cuda_host),
        cmocka_unit_test_prestate(test_steps_remember_nothing, cuda_host),
        cmocka_unit_test(test_shared_arena),
        cmocka_unit_test(test_running_values_move),
        cmocka_unit_test(test_frozen_running_values_stay),
        cmocka_unit_test(test_running_values_become_the_batch),
        cmocka_unit_test(test_merge_equals_adapters),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
