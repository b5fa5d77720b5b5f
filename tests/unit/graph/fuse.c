/* Fused graphs against the same graphs as they were built: same bits, fewer nodes. */
#include "model/model.h"
#include "unit/graph/toy.h"

#include <setjmp.h> /* cmocka.h needs the four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum toy_kind { TOY_PLAIN, TOY_LORA, TOY_FROZEN_STEM, N_TOY_KINDS };

static struct graph *build(const struct graph_settings *settings, enum toy_kind kind)
{
    struct graph *graph = toy_forward(settings);
    const char *head = "linear", *tail = "block2\\..*|block1\\.bn2";

    if (kind == TOY_LORA) {
        ok(pass_freeze_except(graph, &head, 1));
        ok(pass_lora_inject(graph, &toy_lora));
    } else if (kind == TOY_FROZEN_STEM) {
        ok(pass_freeze_except(graph, &tail, 1));
    }
    return graph;
}

static void open_toy(struct toy *toy, const struct backend *backend, struct graph *graph)
{
    toy_device_open(toy, backend);
    ok(parameters_create(graph, toy->device, 1, &toy->parameters));
    toy_randomise(toy->parameters, 9);
    toy_execute(toy, graph);
}

/* Parameters and running values of both toys, bit for bit. */
static void assert_same_parameters(const struct toy *a, const struct toy *b)
{
    for (int64_t i = 0; i < parameters_count(a->parameters); i++) {
        struct tensor ours = parameters_tensor(a->parameters, i);
        struct tensor theirs = parameters_tensor(b->parameters, i);
        if (memcmp(ours.data, theirs.data, tensor_bytes(&ours)) != 0)
            fail_msg("'%s' differs", parameters_row(a->parameters, i)->name);
    }
}

/* value −= 0.05 · gradient, on the host: both backends compute there. */
static void descend(const struct toy *toy)
{
    struct tensor value = parameters_flat_values(toy->parameters);
    struct tensor gradient = parameters_flat_gradients(toy->parameters);

    for (int64_t i = 0; i < tensor_elements(&value); i++)
        if (value.dtype == DTYPE_F32)
            ((float *)value.data)[i] -= 0.05f * ((float *)gradient.data)[i];
        else
            ((double *)value.data)[i] -= 0.05 * ((double *)gradient.data)[i];
}

static void check_steps(const struct backend *backend, enum graph_mode mode, enum toy_kind kind)
{
    struct graph_settings settings = toy_settings(mode, 6);
    struct toy plain, fused;

    settings.real = backend->real;
    struct graph *graph = build(&settings, kind), *rewritten = build(&settings, kind);
    ok(pass_autodiff(graph));
    ok(pass_autodiff(rewritten));
    ok(pass_fuse(rewritten));
    assert_true(rewritten->n_nodes < graph->n_nodes);
    open_toy(&plain, backend, graph);
    open_toy(&fused, backend, rewritten);
    double first = 0, loss = 0;
    for (int step = 0; step < 5; step++) {
        ok(executor_run(plain.executor));
        ok(executor_run(fused.executor));
        loss = toy_number(&plain, graph->loss);
        first = step == 0 ? loss : first;
        assert_true(toy_number(&fused, rewritten->loss) == loss);
        descend(&plain);
        descend(&fused);
        assert_same_parameters(&plain, &fused);
    }
    assert_true(loss != first);
    toy_close(&plain);
    toy_close(&fused);
}

static void test_same_bits(void **state)
{
    for (int kind = TOY_PLAIN; kind < N_TOY_KINDS; kind++) {
        check_steps(*state, GRAPH_TRAIN, (enum toy_kind)kind);
        check_steps(*state, GRAPH_EVAL, (enum toy_kind)kind);
    }
}

static void test_evaluation_has_the_same_bits(void **state)
{
    const struct backend *backend = *state;
    struct graph_settings settings = toy_settings(GRAPH_EVAL, 6);
    struct toy plain, fused;
    double ours[6 * TOY_CLASSES] = {0}, theirs[6 * TOY_CLASSES] = {0};

    settings.real = backend->real;
    struct graph *graph = build(&settings, TOY_LORA), *rewritten = build(&settings, TOY_LORA);
    ok(pass_fuse(rewritten));
    open_toy(&plain, backend, graph);
    open_toy(&fused, backend, rewritten);
    ok(executor_run(plain.executor));
    ok(executor_run(fused.executor));
    ok(executor_download(plain.executor, graph->logits, ours));
    ok(executor_download(fused.executor, rewritten->logits, theirs));
    assert_true(ours[0] != 0);
    assert_memory_equal(ours, theirs, sizeof ours);
    toy_close(&plain);
    toy_close(&fused);
}

/* Every ReLU of a ResNet follows a batch norm, and every gradient of one enters its sums. */
static void test_models_keep_no_relu(void **state)
{
    const char *names[] = {"resnet20", "resnet18", "resnet50"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        const struct architecture *architecture = architecture_find(names[i]);
        struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
        struct graph *graph = NULL;
        settings.height = settings.width = 32;
        ok(model_build(architecture, &settings, &graph));
        ok(pass_autodiff(graph));
        int64_t n_relus = toy_count_nodes(graph, OP_relu_forward, PART_FORWARD);
        int64_t n_sums = toy_count_nodes(graph, OP_batch_norm_gradient_sums, PART_BACKWARD);
        assert_true(n_relus > 8);
        ok(pass_fuse(graph));
        assert_int_equal(toy_count_nodes(graph, OP_relu_forward, PART_FORWARD), 0);
        assert_int_equal(toy_count_nodes(graph, OP_relu_backward, PART_BACKWARD), 0);
        assert_int_equal(toy_count_nodes(graph, OP_add, PART_FORWARD), 0);
        assert_int_equal(toy_count_nodes(graph, OP_add, PART_BACKWARD), 0);
        assert_int_equal(toy_count_nodes(graph, OP_batch_norm_gradient_sums, PART_BACKWARD),
                         n_sums);
        graph_destroy(graph);
    }
}

/* conv, batch norm, ReLU, where `reader` may read the batch norm's output as well. */
static struct graph *small(double factor, bool is_read_twice)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct conv_settings conv = {.n_outputs = 4, .kernel = 3, .stride = 1, .padding = 1};
    struct linear_settings head = {.n_outputs = TOY_CLASSES};
    struct graph *graph = NULL;

    ok(graph_create(&settings, &graph));
    int x = graph_conv2d(graph, "conv", graph_images(graph), &conv);
    int y = graph_batch_norm(graph, "bn", x);
    int z = graph_relu(graph, graph_add(graph, y, x, factor));
    if (is_read_twice)
        z = graph_add(graph, z, y, 1);
    graph_classifier_loss(
        graph, graph_linear(graph, "linear", graph_global_average_pool(graph, z), &head));
    ok(graph_check(graph));
    return graph;
}

static void test_leaves_what_does_not_fit(void **state)
{
    (void)state;
    const struct {
        double factor;
        bool is_read_twice;
        int64_t n_relus;
    } cases[] = {{1, false, 0}, {0.5, false, 1}, {1, true, 1}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct graph *graph = small(cases[i].factor, cases[i].is_read_twice);
        ok(pass_fuse(graph));
        assert_int_equal(toy_count_nodes(graph, OP_relu_forward, PART_FORWARD), cases[i].n_relus);
        graph_destroy(graph);
    }
}

static void test_comes_after_autodiff(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = build(&settings, TOY_PLAIN);

    (void)state;
    ok(pass_fuse(graph));
    fails(pass_autodiff(graph), STATUS_UNSUPPORTED, "is fused: differentiate first");
    graph_destroy(graph);
}

int main(void)
{
    void *ref = (void *)(uintptr_t)backend_find("ref"),
         *cpu = (void *)(uintptr_t)backend_find("cpu");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_same_bits, ref),
        cmocka_unit_test_prestate(test_same_bits, cpu),
        cmocka_unit_test_prestate(test_evaluation_has_the_same_bits, ref),
        cmocka_unit_test_prestate(test_evaluation_has_the_same_bits, cpu),
        cmocka_unit_test(test_models_keep_no_relu),
        cmocka_unit_test(test_leaves_what_does_not_fit),
        cmocka_unit_test(test_comes_after_autodiff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
