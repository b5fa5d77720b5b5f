/* Pass `lora_inject`: the nodes and parameters it adds, and their order. */
#include "graph/passes.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <string.h>

static void test_adds_adapters(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);
    int64_t n_params = graph->n_params, n_nodes = graph->n_nodes;
    const int64_t down[] = {2, 3, 3, 4}, up[] = {6, 1, 1, 2};
    const char *const modules[] = {"block1.conv1.lora_A", "block1.conv1.lora_B",
                                   "block1.conv2.lora_A", "block1.conv2.lora_B",
                                   "block2.conv1.lora_A", "block2.conv1.lora_B"};

    (void)state;
    ok(pass_lora_inject(graph, &toy_lora));
    assert_int_equal(graph->n_params, n_params + 6);
    assert_int_equal(graph->n_nodes, n_nodes + 3 * 5); /* dropout, A, factor, B, sum */
    for (int i = 0; i < 6; i++) {
        const struct param *param = &graph->params[n_params + i];
        assert_string_equal(param->module, modules[i]);
        assert_true(param->is_trainable && param->is_conv);
        assert_int_equal(param->init, i % 2 == 0 ? INIT_UNIFORM_FAN_IN : INIT_ZERO);
    }
    assert_string_equal(graph->params[n_params].name, "block1.conv1.lora_A.weight");
    assert_memory_equal(graph->params[n_params].shape, down, sizeof down);
    assert_memory_equal(graph->params[n_params + 1].shape, up, sizeof up);
    assert_int_equal(graph->params[n_params].fan_in, 36);
    assert_false(graph->params[graph_param_find(graph, "block1.conv2.weight")].is_trainable);
    assert_true(graph->params[graph_param_find(graph, "conv1.weight")].is_trainable);
    graph_destroy(graph);
}

static void test_layers_stride_and_factor(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);
    uint32_t layer = 0;
    int64_t n_sums = 0;

    (void)state;
    ok(pass_lora_inject(graph, &toy_lora));
    for (int64_t i = 0; i < graph->n_nodes; i++) {
        const struct graph_node *node = &graph->nodes[i];
        if (node->kind == OP_dropout) {
            assert_int_equal(node->attributes.dropout.layer, layer++);
            assert_int_equal(node->attributes.dropout.seed, 11);
            assert_true(node->attributes.dropout.probability == 0.25);
        }
        n_sums += node->kind == OP_scale && node->attributes.scale.factor == 1.5;
        if (strcmp(node->module, "block1.conv1.lora_A") == 0) {
            assert_int_equal(node->attributes.conv2d_forward.stride, 2);
            assert_int_equal(node->attributes.conv2d_forward.padding, 1);
        }
    }
    assert_int_equal(layer, 3);
    assert_int_equal(n_sums, 3);
    graph_destroy(graph);
}

static void test_eval_has_no_dropout_but_the_table(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *train = toy_forward(&settings);
    settings = toy_settings(GRAPH_EVAL, 2);
    struct graph *eval = toy_forward(&settings);

    (void)state;
    ok(pass_lora_inject(train, &toy_lora));
    ok(pass_lora_inject(eval, &toy_lora));
    assert_int_equal(toy_count_nodes(eval, OP_dropout, PART_FORWARD), 0);
    assert_int_equal(eval->n_params, train->n_params);
    for (int64_t i = 0; i < eval->n_params; i++)
        assert_string_equal(eval->params[i].name, train->params[i].name);
    graph_destroy(train);
    graph_destroy(eval);
}

static void expect_refusal(struct lora_inject lora, const char *text)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);

    fails(pass_lora_inject(graph, &lora), STATUS_BAD_CONFIG, text);
    graph_destroy(graph);
}

static void test_refuses(void **state)
{
    struct lora_inject lora = toy_lora;

    (void)state;
    lora.targets = "bn1"; /* a module, but no layer that can have adapters */
    expect_refusal(lora, "lora.targets 'bn1' matches no convolution or linear layer");
    lora.targets = "block1"; /* whole names only */
    expect_refusal(lora, "matches no convolution");
    lora.targets = "(";
    expect_refusal(lora, "is not a regular expression");
    lora = toy_lora;
    lora.lora_rank = 0;
    expect_refusal(lora, "lora.rank must be at least 1, got 0");
    lora = toy_lora;
    lora.dropout = 1;
    expect_refusal(lora, "lora.dropout must be in [0, 1), got 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adds_adapters),
        cmocka_unit_test(test_layers_stride_and_factor),
        cmocka_unit_test(test_eval_has_no_dropout_but_the_table),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
