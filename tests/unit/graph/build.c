/* Building: shapes, names and order of parameters, errors that stick, and what graph_check finds.
 */
#include "support/toy.h"

#include "graph/passes.h"
#include "support/cmocka.h"

#include <string.h>

static void test_toy_is_complete(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 5);
    struct graph *graph = toy_forward(&settings);
    const char *const names[] = {"conv1.weight",     "bn1.weight",      "bn1.bias",
                                 "bn1.running_mean", "bn1.running_var", "block1.conv1.weight"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(graph->params[i].name, names[i]);
    assert_string_equal(graph->params[graph->n_params - 1].name, "linear.bias");
    assert_true(graph->params[1].is_trainable);
    assert_false(graph->params[3].is_trainable);
    assert_true(graph->params[3].is_buffer);
    assert_int_equal(graph->params[5].fan_in, 36);
    const struct value *logits = &graph->values[graph->logits];
    assert_int_equal(logits->shape[0], 5);
    assert_int_equal(logits->shape[1], TOY_CLASSES);
    assert_int_equal(toy_count_nodes(graph, OP_batch_norm_statistics, PART_FORWARD), 5);
    assert_string_equal(graph->values[graph->head_weight].name, "linear.weight");
    assert_string_equal(graph->values[graph->head_bias].name, "linear.bias");
    const struct value *features = &graph->values[graph->features];
    assert_int_equal(features->shape[0], 5);
    assert_int_equal(features->shape[1], graph->values[graph->head_weight].shape[1]);
    graph_destroy(graph);
}

static void test_eval_shares_the_table(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 5);
    struct graph *train = toy_forward(&settings);
    settings = toy_settings(GRAPH_EVAL, 7);
    struct graph *eval = toy_forward(&settings);

    (void)state;
    assert_int_equal(eval->n_params, train->n_params);
    for (int64_t i = 0; i < eval->n_params; i++)
        assert_string_equal(eval->params[i].name, train->params[i].name);
    assert_int_equal(toy_count_nodes(eval, OP_batch_norm_statistics, PART_FORWARD), 0);
    graph_destroy(train);
    graph_destroy(eval);
}

/* Where batch norm takes its mean and variance from. */
static void test_batch_norm_follows_the_mode(void **state)
{
    struct graph_settings frozen_settings = toy_settings(GRAPH_TRAIN, 5);
    struct graph_settings settings = toy_settings(GRAPH_STATISTICS, 5);
    frozen_settings.freezes_batch_norm = true;
    struct graph *frozen = toy_forward(&frozen_settings), *statistics = toy_forward(&settings);

    (void)state;
    assert_int_equal(toy_count_nodes(frozen, OP_batch_norm_statistics, PART_FORWARD), 0);
    assert_int_equal(toy_count_nodes(frozen, OP_batch_norm_apply, PART_FORWARD), 5);
    assert_int_equal(toy_count_nodes(statistics, OP_batch_norm_statistics, PART_FORWARD), 5);
    assert_int_equal(statistics->n_params, frozen->n_params);
    ok(pass_lora_inject(frozen, &toy_lora));
    ok(pass_lora_inject(statistics, &toy_lora));
    assert_int_equal(toy_count_nodes(frozen, OP_dropout, PART_FORWARD), 3);
    assert_int_equal(toy_count_nodes(statistics, OP_dropout, PART_FORWARD), 0);
    graph_destroy(frozen);
    graph_destroy(statistics);
}

static void test_settings_are_checked(void **state)
{
    struct graph *graph = NULL;
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 0);

    (void)state;
    fails(graph_create(&settings, &graph), STATUS_BAD_CONFIG,
          "batch size must be at least 1, got 0");
    settings = toy_settings(GRAPH_TRAIN, 1);
    settings.real = DTYPE_U8;
    fails(graph_create(&settings, &graph), STATUS_BAD_CONFIG, "f32 or f64, got u8");
    settings = toy_settings(GRAPH_TRAIN, 1);
    settings.n_images = 0;
    fails(graph_create(&settings, &graph), STATUS_BAD_CONFIG, "image table");
    settings = toy_settings(GRAPH_TRAIN, 1);
    settings.n_classes = 1;
    fails(graph_create(&settings, &graph), STATUS_BAD_CONFIG, "at least 2 classes, got 1");
    settings = toy_settings(GRAPH_TRAIN, 1);
    settings.channels = 4;
    fails(graph_create(&settings, &graph), STATUS_BAD_CONFIG, "1 to 3 channels, got 4");
    settings = toy_settings(GRAPH_TRAIN, 1);
    settings.height = 0;
    fails(graph_create(&settings, &graph), STATUS_BAD_CONFIG, "got 0 × 8");
    assert_null(graph);
}

/* Runs one builder on a graph of its own, expects its error, and that the error then sticks. */
static void expect_stuck(int (*builder)(struct graph *, int x), const char *text)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = NULL;

    ok(graph_create(&settings, &graph));
    int x = graph_images(graph);
    assert_int_equal(builder(graph, x), -1);
    fails(graph->status, STATUS_BAD_CONFIG, text);
    int64_t n = graph->n_nodes;
    assert_int_equal(graph_relu(graph, x), -1);
    assert_int_equal(graph_batch_norm(graph, "bn", -1), -1);
    assert_int_equal(graph->n_nodes, n);
    assert_int_equal(graph_check(graph), STATUS_BAD_CONFIG);
    graph_destroy(graph);
}

static int large_kernel(struct graph *graph, int x)
{
    struct conv_settings settings = {.n_outputs = 2, .kernel = 9, .stride = 1};

    return graph_conv2d(graph, "big", x, &settings);
}

static int no_outputs(struct graph *graph, int x)
{
    struct conv_settings settings = {.n_outputs = 0, .kernel = 1, .stride = 1};

    return graph_conv2d(graph, "none", x, &settings);
}

static int linear_on_map(struct graph *graph, int x)
{
    struct linear_settings settings = {.n_outputs = 2};

    return graph_linear(graph, "linear", x, &settings);
}

static int odd_padding(struct graph *graph, int x)
{
    return graph_shortcut_pad(graph, x, 6);
}

static int unequal_sum(struct graph *graph, int x)
{
    return graph_add(graph, x, graph_shortcut_pad(graph, x, 5), 1);
}

static int dropout_of_all(struct graph *graph, int x)
{
    return graph_dropout(graph, x, 1, 0);
}

static int same_name_twice(struct graph *graph, int x)
{
    return graph_batch_norm(graph, "bn", graph_batch_norm(graph, "bn", x));
}

static int wrong_classes(struct graph *graph, int x)
{
    graph_classifier_loss(graph, graph_global_average_pool(graph, graph_shortcut_pad(graph, x, 5)));
    return graph_relu(graph, x);
}

static void test_errors_stick(void **state)
{
    (void)state;
    expect_stuck(large_kernel, "convolution 'big': kernel 9 does not fit a 8 × 8 map");
    expect_stuck(no_outputs, "'none' has 0 outputs");
    expect_stuck(linear_on_map, "linear 'linear' expects rows or tokens, but 'x' has 4 dimensions");
    expect_stuck(odd_padding, "cannot pad 3 to 6 channels");
    expect_stuck(unequal_sum, "cannot add 'x' and 'shortcut': shapes differ");
    expect_stuck(dropout_of_all, "dropout must be in [0, 1), got 1");
    expect_stuck(same_name_twice, "two parameters named 'bn.weight'");
    expect_stuck(wrong_classes, "must be [N, 3]");
}

static void test_check_finds_broken_nodes(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);
    struct graph_node *conv = &graph->nodes[1];
    int x = conv->values[0], y = conv->values[2];

    (void)state;
    conv->values[0] = -1;
    fails(graph_check(graph), STATUS_BAD_CONFIG, "node 1 (conv2d_forward 'conv1') lacks its 'x'");
    conv->values[0] = graph->logits;
    fails(graph_check(graph), STATUS_BAD_CONFIG, "reads 'linear' before it is written");
    conv->values[0] = graph->labels;
    fails(graph_check(graph), STATUS_BAD_CONFIG, "'x' is value 'labels' of type i32");
    conv->values[0] = x;
    conv->values[2] = x;
    fails(graph_check(graph), STATUS_BAD_CONFIG, "overwrites 'x'");
    conv->values[2] = conv->values[1];
    fails(graph_check(graph), STATUS_BAD_CONFIG, "overwrites 'conv1.weight'");
    conv->values[2] = y;
    ok(graph_check(graph));
    graph->nodes[2].values[3] = graph->params[0].value;
    fails(graph_check(graph), STATUS_BAD_CONFIG, "updates 'conv1.weight', which is not a buffer");
    graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_toy_is_complete),
        cmocka_unit_test(test_eval_shares_the_table),
        cmocka_unit_test(test_batch_norm_follows_the_mode),
        cmocka_unit_test(test_settings_are_checked),
        cmocka_unit_test(test_errors_stick),
        cmocka_unit_test(test_check_finds_broken_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
