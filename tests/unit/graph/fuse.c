/* Fused graphs against the same graphs as they were built: fewer nodes, and the same bits but for
 * adapters on cpu, whose product is then another one. */
#include "model/model.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <math.h>
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
    ok(parameters_create(graph, device_queue(toy->device), 1, &toy->parameters));
    toy_randomise(toy->parameters, 9);
    toy_execute(toy, graph);
}

/* How far a fused graph may be from the other after n steps, as a share of 1 + |value|: 0, or a
 * rounding error of float32 for each of the some 60 operations that an image passes through there
 * and back, and another for each step. */
static double most_error(const struct backend *backend, enum toy_kind kind, int n_steps)
{
    return backend->real == DTYPE_F32 && kind == TOY_LORA ? 60 * n_steps * 0x1p-24 : 0;
}

/* Parameters and running values of both toys. */
static void assert_near_parameters(const struct toy *a, const struct toy *b, double most)
{
    for (int64_t i = 0; i < parameters_count(a->parameters); i++) {
        struct tensor ours = parameters_tensor(a->parameters, i);
        struct tensor theirs = parameters_tensor(b->parameters, i);
        for (int64_t e = 0; e < tensor_elements(&ours); e++) {
            double x = number_at(ours.data, ours.dtype, e),
                   y = number_at(theirs.data, theirs.dtype, e);
            if (!(fabs(x - y) <= most * (1 + fabs(y))))
                fail_msg("'%s' differs: %.9g and %.9g", parameters_row(a->parameters, i)->name, x,
                         y);
        }
    }
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
        double most = most_error(backend, kind, step + 1);
        assert_true(fabs(toy_number(&fused, rewritten->loss) - loss) <= most * (1 + loss));
        toy_descend(&plain, 0.05);
        toy_descend(&fused, 0.05);
        assert_near_parameters(&plain, &fused, most);
    }
    assert_true(loss != first);
    toy_close(&plain);
    toy_close(&fused);
}

static void test_steps(void **state)
{
    for (int kind = TOY_PLAIN; kind < N_TOY_KINDS; kind++) {
        check_steps(*state, GRAPH_TRAIN, (enum toy_kind)kind);
        check_steps(*state, GRAPH_EVAL, (enum toy_kind)kind);
    }
}

static void test_evaluation(void **state)
{
    const struct backend *backend = *state;
    struct graph_settings settings = toy_settings(GRAPH_EVAL, 6);
    struct toy plain, fused;
    double ours[6 * TOY_CLASSES] = {0}, theirs[6 * TOY_CLASSES] = {0};
    struct tensor x = {ours, backend->real, 2, {6, TOY_CLASSES}}, y = x;

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
    y.data = theirs;
    for (int64_t i = 0; i < tensor_elements(&x); i++)
        assert_true(fabs(number_at(x.data, x.dtype, i) - number_at(y.data, y.dtype, i)) <=
                    most_error(backend, TOY_LORA, 1) * (1 + fabs(number_at(y.data, y.dtype, i))));
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

/* Adapters are a product that adds: neither their factor nor the sum is a node. Its memory is that
 * of what it is added to. */
static void test_adapters_add_in_place(void **state)
{
    const char *names[] = {"resnet20", "resnet50"};

    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct architecture *architecture = architecture_find(names[i / 2]);
        struct graph_settings settings = toy_settings(i % 2 == 0 ? GRAPH_TRAIN : GRAPH_EVAL, 2);
        const struct lora_inject lora = {
            .targets = architecture->lora_targets, .lora_rank = 8, .alpha = 12, .dropout = 0.1};
        struct graph *graph = NULL;
        struct memory_plan plan;
        settings.height = settings.width = 32;
        ok(model_build(architecture, &settings, &graph));
        ok(pass_freeze_except(graph, &architecture->head, 1));
        ok(pass_lora_inject(graph, &lora));
        if (i % 2 == 0)
            ok(pass_autodiff(graph));
        int64_t n_adapters = toy_count_nodes(graph, OP_scale, PART_FORWARD), n_found = 0;
        assert_true(n_adapters > 17);
        ok(pass_fuse(graph));
        ok(pass_plan_memory(graph, &plan));
        assert_int_equal(toy_count_nodes(graph, OP_scale, PART_FORWARD), 0);
        assert_int_equal(toy_count_nodes(graph, OP_scale, PART_BACKWARD), 0);
        assert_int_equal(toy_count_nodes(graph, OP_add, PART_FORWARD), 0);
        for (int64_t n = 0; n < graph->n_nodes; n++) {
            const struct graph_node *node = &graph->nodes[n];
            if (node->kind != OP_conv2d_forward || node->values[3] < 0)
                continue;
            assert_true(node->attributes.conv2d_forward.factor == 1.5);
            assert_int_equal(graph->values[node->values[2]].alias, node->values[3]);
            n_found++;
        }
        assert_int_equal(n_found, n_adapters);
        graph_destroy(graph);
    }
}

/* x, and a convolution of it that is multiplied and added to it. */
struct sum {
    int64_t n_channels;
    int kernel;
    double factor;
    bool is_read_twice;
};

static struct graph *sum_create(const struct sum *sum)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct conv_settings wide = {.n_outputs = sum->n_channels, .kernel = 1, .stride = 1};
    struct conv_settings conv = {.n_outputs = sum->n_channels,
                                 .kernel = sum->kernel,
                                 .stride = 1,
                                 .padding = sum->kernel / 2};
    struct linear_settings head = {.n_outputs = TOY_CLASSES};
    struct graph *graph = NULL;

    ok(graph_create(&settings, &graph));
    int x = graph_batch_norm(graph, "bn", graph_conv2d(graph, "wide", graph_images(graph), &wide));
    int y = graph_conv2d(graph, "conv", x, &conv);
    int z = graph_add(graph, x, y, sum->factor);
    if (sum->is_read_twice)
        z = graph_add(graph, z, y, 2);
    graph_classifier_loss(
        graph, graph_linear(graph, "linear", graph_global_average_pool(graph, z), &head));
    ok(graph_check(graph));
    return graph;
}

static void test_additions_that_stay(void **state)
{
    static const struct {
        struct sum sum;
        int64_t n_additions;
    } cases[] = {
        {{4, 1, 1, false}, 0},  /* joined */
        {{64, 1, 1, false}, 0}, /* the same */
        {{65, 1, 1, false}, 1}, /* a product of many channels */
        {{4, 3, 1, false}, 1},  /* no product of rows */
        {{4, 1, 2, false}, 1},  /* its multiple would be rounded elsewhere */
        {{4, 1, 1, true}, 2},   /* the product alone is wanted as well */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct graph *graph = sum_create(&cases[i].sum);
        ok(pass_fuse(graph));
        assert_int_equal(toy_count_nodes(graph, OP_add, PART_FORWARD), cases[i].n_additions);
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
    const enum toy_kind kinds[] = {TOY_PLAIN, TOY_LORA};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct graph *graph = build(&settings, kinds[i]);
        ok(pass_fuse(graph));
        fails(pass_autodiff(graph), STATUS_UNSUPPORTED, "is fused: differentiate first");
        graph_destroy(graph);
    }
}

int main(void)
{
    void *ref = (void *)(uintptr_t)backend_find("ref"),
         *cpu = (void *)(uintptr_t)backend_find("cpu");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_steps, ref),
        cmocka_unit_test_prestate(test_steps, cpu),
        cmocka_unit_test_prestate(test_evaluation, ref),
        cmocka_unit_test_prestate(test_evaluation, cpu),
        cmocka_unit_test(test_models_keep_no_relu),
        cmocka_unit_test(test_adapters_add_in_place),
        cmocka_unit_test(test_additions_that_stay),
        cmocka_unit_test(test_leaves_what_does_not_fit),
        cmocka_unit_test(test_comes_after_autodiff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
