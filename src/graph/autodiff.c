/* Pass `autodiff`: reverse-mode differentiation, one rule per forward operation. Walks the forward
 * nodes backwards; each rule turns the gradient of a node's output into gradients of those inputs
 * that a trainable parameter needs, and nothing else. */
#include "graph/passes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 256 };

struct autodiff {
    struct graph *graph;
    bool *needs;   /* [n forward values] does a trainable parameter lie above? */
    int *gradient; /* [n forward values] gradient summed so far, −1 = none yet */
    int64_t node;  /* the forward node whose rule is at work */
};

struct rule {
    void (*emit)(struct autodiff *ad, const struct graph_node *node, int d_y);
    int y;            /* the output whose gradient the rule starts from */
    bool is_constant; /* its outputs count as constants */
};

/* ---- what rules are written with ---- */

static int gradient_new(struct autodiff *ad, int of)
{
    const struct value *value = &ad->graph->values[of];
    struct value gradient = *value;
    char name[NAME_BYTES];

    snprintf(name, sizeof name, "d_%s", value->name);
    gradient.name = name;
    gradient.role = VALUE_GRADIENT;
    gradient.dtype = value->param >= 0 ? ad->graph->settings.real : ad->graph->settings.map;
    gradient.param = -1;
    return graph_value_add(ad->graph, &gradient);
}

static bool is_trained(const struct autodiff *ad, int v)
{
    const struct value *value = v >= 0 ? &ad->graph->values[v] : NULL;

    return value != NULL && value->role == VALUE_PARAMETER &&
           ad->graph->params[value->param].is_trainable;
}

/* Where a rule writes the gradient of parameter v: the flat gradient when it trains, scratch when
 * it is frozen but the operation must write it all the same. */
static int param_gradient(struct autodiff *ad, int v)
{
    int d_v = gradient_new(ad, v);

    if (d_v < 0 || !is_trained(ad, v))
        return d_v;
    if (ad->gradient[v] >= 0) {
        ad->graph->status = fail(STATUS_UNSUPPORTED,
                                 "parameter '%s' is used by two layers: sharing is not supported",
                                 ad->graph->values[v].name);
        return -1;
    }
    ad->graph->values[d_v].param = ad->graph->values[v].param;
    ad->gradient[v] = d_v;
    return d_v;
}

static struct graph_node *emit(struct autodiff *ad, enum op_kind kind, const char *module,
                               const int values[OP_MAX_TENSORS])
{
    struct graph_node *node = graph_node_add(ad->graph, kind, module);

    if (node == NULL)
        return NULL;
    node->part = PART_BACKWARD;
    memcpy(node->values, values, (size_t)op_info(kind)->n_tensors * sizeof *values);
    return node;
}

/* Adds d to the gradient of x; several consumers of x make several calls. */
static void contribute(struct autodiff *ad, int x, int d)
{
    int before = ad->gradient[x];

    ad->gradient[x] = d;
    if (before < 0)
        return;
    int sum = gradient_new(ad, x);
    struct graph_node *node = emit(ad, OP_add, "", (const int[OP_MAX_TENSORS]){before, d, sum});
    if (node != NULL)
        node->attributes.add.factor = 1;
    ad->gradient[x] = sum;
}

/* ---- the rules ---- */

static void conv2d_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int x = node->values[0], weight = node->values[1];
    const struct conv2d_forward *forward = &node->attributes.conv2d_forward;
    struct graph_node *added;

    if (node->values[3] >= 0 || forward->factor != 1) {
        ad->graph->status = fail(STATUS_UNSUPPORTED,
                                 "convolution '%s' is fused: differentiate first", node->module);
        return;
    }
    if (is_trained(ad, weight)) {
        int d_weight = param_gradient(ad, weight);
        added = emit(ad, OP_conv2d_backward_weight, node->module,
                     (const int[OP_MAX_TENSORS]){x, d_y, d_weight});
        if (added == NULL)
            return;
        added->attributes.conv2d_backward_weight.factor = 1;
        added->attributes.conv2d_backward_weight.stride = forward->stride;
        added->attributes.conv2d_backward_weight.padding = forward->padding;
    }
    if (!ad->needs[x])
        return;
    int d_x = gradient_new(ad, x);
    added = emit(ad, OP_conv2d_backward_data, node->module,
                 (const int[OP_MAX_TENSORS]){d_y, weight, d_x});
    if (added == NULL)
        return;
    added->attributes.conv2d_backward_data.factor = 1;
    added->attributes.conv2d_backward_data.stride = forward->stride;
    added->attributes.conv2d_backward_data.padding = forward->padding;
    contribute(ad, x, d_x);
}

static void linear_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int x = node->values[0], weight = node->values[1], bias = node->values[2];

    if (is_trained(ad, weight) || is_trained(ad, bias)) {
        int d_weight = param_gradient(ad, weight);
        int d_bias = is_trained(ad, bias) ? param_gradient(ad, bias) : -1;
        emit(ad, OP_linear_backward_weight, node->module,
             (const int[OP_MAX_TENSORS]){x, d_y, d_weight, d_bias});
    }
    if (!ad->needs[x])
        return;
    int d_x = gradient_new(ad, x);
    emit(ad, OP_linear_backward_data, node->module, (const int[OP_MAX_TENSORS]){d_y, weight, d_x});
    contribute(ad, x, d_x);
}

/* Stands for both forward parts. Statistics of the batch depend on x, so d_x needs the two sums
 * even when the affine is frozen; running values are constants. */
static void batch_norm_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int x = node->values[0], mean = node->values[1], variance = node->values[2];
    int weight = node->values[3], bias = node->values[4], d_weight = -1, d_bias = -1;
    bool is_constant = ad->graph->values[mean].role == VALUE_BUFFER;
    struct graph_node *added;

    if (node->attributes.batch_norm_apply.has_relu || node->values[6] >= 0) {
        ad->graph->status =
            fail(STATUS_UNSUPPORTED, "batch norm '%s' is fused: differentiate first", node->module);
        return;
    }
    if (is_trained(ad, weight) || is_trained(ad, bias) || (ad->needs[x] && !is_constant)) {
        d_weight = param_gradient(ad, weight);
        d_bias = param_gradient(ad, bias);
        added =
            emit(ad, OP_batch_norm_gradient_sums, node->module,
                 (const int[OP_MAX_TENSORS]){x, d_y, mean, variance, d_weight, d_bias, -1, -1, -1});
        if (added == NULL)
            return;
        added->attributes.batch_norm_gradient_sums.epsilon =
            node->attributes.batch_norm_apply.epsilon;
    }
    if (!ad->needs[x])
        return;
    int d_x = gradient_new(ad, x);
    if (is_constant)
        d_weight = d_bias = -1;
    added =
        emit(ad, OP_batch_norm_gradient_apply, node->module,
             (const int[OP_MAX_TENSORS]){x, d_y, mean, variance, weight, d_weight, d_bias, d_x});
    if (added == NULL)
        return;
    added->attributes.batch_norm_gradient_apply.epsilon = node->attributes.batch_norm_apply.epsilon;
    contribute(ad, x, d_x);
}

static void relu_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int d_x = gradient_new(ad, node->values[0]);

    emit(ad, OP_relu_backward, node->module,
         (const int[OP_MAX_TENSORS]){node->values[1], d_y, d_x});
    contribute(ad, node->values[0], d_x);
}

/* factor·d_y, or d_y itself: a gradient may have several readers, the memory plan knows. */
static int scaled(struct autodiff *ad, int d_y, int like, double factor)
{
    if (factor == 1)
        return d_y;
    int d_x = gradient_new(ad, like);
    struct graph_node *node = emit(ad, OP_scale, "", (const int[OP_MAX_TENSORS]){d_y, d_x});
    if (node != NULL)
        node->attributes.scale.factor = factor;
    return d_x;
}

static void add_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int a = node->values[0], b = node->values[1];

    if (ad->needs[a])
        contribute(ad, a, d_y);
    if (ad->needs[b])
        contribute(ad, b, scaled(ad, d_y, b, node->attributes.add.factor));
}

static void scale_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    contribute(ad, node->values[0],
               scaled(ad, d_y, node->values[0], node->attributes.scale.factor));
}

static void pool_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int d_x = gradient_new(ad, node->values[0]);

    emit(ad, OP_global_average_pool_backward, node->module, (const int[OP_MAX_TENSORS]){d_y, d_x});
    contribute(ad, node->values[0], d_x);
}

static void shortcut_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int d_x = gradient_new(ad, node->values[0]);

    emit(ad, OP_shortcut_pad_backward, node->module, (const int[OP_MAX_TENSORS]){d_y, d_x});
    contribute(ad, node->values[0], d_x);
}

/* The same mask again: it is a function of seed, layer, epoch, image and element alone. */
static void dropout_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int d_x = gradient_new(ad, node->values[0]);
    struct graph_node *added =
        emit(ad, OP_dropout, node->module,
             (const int[OP_MAX_TENSORS]){d_y, node->values[1], node->values[2], d_x});

    if (added == NULL)
        return;
    added->attributes.dropout.probability = node->attributes.dropout.probability;
    added->attributes.dropout.seed = node->attributes.dropout.seed;
    added->attributes.dropout.layer = node->attributes.dropout.layer;
    contribute(ad, node->values[0], d_x);
}

/* A value that the forward node at work writes for its gradient alone. */
static int saved_new(struct autodiff *ad, int t, const char *what, const struct value *like)
{
    struct value value = *like;
    char name[NAME_BYTES];

    snprintf(name, sizeof name, "%s.%s", ad->graph->nodes[ad->node].module, what);
    value.name = name;
    value.role = VALUE_ACTIVATION;
    value.param = -1;
    int id = graph_value_add(ad->graph, &value);
    ad->graph->nodes[ad->node].values[t] = id;
    return id;
}

static void patch_tokens_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int x = node->values[0], bias = node->values[1];
    int d_x = ad->needs[x] ? gradient_new(ad, x) : -1;
    int d_bias = is_trained(ad, bias) ? param_gradient(ad, bias) : -1;

    emit(ad, OP_patch_tokens_backward, node->module, (const int[OP_MAX_TENSORS]){d_y, d_x, d_bias});
    if (d_x >= 0)
        contribute(ad, x, d_x);
}

static void layer_norm_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int x = node->values[0], weight = node->values[1], bias = node->values[2];
    int d_x = -1, d_weight = -1, d_bias = -1;
    struct value row = ad->graph->values[x];

    if (node->values[6] >= 0) {
        ad->graph->status =
            fail(STATUS_UNSUPPORTED, "layer norm '%s' is fused: differentiate first", node->module);
        return;
    }
    row.n_dims--;
    int mean = saved_new(ad, 4, "mean", &row);
    int inverse_deviation = saved_new(ad, 5, "inverse_deviation", &row);
    if (is_trained(ad, weight) || is_trained(ad, bias)) {
        d_weight = param_gradient(ad, weight);
        d_bias = param_gradient(ad, bias);
    }
    if (ad->needs[x])
        d_x = gradient_new(ad, x);
    emit(ad, OP_layer_norm_backward, node->module,
         (const int[OP_MAX_TENSORS]){x, d_y, mean, inverse_deviation, weight, d_x, d_weight, d_bias,
                                     -1});
    if (d_x >= 0)
        contribute(ad, x, d_x);
}

static void gelu_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int d_x = gradient_new(ad, node->values[0]);

    emit(ad, OP_gelu_backward, node->module,
         (const int[OP_MAX_TENSORS]){node->values[0], d_y, d_x});
    contribute(ad, node->values[0], d_x);
}

static void attention_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int qkv = node->values[0], n_heads = node->attributes.attention_forward.n_heads;
    struct value pairs = ad->graph->values[qkv];
    int64_t n_tokens = pairs.shape[1];

    pairs.n_dims = 4;
    pairs.shape[1] = n_heads;
    pairs.shape[2] = pairs.shape[3] = n_tokens;
    int probabilities = saved_new(ad, 2, "probabilities", &pairs);
    int d_qkv = gradient_new(ad, qkv);
    struct graph_node *added = emit(ad, OP_attention_backward, node->module,
                                    (const int[OP_MAX_TENSORS]){qkv, probabilities, d_y, d_qkv});
    if (added == NULL)
        return;
    added->attributes.attention_backward.n_heads = n_heads;
    contribute(ad, qkv, d_qkv);
}

static void columns_add_rule(struct autodiff *ad, const struct graph_node *node, int d_y)
{
    int x = node->values[0], part = node->values[1];

    if (ad->needs[part]) {
        int d_part = gradient_new(ad, part);
        struct graph_node *added =
            emit(ad, OP_columns_take, node->module, (const int[OP_MAX_TENSORS]){d_y, d_part});
        if (added == NULL)
            return;
        added->attributes.columns_take.first = node->attributes.columns_add.first;
        contribute(ad, part, d_part);
    }
    if (ad->needs[x])
        contribute(ad, x, d_y);
}

static const struct rule rules[N_OP_KINDS] = {
    [OP_image_gather] = {.is_constant = true},
    [OP_conv2d_forward] = {.emit = conv2d_rule, .y = 2},
    [OP_linear_forward] = {.emit = linear_rule, .y = 3},
    [OP_batch_norm_statistics] = {.is_constant = true}, /* batch_norm_rule answers for it */
    [OP_batch_norm_apply] = {.emit = batch_norm_rule, .y = 5},
    [OP_relu_forward] = {.emit = relu_rule, .y = 1},
    [OP_add] = {.emit = add_rule, .y = 2},
    [OP_scale] = {.emit = scale_rule, .y = 1},
    [OP_global_average_pool_forward] = {.emit = pool_rule, .y = 1},
    [OP_shortcut_pad_forward] = {.emit = shortcut_rule, .y = 1},
    [OP_dropout] = {.emit = dropout_rule, .y = 3},
    [OP_patch_tokens_forward] = {.emit = patch_tokens_rule, .y = 3},
    [OP_layer_norm_forward] = {.emit = layer_norm_rule, .y = 3},
    [OP_gelu_forward] = {.emit = gelu_rule, .y = 1},
    [OP_attention_forward] = {.emit = attention_rule, .y = 1},
    [OP_columns_add] = {.emit = columns_add_rule, .y = 2},
    [OP_softmax_cross_entropy] = {.is_constant = true}, /* writes d_logits itself: loss_begin */
};

/* ---- the walk ---- */

static void mark_needs(struct autodiff *ad, int64_t n_nodes)
{
    const struct graph *graph = ad->graph;

    for (int64_t v = 0; v < graph->n_values; v++)
        ad->needs[v] = is_trained(ad, (int)v);
    for (int64_t i = 0; i < n_nodes; i++) {
        const struct graph_node *node = &graph->nodes[i];
        const struct op_info *info = op_info(node->kind);
        bool needs = false;
        for (int t = 0; t < info->n_tensors; t++)
            needs |= node->values[t] >= 0 && info->tensors[t].access == ACCESS_READ &&
                     ad->needs[node->values[t]];
        if (needs && rules[node->kind].emit != NULL)
            ad->needs[node->values[rules[node->kind].y]] = true;
    }
}

/* The loss node writes the first gradient in the same pass that computes the loss. */
static enum status loss_begin(struct autodiff *ad)
{
    struct graph *graph = ad->graph;

    if (graph->loss < 0)
        return fail(STATUS_BAD_CONFIG, "the graph has no loss to differentiate");
    assert(graph->d_logits < 0);
    if (!ad->needs[graph->logits])
        return fail(STATUS_BAD_CONFIG, "no trainable parameter reaches the loss");
    int d_logits = gradient_new(ad, graph->logits);
    for (int64_t i = 0; d_logits >= 0 && i < graph->n_nodes; i++)
        if (graph->nodes[i].kind == OP_softmax_cross_entropy &&
            graph->nodes[i].values[2] == graph->loss)
            graph->nodes[i].values[3] = d_logits;
    graph->d_logits = d_logits;
    ad->gradient[graph->logits] = d_logits;
    return graph->status;
}

static enum status backward_emit(struct autodiff *ad, int64_t i)
{
    struct graph_node node = ad->graph->nodes[i]; /* a copy: emitting moves the array */
    const struct rule *rule = &rules[node.kind];

    if (rule->is_constant)
        return STATUS_OK;
    if (rule->emit == NULL)
        return fail(STATUS_UNSUPPORTED, "operation %s has no gradient rule",
                    op_info(node.kind)->name);
    int y = node.values[rule->y];
    ad->node = i;
    if (ad->needs[y] && ad->gradient[y] >= 0)
        rule->emit(ad, &node, ad->gradient[y]);
    return ad->graph->status;
}

enum status pass_autodiff(struct graph *graph)
{
    enum status status = STATUS_OK;
    struct autodiff ad = {.graph = graph};
    int64_t n_forward = graph->n_nodes;

    TRY(graph_check(graph));
    TRY_ALLOC(ad.needs, heap_alloc(graph->n_values, sizeof *ad.needs));
    TRY_ALLOC(ad.gradient, heap_alloc(graph->n_values, sizeof *ad.gradient));
    for (int64_t v = 0; v < graph->n_values; v++)
        ad.gradient[v] = -1;
    mark_needs(&ad, n_forward);
    TRY(loss_begin(&ad));
    for (int64_t i = n_forward - 1; i >= 0; i--)
        TRY(backward_emit(&ad, i));
    TRY(graph_check(graph));
done:
    free(ad.needs);
    free(ad.gradient);
    return status;
}
