/* Pass `autodiff`: which backward nodes exist, and which do not. That their numbers are right is
 * executor.c's and the golden files' business. */
#include "graph/passes.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <string.h>

static int64_t backward(const struct graph *graph, enum op_kind kind)
{
    return toy_count_nodes(graph, kind, PART_BACKWARD);
}

static struct graph *toy_frozen_except(enum graph_mode mode, const char *pattern)
{
    struct graph_settings settings = toy_settings(mode, 2);
    struct graph *graph = toy_forward(&settings);

    ok(pass_freeze_except(graph, &pattern, 1));
    ok(pass_autodiff(graph));
    return graph;
}

static void test_everything_trains(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);

    (void)state;
    ok(pass_autodiff(graph));
    assert_int_equal(backward(graph, OP_conv2d_backward_weight), 5);
    assert_int_equal(backward(graph, OP_conv2d_backward_data), 4); /* none into the images */
    assert_int_equal(backward(graph, OP_batch_norm_gradient_sums), 5);
    assert_int_equal(backward(graph, OP_batch_norm_gradient_apply), 5);
    assert_int_equal(backward(graph, OP_linear_backward_weight), 1);
    assert_int_equal(backward(graph, OP_linear_backward_data), 1);
    assert_int_equal(backward(graph, OP_add), 2);   /* two values have two consumers */
    assert_int_equal(backward(graph, OP_scale), 1); /* the sum with factor 0.5 */
    assert_true(graph->d_logits >= 0);
    /* every trainable parameter has exactly one gradient */
    for (int64_t p = 0; p < graph->n_params; p++) {
        int64_t n = 0;
        for (int64_t v = 0; v < graph->n_values; v++)
            n += graph->values[v].role == VALUE_GRADIENT && graph->values[v].param == p;
        assert_int_equal(n, graph->params[p].is_trainable);
    }
    graph_destroy(graph);
}

static void test_head_alone_stops_at_once(void **state)
{
    struct graph *graph = toy_frozen_except(GRAPH_TRAIN, "linear");
    int64_t n_backward = 0;

    (void)state;
    for (int64_t i = 0; i < graph->n_nodes; i++)
        n_backward += graph->nodes[i].part == PART_BACKWARD;
    assert_int_equal(n_backward, 1);
    assert_int_equal(backward(graph, OP_linear_backward_weight), 1);
    graph_destroy(graph);
}

static void test_nothing_below_lowest_trainable(void **state)
{
    struct graph *graph = toy_frozen_except(GRAPH_TRAIN, "block1\\.conv2");

    (void)state;
    assert_int_equal(backward(graph, OP_conv2d_backward_weight), 1);
    assert_int_equal(backward(graph, OP_linear_backward_weight), 0);
    assert_int_equal(backward(graph, OP_conv2d_backward_data), 2); /* block2's two, not conv2's */
    for (int64_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].part == PART_BACKWARD) {
            assert_string_not_equal(graph->nodes[i].module, "conv1");
            assert_string_not_equal(graph->nodes[i].module, "block1.bn1");
            assert_string_not_equal(graph->nodes[i].module, "bn1");
        }
    assert_int_equal(backward(graph, OP_shortcut_pad_backward), 0);
    graph_destroy(graph);
}

/* Statistics of the batch depend on x: the sums are needed though the affine is frozen, and go to
 * scratch. Running values are constants: no sums. */
static void test_frozen_affine(void **state)
{
    struct graph *train = toy_frozen_except(GRAPH_TRAIN, "conv1");
    struct graph *eval = toy_frozen_except(GRAPH_EVAL, "conv1");

    (void)state;
    assert_int_equal(backward(train, OP_batch_norm_gradient_sums), 5);
    for (int64_t i = 0; i < train->n_nodes; i++)
        if (train->nodes[i].kind == OP_batch_norm_gradient_sums)
            assert_int_equal(train->values[train->nodes[i].values[4]].param, -1);
    assert_int_equal(backward(eval, OP_batch_norm_gradient_sums), 0);
    assert_int_equal(backward(eval, OP_batch_norm_gradient_apply), 5);
    for (int64_t i = 0; i < eval->n_nodes; i++)
        if (eval->nodes[i].kind == OP_batch_norm_gradient_apply)
            assert_int_equal(eval->nodes[i].values[5], -1);
    graph_destroy(train);
    graph_destroy(eval);
}

static void test_lora_leaves_base_weights_alone(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);
    const char *head = "linear";

    (void)state;
    ok(pass_freeze_except(graph, &head, 1));
    ok(pass_lora_inject(graph, &toy_lora));
    ok(pass_autodiff(graph));
    assert_int_equal(backward(graph, OP_conv2d_backward_weight), 6);
    for (int64_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].kind == OP_conv2d_backward_weight)
            assert_non_null(strstr(graph->nodes[i].module, ".lora_"));
    /* the first adapter's input needs no gradient: dropout runs backwards for the other two only */
    assert_int_equal(backward(graph, OP_dropout), 2);
    graph_destroy(graph);
}

static void test_refuses(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);

    (void)state;
    ok(pass_freeze_except(graph, NULL, 0));
    fails(pass_autodiff(graph), STATUS_BAD_CONFIG, "no trainable parameter reaches the loss");
    graph_destroy(graph);
    ok(graph_create(&settings, &graph));
    (void)graph_images(graph);
    fails(pass_autodiff(graph), STATUS_BAD_CONFIG, "no loss to differentiate");
    graph_destroy(graph);
}

static int64_t convolution_named(const struct graph *graph, const char *module)
{
    for (int64_t i = 0; i < graph->n_nodes; i++)
        if (strcmp(graph->nodes[i].module, module) == 0)
            return i;
    fail_msg("no node of '%s'", module);
    return 0;
}

static void test_refuses_shared_parameters(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);
    int64_t first = convolution_named(graph, "block2.conv1");
    int64_t second = convolution_named(graph, "block2.shortcut.0");

    (void)state;
    graph->nodes[second].values[1] = graph->nodes[first].values[1];
    fails(pass_autodiff(graph), STATUS_UNSUPPORTED, "'block2.conv1.weight' is used by two layers");
    graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_trains),
        cmocka_unit_test(test_head_alone_stops_at_once),
        cmocka_unit_test(test_nothing_below_lowest_trainable),
        cmocka_unit_test(test_frozen_affine),
        cmocka_unit_test(test_lora_leaves_base_weights_alone),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_shared_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
