/* Architectures: published parameter counts, PyTorch's names in state_dict order, shapes. */
#include "model/model.h"
#include "graph/passes.h"
#include "support/cmocka.h"
#include "support/toy.h"
#include "support/trainable_elements.h"

#include <string.h>

static struct graph *build(const char *name, enum graph_mode mode)
{
    struct graph_settings settings = toy_settings(mode, 2);
    struct graph *graph = NULL;

    settings.height = settings.width = 32;
    settings.n_classes = 10;
    ok(model_build(architecture_find(name), &settings, &graph));
    return graph;
}

static void test_parameter_counts(void **state)
{
    /* option A: He et al., Table 6; resnet18 …: the widely used CIFAR variants */
    const struct {
        const char *name;
        int64_t n;
    } counts[] = {{"resnet20", 269722},    {"resnet32", 464154},    {"resnet44", 658586},
                  {"resnet56", 853018},    {"resnet110", 1727962},  {"resnet18", 11173962},
                  {"resnet34", 21282122},  {"resnet50", 23520842},  {"resnet101", 42512970},
                  {"resnet152", 58156618}, {"simple_vit", 21317002}};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct graph *graph = build(counts[i].name, GRAPH_EVAL);
        assert_int_equal(trainable_elements(graph), counts[i].n);
        graph_destroy(graph);
    }
    assert_null(architecture_at((int)(sizeof counts / sizeof *counts)));
    assert_null(architecture_at(-1));
    assert_null(architecture_find("resnet21"));
}

static void check_lora(const char *name, int lora_rank, bool ignores_out_proj, int64_t n_trainable,
                       int64_t n_adapters)
{
    struct graph *graph = build(name, GRAPH_TRAIN);
    const struct architecture *architecture = architecture_find(name);
    char text[PATTERN_BYTES];
    struct lora_inject lora = {.targets = architecture_pattern(architecture, &(struct vit_shape){0},
                                                               architecture->lora_targets, text),
                               .lora_rank = lora_rank,
                               .alpha = 2 * lora_rank,
                               .dropout = 0.1,
                               .ignores_out_proj = ignores_out_proj};
    int64_t n_params = graph->n_params;

    ok(pass_freeze_except(graph, &architecture->head, architecture->head != NULL ? 1 : 0));
    ok(pass_lora_inject(graph, &lora));
    assert_int_equal(trainable_elements(graph), n_trainable);
    assert_int_equal(graph->n_params, n_params + 2 * n_adapters);
    ok(pass_autodiff(graph));
    graph_destroy(graph);
}

static void test_lora_counts(void **state)
{
    (void)state;
    check_lora("resnet50", 8, false, 608778, 48);
    check_lora("resnet20", 8, false, 50954, 18);
    check_lora("simple_vit", 16, false, 18592, 2);
    check_lora("simple_vit", 16, true, 18592, 2);
}

static int64_t count_convolutions(const struct graph *graph)
{
    int64_t n = 0;

    for (int64_t i = 0; i < graph->n_params; i++)
        n += graph->params[i].is_conv;
    return n;
}

static void expect_order(const struct graph *graph, const char *const *names, int64_t n)
{
    int first = graph_param_find(graph, names[0]);

    assert_true(first >= 0);
    for (int64_t i = 0; i < n; i++)
        assert_string_equal(graph->params[first + i].name, names[i]);
}

static void test_names_and_order(void **state)
{
    const char *const bottleneck[] = {"layer1.0.conv1.weight",
                                      "layer1.0.bn1.weight",
                                      "layer1.0.bn1.bias",
                                      "layer1.0.bn1.running_mean",
                                      "layer1.0.bn1.running_var",
                                      "layer1.0.conv2.weight",
                                      "layer1.0.bn2.weight",
                                      "layer1.0.bn2.bias",
                                      "layer1.0.bn2.running_mean",
                                      "layer1.0.bn2.running_var",
                                      "layer1.0.conv3.weight",
                                      "layer1.0.bn3.weight",
                                      "layer1.0.bn3.bias",
                                      "layer1.0.bn3.running_mean",
                                      "layer1.0.bn3.running_var",
                                      "layer1.0.shortcut.0.weight",
                                      "layer1.0.shortcut.1.weight",
                                      "layer1.0.shortcut.1.bias",
                                      "layer1.0.shortcut.1.running_mean",
                                      "layer1.0.shortcut.1.running_var",
                                      "layer1.1.conv1.weight"};
    struct graph *graph = build("resnet50", GRAPH_TRAIN);

    (void)state;
    expect_order(graph, bottleneck, sizeof bottleneck / sizeof *bottleneck);
    assert_int_equal(count_convolutions(graph), 53);
    assert_string_equal(graph->params[0].name, "conv1.weight");
    assert_string_equal(graph->params[graph->n_params - 2].name, "linear.weight");
    assert_string_equal(graph->params[graph->n_params - 1].name, "linear.bias");
    graph_destroy(graph);
    graph = build("resnet20", GRAPH_TRAIN);
    assert_int_equal(graph_param_find(graph, "layer2.0.shortcut.0.weight"), -1);
    assert_int_equal(count_convolutions(graph), 19);
    assert_int_equal(toy_count_nodes(graph, OP_shortcut_pad_forward, PART_FORWARD), 2);
    graph_destroy(graph);
    graph = build("resnet18", GRAPH_TRAIN);
    assert_int_equal(graph_param_find(graph, "layer1.0.shortcut.0.weight"), -1);
    assert_true(graph_param_find(graph, "layer2.0.shortcut.0.weight") > 0);
    assert_int_equal(count_convolutions(graph), 20);
    graph_destroy(graph);
}

/* The stride of a bottleneck is on its 3 × 3 convolution. */
static void test_strides(void **state)
{
    struct graph *graph = build("resnet50", GRAPH_TRAIN);

    (void)state;
    for (int64_t i = 0; i < graph->n_nodes; i++) {
        const struct graph_node *node = &graph->nodes[i];
        if (node->kind != OP_conv2d_forward || strncmp(node->module, "layer", 5) != 0)
            continue;
        bool is_first = node->module[5] != '1' && strncmp(node->module + 6, ".0.", 3) == 0;
        bool has_stride = is_first && (strstr(node->module, "conv2") != NULL ||
                                       strstr(node->module, "shortcut") != NULL);
        assert_int_equal(node->attributes.conv2d_forward.stride, has_stride ? 2 : 1);
    }
    graph_destroy(graph);
}

static void test_initial_kinds(void **state)
{
    struct graph *option_a = build("resnet20", GRAPH_TRAIN),
                 *other = build("resnet18", GRAPH_TRAIN);
    int weight = graph_param_find(option_a, "linear.weight");

    (void)state;
    assert_int_equal(option_a->params[0].init, INIT_NORMAL_FAN_IN);
    assert_int_equal(option_a->params[0].fan_in, 27);
    assert_int_equal(option_a->params[weight].init, INIT_NORMAL_FAN_IN);
    assert_int_equal(option_a->params[weight + 1].init, INIT_UNIFORM_FAN_IN);
    assert_int_equal(option_a->params[weight + 1].fan_in, 64);
    for (int64_t i = 0; i < other->n_params; i++)
        if (other->params[i].is_conv || strcmp(other->params[i].module, "linear") == 0)
            assert_int_equal(other->params[i].init, INIT_UNIFORM_FAN_IN);
    graph_destroy(option_a);
    graph_destroy(other);
}

static void test_vit_names(void **state)
{
    const char *const layer[] = {"encoder.layers.encoder_layer_11.ln_1.weight",
                                 "encoder.layers.encoder_layer_11.ln_1.bias",
                                 "encoder.layers.encoder_layer_11.self_attention.in_proj_weight",
                                 "encoder.layers.encoder_layer_11.self_attention.in_proj_bias",
                                 "encoder.layers.encoder_layer_11.self_attention.out_proj.weight",
                                 "encoder.layers.encoder_layer_11.self_attention.out_proj.bias",
                                 "encoder.layers.encoder_layer_11.ln_2.weight",
                                 "encoder.layers.encoder_layer_11.ln_2.bias",
                                 "encoder.layers.encoder_layer_11.mlp.0.weight",
                                 "encoder.layers.encoder_layer_11.mlp.0.bias",
                                 "encoder.layers.encoder_layer_11.mlp.3.weight",
                                 "encoder.layers.encoder_layer_11.mlp.3.bias",
                                 "encoder.ln.weight",
                                 "encoder.ln.bias",
                                 "heads.head.weight",
                                 "heads.head.bias"};
    const char *const stem[] = {"conv_proj.weight", "conv_proj.bias", "pos_embedding"};
    struct graph *graph = build("simple_vit", GRAPH_TRAIN);

    (void)state;
    expect_order(graph, stem, 3);
    expect_order(graph, layer, sizeof layer / sizeof *layer);
    int position = graph_param_find(graph, "pos_embedding");
    assert_true(graph->params[position].is_buffer && !graph->params[position].is_trainable);
    assert_int_equal(graph->params[position].shape[0], 64);
    assert_int_equal(graph->params[position].shape[1], 384);
    graph_destroy(graph);
}

static void check_vit_refusal(struct vit_shape shape, const char *text)
{
    struct graph_settings settings = toy_settings(GRAPH_EVAL, 1);
    struct graph *graph = NULL;

    settings.height = 12;
    settings.width = 20;
    settings.vit = shape;
    fails(model_build(architecture_find("simple_vit"), &settings, &graph), STATUS_BAD_CONFIG, text);
    assert_null(graph);
}

static void test_vit_shapes(void **state)
{
    (void)state;
    check_vit_refusal((struct vit_shape){8, 1, 1, 8, 4},
                      "model.vit.patch is 8, which does not divide images of 12 × 20 pixels");
    check_vit_refusal((struct vit_shape){4, 1, 1, 10, 4},
                      "model.vit.width must be a multiple of 4 and at least 8, got 10");
    check_vit_refusal((struct vit_shape){4, 1, 1, 4, 4}, "at least 8, got 4");
    check_vit_refusal((struct vit_shape){4, 1, 3, 8, 4},
                      "model.vit.width must be a multiple of model.vit.heads, got 8 and 3");
    check_vit_refusal((struct vit_shape){4, 1, 1, 8, 0}, "must be at least 1");
}

static void test_errors_surface(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 0);
    struct graph *graph = NULL;

    (void)state;
    fails(model_build(architecture_find("resnet20"), &settings, &graph), STATUS_BAD_CONFIG,
          "batch size");
    assert_null(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameter_counts), cmocka_unit_test(test_lora_counts),
        cmocka_unit_test(test_names_and_order),  cmocka_unit_test(test_strides),
        cmocka_unit_test(test_initial_kinds),    cmocka_unit_test(test_errors_surface),
        cmocka_unit_test(test_vit_names),        cmocka_unit_test(test_vit_shapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
