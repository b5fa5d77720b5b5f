/* Which convolutions there are: the graphs of all models, with and without adapters. */
#include "gpu/suite.h"

#include "graph/passes.h"
#include "model/model.h"

#include <string.h>

enum { SIZE = 32, CLASSES = 10 };

static bool is_convolution(enum op_kind kind)
{
    return kind == OP_conv2d_forward || kind == OP_conv2d_backward_data ||
           kind == OP_conv2d_backward_weight;
}

static bool is_known(const struct suite *suite, const struct conv *wanted)
{
    for (int i = 0; i < suite->n_shapes; i++)
        if (suite->shapes[i].kind == wanted->kind &&
            memcmp(&suite->shapes[i].op, &wanted->op, sizeof wanted->op) == 0)
            return true;
    return false;
}

static void note_shapes(struct suite *suite, const struct graph *graph, const char *arch)
{
    for (int64_t i = 0; i < graph->n_nodes && suite->n_shapes < MOST_SHAPES; i++) {
        const struct graph_node *node = &graph->nodes[i];
        struct conv conv = {.kind = node->kind, .op = node->attributes, .arch = arch};
        if (!is_convolution(node->kind))
            continue;
        conv.n_tensors = node->kind == OP_conv2d_forward && node->values[3] >= 0 ? 4 : 3;
        for (int t = 0; t < conv.n_tensors; t++) {
            const struct value *value = &graph->values[node->values[t]];
            struct tensor *tensor = op_tensor(node->kind, &conv.op, t);
            tensor->dtype = device_dtype(suite->device, op_info(node->kind)->tensors[t].type);
            tensor->n_dims = value->n_dims;
            memcpy(tensor->shape, value->shape, sizeof tensor->shape);
        }
        if (!is_known(suite, &conv))
            suite->shapes[suite->n_shapes++] = conv;
    }
}

static enum status collect(struct suite *suite, const struct architecture *architecture,
                           bool has_adapters)
{
    enum status status = STATUS_OK;
    struct graph *graph = NULL;
    const struct graph_settings settings = {.mode = GRAPH_TRAIN,
                                            .real = DTYPE_F32,
                                            .batch_size = suite->batch_size,
                                            .height = SIZE,
                                            .width = SIZE,
                                            .channels = 3,
                                            .n_images = suite->batch_size,
                                            .n_classes = CLASSES,
                                            .std = {1, 1, 1}};
    char text[PATTERN_BYTES];
    const struct lora_inject lora = {
        .targets =
            architecture_pattern(architecture, &settings.vit, architecture->lora_targets, text),
        .lora_rank = 8,
        .alpha = 16};

    TRY(model_build(architecture, &settings, &graph));
    if (has_adapters) {
        TRY(pass_freeze_except(graph, &architecture->head, architecture->head != NULL));
        TRY(pass_lora_inject(graph, &lora));
    }
    TRY(pass_autodiff(graph));
    TRY(pass_fuse(graph));
    note_shapes(suite, graph, architecture->name);
done:
    graph_destroy(graph);
    return status;
}

enum status suite_collect(struct suite *suite)
{
    enum status status = STATUS_OK;

    for (int i = 0; architecture_at(i) != NULL; i++) {
        TRY(collect(suite, architecture_at(i), false));
        TRY(collect(suite, architecture_at(i), true));
    }
done:
    return status;
}
