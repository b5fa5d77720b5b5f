/* Pass `lora_inject`: y = W⋆x becomes y = W⋆x + B⋆(alpha/rank · (A⋆dropout(x))) for every matching
 * convolution and linear layer (Hu et al., arXiv:2106.09685). The sum takes over the layer's old
 * output value, so its readers need no rewriting. Attention's projection to q, k and v is one layer
 * with up to three adapters, each added to its third of the columns. */
#include "graph/passes.h"
#include "graph/pattern.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct injection {
    struct graph *graph;
    const struct lora_inject *settings;
    const struct pattern *pattern;
    uint32_t n_adapters;
};

/* A layer of the old list: its node's copy, and what it computes. */
struct layer {
    const struct graph_node *node;
    int64_t copy; /* in the new list */
    int x, weight, y;
    int output; /* which of the node's tensors is y */
};

/* factor·x, or x itself. */
static int scaled(struct graph *graph, int x, double factor)
{
    if (x < 0 || factor == 1)
        return x;
    struct value value = graph->values[x];
    int y = graph_value_add(graph, &value);
    struct graph_node *node = graph_node_add(graph, OP_scale, "");
    if (node == NULL)
        return -1;
    node->values[0] = x;
    node->values[1] = y;
    node->attributes.scale.factor = factor;
    return y;
}

/* B(alpha/rank · A(dropout(x))), built at the end of the graph by the same builders as every layer.
 * alpha/rank multiplies the few channels between A and B: behind B it would cost a pass over all of
 * them, forward and backward. */
static int adapter_add(struct injection *injection, const char *module, const struct layer *layer,
                       int64_t n_outputs)
{
    struct graph *graph = injection->graph;
    const struct lora_inject *settings = injection->settings;
    const struct conv2d_forward *conv = &layer->node->attributes.conv2d_forward;
    const struct linear_settings linear[2] = {
        {.n_outputs = settings->lora_rank, .weight_init = INIT_UNIFORM_FAN_IN, .has_no_bias = true},
        {.n_outputs = n_outputs, .weight_init = INIT_ZERO, .has_no_bias = true}};
    bool is_conv = layer->node->kind == OP_conv2d_forward;
    const struct conv_settings convs[2] = {
        {.n_outputs = settings->lora_rank,
         .kernel = is_conv ? (int)graph->values[layer->weight].shape[1] : 0,
         .stride = conv->stride,
         .padding = conv->padding,
         .init = INIT_UNIFORM_FAN_IN},
        {.n_outputs = n_outputs, .kernel = 1, .stride = 1, .init = INIT_ZERO}};
    char name[PARAM_NAME_BYTES];
    int x = layer->x;

    if (graph->settings.mode == GRAPH_TRAIN && settings->dropout > 0)
        x = graph_dropout(graph, x, settings->dropout, injection->n_adapters);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s.lora_%c", module, "AB"[i]);
        x = is_conv ? graph_conv2d(graph, name, x, &convs[i])
                    : graph_linear(graph, name, x, &linear[i]);
        if (i == 0)
            x = scaled(graph, x, settings->alpha / (double)settings->lora_rank);
    }
    injection->n_adapters++;
    return x;
}

/* Parameters of an adapter that nothing reads. */
static void adapter_add_idle(struct injection *injection, const char *module,
                             const struct layer *layer)
{
    struct graph *graph = injection->graph;
    const int64_t *shape = graph->values[layer->weight].shape;
    int64_t lora_rank = injection->settings->lora_rank;
    const int64_t shapes[2][2] = {{lora_rank, shape[1]}, {shape[0], lora_rank}};

    for (int i = 0; i < 2; i++) {
        char name[PARAM_NAME_BYTES + 8], owner[PARAM_NAME_BYTES];
        snprintf(owner, sizeof owner, "%s.lora_%c", module, "AB"[i]);
        snprintf(name, sizeof name, "%s.weight", owner);
        const struct param row = {.name = name,
                                  .module = owner,
                                  .n_dims = 2,
                                  .shape = {shapes[i][0], shapes[i][1]},
                                  .init = i == 0 ? INIT_UNIFORM_FAN_IN : INIT_ZERO,
                                  .fan_in = shapes[i][1],
                                  .is_trainable = true};
        (void)graph_param_add(graph, &row);
    }
    injection->n_adapters++;
}

/* The value that the layer writes from now on; an addition writes its old one. */
static int base_value(struct injection *injection, const struct layer *layer)
{
    struct graph *graph = injection->graph;
    struct value base = graph->values[layer->y];
    char name[PARAM_NAME_BYTES];

    snprintf(name, sizeof name, "%s.base", layer->node->module);
    base.name = name;
    int id = graph_value_add(graph, &base);
    graph->nodes[layer->copy].values[layer->output] = id;
    return id;
}

/* What the last node writes is what `layer` wrote before. */
static void finish(struct injection *injection, const struct layer *layer, int written)
{
    struct graph *graph = injection->graph;

    if (written >= 0)
        graph->nodes[graph->n_nodes - 1].values[2] = layer->y; /* of add and columns_add alike */
    if (graph->status == STATUS_OK)
        graph->params[graph->values[layer->weight].param].is_trainable = false;
}

static void adapt_layer(struct injection *injection, const struct layer *layer)
{
    const char *module = layer->node->module;
    bool is_out_proj = text_ends_with(module, ".self_attention.out_proj");

    if (!pattern_matches(injection->pattern, module))
        return;
    if (is_out_proj && injection->settings->ignores_out_proj) {
        adapter_add_idle(injection, module, layer);
        finish(injection, layer, -1);
        return;
    }
    int64_t n_outputs = injection->graph->values[layer->weight].shape[0];
    int high = adapter_add(injection, module, layer, n_outputs);
    if (high >= 0)
        finish(injection, layer,
               graph_add(injection->graph, base_value(injection, layer), high, 1));
}

static void adapt_qkv(struct injection *injection, const struct layer *layer)
{
    struct graph *graph = injection->graph;
    int64_t n_outputs = graph->values[layer->weight].shape[0] / QKV_PARTS;
    char module[PARAM_NAME_BYTES];
    int sum = -1;

    for (int part = 0; part < QKV_PARTS; part++) {
        qkv_part_module(layer->node->module, part, module);
        if (!pattern_matches(injection->pattern, module))
            continue;
        int high = adapter_add(injection, module, layer, n_outputs);
        if (sum < 0 && high >= 0)
            sum = base_value(injection, layer);
        sum = graph_columns_add(graph, sum, high, part * n_outputs);
    }
    if (sum >= 0)
        finish(injection, layer, sum);
}

/* Appends a node of the old list, followed by its adapters when it is a target. */
static void copy_node(struct injection *injection, const struct graph_node *old)
{
    struct graph *graph = injection->graph;
    struct graph_node *node = graph_node_add(graph, old->kind, old->module);
    struct layer layer = {
        .node = old, .copy = graph->n_nodes - 1, .x = old->values[0], .weight = old->values[1]};

    if (node == NULL)
        return;
    *node = *old;
    if (old->kind != OP_conv2d_forward && old->kind != OP_linear_forward)
        return;
    layer.output = old->kind == OP_conv2d_forward ? 2 : 3;
    layer.y = old->values[layer.output];
    if (graph->params[graph->values[layer.weight].param].is_qkv)
        adapt_qkv(injection, &layer);
    else
        adapt_layer(injection, &layer);
}

static enum status check_settings(const struct lora_inject *settings)
{
    if (settings->lora_rank < 1)
        return fail(STATUS_BAD_CONFIG, "lora.rank must be at least 1, got %lld",
                    (long long)settings->lora_rank);
    if (!(settings->dropout >= 0 && settings->dropout < 1))
        return fail(STATUS_BAD_CONFIG, "lora.dropout must be in [0, 1), got %g", settings->dropout);
    return STATUS_OK;
}

enum status pass_lora_inject(struct graph *graph, const struct lora_inject *settings)
{
    enum status status = STATUS_OK;
    struct pattern *pattern = NULL;
    struct graph_node *old = NULL;
    struct injection injection = {.graph = graph, .settings = settings};

    TRY(graph_check(graph));
    TRY(check_settings(settings));
    TRY(pattern_create(settings->targets, &pattern));
    injection.pattern = pattern;
    int64_t n = graph->n_nodes;
    old = graph->nodes;
    graph->nodes = NULL;
    graph->n_nodes = graph->nodes_capacity = 0;
    for (int64_t i = 0; i < n; i++)
        copy_node(&injection, &old[i]);
    TRY(graph_check(graph));
    if (injection.n_adapters == 0)
        TRY(fail(STATUS_BAD_CONFIG,
                 "lora.targets '%s' matches no convolution or linear layer of the model",
                 settings->targets));
done:
    free(old);
    pattern_destroy(pattern);
    return status;
}
