/* Pass `lora_inject`: y = W⋆x becomes y = W⋆x + B⋆(alpha/rank · (A⋆dropout(x))) for every matching
 * convolution (Hu et al., arXiv:2106.09685). The sum takes over the convolution's old output value,
 * so its readers need no rewriting. */
#include "graph/passes.h"
#include "graph/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 256 };

struct injection {
    struct graph *graph;
    const struct lora_inject *settings;
    uint32_t n_adapters;
};

/* factor·x, or x itself. */
static int scaled(struct graph *graph, int x, double factor)
{
    if (x < 0 || factor == 1)
        return x;
    struct value value = graph->values[x];
    int y = graph_value_add(graph, &value);
    struct node *node = graph_node_add(graph, OP_scale, "");
    if (node == NULL)
        return -1;
    node->values[0] = x;
    node->values[1] = y;
    node->attributes.scale.factor = factor;
    return y;
}

/* Adapter nodes are built at the end of the graph by the same builders as every layer; the sum
 * writes `y`, the value the convolution wrote before. alpha/rank multiplies the few channels
 * between A and B: behind B it would cost a pass over all of them, forward and backward. */
static void adapter_add(struct injection *injection, int x, int y, const struct node *conv)
{
    struct graph *graph = injection->graph;
    const struct lora_inject *settings = injection->settings;
    const int64_t *weight = graph->values[conv->values[1]].shape;
    char name[NAME_BYTES];
    struct conv_settings down = {.n_outputs = settings->lora_rank,
                                 .kernel = (int)weight[1],
                                 .stride = conv->attributes.conv2d_forward.stride,
                                 .padding = conv->attributes.conv2d_forward.padding,
                                 .init = INIT_UNIFORM_FAN_IN};
    struct conv_settings up = {
        .n_outputs = weight[0], .kernel = 1, .stride = 1, .padding = 0, .init = INIT_ZERO};
    struct value base = graph->values[y];

    if (graph->settings.mode == GRAPH_TRAIN && settings->dropout > 0)
        x = graph_dropout(graph, x, settings->dropout, injection->n_adapters);
    snprintf(name, sizeof name, "%s.lora_A", conv->module);
    int low = scaled(graph, graph_conv2d(graph, name, x, &down),
                     settings->alpha / (double)settings->lora_rank);
    snprintf(name, sizeof name, "%s.lora_B", conv->module);
    int high = graph_conv2d(graph, name, low, &up);
    snprintf(name, sizeof name, "%s.base", conv->module);
    base.name = name;
    int base_y = graph_value_add(graph, &base);
    struct node *sum = graph_node_add(graph, OP_add, conv->module);
    if (sum == NULL)
        return;
    memcpy(sum->values, (const int[]){base_y, high, y}, 3 * sizeof(int));
    sum->attributes.add.factor = 1;
    injection->n_adapters++;
}

/* Appends node `i` of the old list, followed by its adapter when it is a target. */
static void copy_node(struct injection *injection, const struct node *old,
                      const struct pattern *pattern)
{
    struct graph *graph = injection->graph;
    struct node *node = graph_node_add(graph, old->kind, old->module);

    if (node == NULL)
        return;
    *node = *old;
    if (old->kind != OP_conv2d_forward || !pattern_matches(pattern, old->module))
        return;
    int64_t copy = graph->n_nodes - 1;
    adapter_add(injection, old->values[0], old->values[2], old);
    if (graph->status != STATUS_OK)
        return;
    graph->nodes[copy].values[2] = graph->nodes[graph->n_nodes - 1].values[0];
    graph->params[graph->values[old->values[1]].param].is_trainable = false;
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
    struct node *old = NULL;
    struct injection injection = {.graph = graph, .settings = settings};

    TRY(graph_check(graph));
    TRY(check_settings(settings));
    TRY(pattern_create(settings->targets, &pattern));
    int64_t n = graph->n_nodes;
    old = graph->nodes;
    graph->nodes = NULL;
    graph->n_nodes = graph->nodes_capacity = 0;
    for (int64_t i = 0; i < n; i++)
        copy_node(&injection, &old[i], pattern);
    TRY(graph_check(graph));
    if (injection.n_adapters == 0)
        TRY(fail(STATUS_BAD_CONFIG, "lora.targets '%s' matches no convolution of the model",
                 settings->targets));
done:
    free(old);
    pattern_destroy(pattern);
    return status;
}
