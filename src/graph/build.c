/* Layers: each adds its parameters, its nodes and its output value to a graph. A builder that gets
 * the −1 of an earlier failure passes it on, so models are written without error handling. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 256 };

static int stick(struct graph *graph, enum status status)
{
    graph->status = status;
    return -1;
}

static bool has_failed(const struct graph *graph, int x)
{
    return graph->status != STATUS_OK || x < 0;
}

static int value_new(struct graph *graph, enum value_role role, const char *name,
                     const struct tensor *like)
{
    struct value value = {
        .name = name, .role = role, .dtype = like->dtype, .n_dims = like->n_dims, .param = -1};

    memcpy(value.shape, like->shape, sizeof value.shape);
    return graph_value_add(graph, &value);
}

static int same_shape(struct graph *graph, int x, const char *name)
{
    const struct value *value = &graph->values[x];
    struct tensor like = {.dtype = value->dtype, .n_dims = value->n_dims};

    memcpy(like.shape, value->shape, sizeof like.shape);
    return value_new(graph, VALUE_ACTIVATION, name, &like);
}

static struct tensor shape4(const struct graph *graph, int64_t n, int64_t h, int64_t w, int64_t c)
{
    return (struct tensor){.dtype = graph->settings.map, .n_dims = 4, .shape = {n, h, w, c}};
}

static struct tensor shape2(enum dtype dtype, int64_t n, int64_t c)
{
    return (struct tensor){.dtype = dtype, .n_dims = 2, .shape = {n, c}};
}

static struct tensor shape1(enum dtype dtype, int64_t n)
{
    return (struct tensor){.dtype = dtype, .n_dims = 1, .shape = {n}};
}

/* Adds "<module>.<suffix>"; `row` brings everything but the names. */
static int param_new(struct graph *graph, const char *module, const char *suffix, struct param row)
{
    char name[NAME_BYTES];
    int length = snprintf(name, sizeof name, "%s.%s", module, suffix);

    if (length >= (int)sizeof name)
        return stick(graph, fail(STATUS_BAD_CONFIG, "module name '%.40s…' is too long", module));
    row.name = name;
    row.module = module;
    row.is_trainable = !row.is_buffer;
    return graph_param_add(graph, &row);
}

static enum status want_dims(const struct graph *graph, const char *what, int x, int n_dims)
{
    if (graph->values[x].n_dims == n_dims)
        return STATUS_OK;
    return fail(STATUS_BAD_CONFIG, "%s expects %d dimensions, but '%s' has %d", what, n_dims,
                graph->values[x].name, graph->values[x].n_dims);
}

int graph_images(struct graph *graph)
{
    const struct graph_settings *s = &graph->settings;
    struct tensor table = {
        .dtype = DTYPE_U8, .n_dims = 4, .shape = {s->n_images, s->channels, s->height, s->width}};
    struct tensor table_labels = shape1(DTYPE_I32, s->n_images);
    struct tensor batch = shape1(DTYPE_I32, s->batch_size);
    struct tensor crops = {.dtype = DTYPE_I32, .n_dims = 2, .shape = {s->batch_size, 3}};
    struct tensor one = shape1(DTYPE_I32, 1);
    struct tensor centres = {.dtype = DTYPE_I32, .n_dims = 2, .shape = {s->batch_size, 2}};
    struct tensor share = shape1(DTYPE_F64, 1);
    struct tensor x = shape4(graph, s->batch_size, s->height, s->width, s->channels);

    graph->images = value_new(graph, VALUE_TABLE, "images", &table);
    graph->image_labels = value_new(graph, VALUE_TABLE, "image_labels", &table_labels);
    graph->indices = value_new(graph, VALUE_INPUT, "indices", &batch);
    if (s->is_augmented)
        graph->offsets = value_new(graph, VALUE_INPUT, "offsets", &crops);
    if (s->cutout > 0)
        graph->holes = value_new(graph, VALUE_INPUT, "holes", &centres);
    if (s->is_mixed)
        graph->mix = value_new(graph, VALUE_INPUT, "mix", &share);
    graph->epoch = value_new(graph, VALUE_INPUT, "epoch", &one);
    graph->x = value_new(graph, VALUE_ACTIVATION, "x", &x);
    graph->labels = value_new(graph, VALUE_ACTIVATION, "labels", &batch);
    if (s->is_mixed)
        graph->partner_labels = value_new(graph, VALUE_ACTIVATION, "partner_labels", &batch);
    struct graph_node *node = graph_node_add(graph, OP_image_gather, "");
    if (node == NULL)
        return -1;
    memcpy(node->values,
           (const int[]){graph->images, graph->image_labels, graph->indices, graph->offsets,
                         graph->x, graph->labels, graph->holes, graph->mix, graph->partner_labels},
           9 * sizeof(int));
    node->attributes.image_gather.hole = s->cutout;
    memcpy(node->attributes.image_gather.mean, s->mean, sizeof s->mean);
    memcpy(node->attributes.image_gather.std, s->std, sizeof s->std);
    return graph->x;
}

static enum status check_conv(const struct graph *graph, const char *module, int x,
                              const struct conv_settings *settings)
{
    enum status status = STATUS_OK;
    const int64_t *shape = graph->values[x].shape;

    TRY(want_dims(graph, module, x, 4));
    if (settings->n_outputs < 1 || settings->kernel < 1 || settings->stride < 1 ||
        settings->padding < 0)
        TRY(fail(STATUS_BAD_CONFIG,
                 "convolution '%s' has %lld outputs, kernel %d, stride %d, padding %d, expected at "
                 "least 1, 1, 1 and 0",
                 module, (long long)settings->n_outputs, settings->kernel, settings->stride,
                 settings->padding));
    if (shape[1] + 2 * settings->padding < settings->kernel ||
        shape[2] + 2 * settings->padding < settings->kernel)
        TRY(fail(STATUS_BAD_CONFIG, "convolution '%s': kernel %d does not fit a %lld × %lld map",
                 module, settings->kernel, (long long)shape[1], (long long)shape[2]));
done:
    return status;
}

int graph_conv2d(struct graph *graph, const char *module, int x,
                 const struct conv_settings *settings)
{
    if (has_failed(graph, x))
        return -1;
    enum status status = check_conv(graph, module, x, settings);
    if (status != STATUS_OK)
        return stick(graph, status);
    int64_t k = settings->kernel, n = graph->values[x].shape[0],
            channels = graph->values[x].shape[3];
    int64_t p = (graph->values[x].shape[1] + 2 * settings->padding - k) / settings->stride + 1;
    int64_t q = (graph->values[x].shape[2] + 2 * settings->padding - k) / settings->stride + 1;
    struct tensor y_shape = shape4(graph, n, p, q, settings->n_outputs);
    int weight = param_new(graph, module, "weight",
                           (struct param){.n_dims = 4,
                                          .shape = {settings->n_outputs, k, k, channels},
                                          .init = settings->init,
                                          .fan_in = channels * k * k,
                                          .is_conv = true,
                                          .is_factor = true});
    int y = value_new(graph, VALUE_ACTIVATION, module, &y_shape);
    struct graph_node *node = graph_node_add(graph, OP_conv2d_forward, module);
    if (node == NULL)
        return -1;
    memcpy(node->values, (const int[]){x, weight, y}, 3 * sizeof(int));
    node->attributes.conv2d_forward.factor = 1;
    node->attributes.conv2d_forward.stride = settings->stride;
    node->attributes.conv2d_forward.padding = settings->padding;
    return y;
}

static enum status check_linear(const struct graph *graph, const char *module, int x,
                                const struct linear_settings *settings)
{
    int n_dims = graph->values[x].n_dims;

    if (n_dims != 2 && n_dims != 3)
        return fail(STATUS_BAD_CONFIG,
                    "linear '%s' expects rows or tokens, but '%s' has %d dimensions", module,
                    graph->values[x].name, n_dims);
    if (settings->n_outputs < 1)
        return fail(STATUS_BAD_CONFIG, "linear '%s' has %lld outputs, expected at least 1", module,
                    (long long)settings->n_outputs);
    return STATUS_OK;
}

int graph_linear(struct graph *graph, const char *module, int x,
                 const struct linear_settings *settings)
{
    if (has_failed(graph, x))
        return -1;
    enum status status = check_linear(graph, module, x, settings);
    if (status != STATUS_OK)
        return stick(graph, status);
    const struct value *from = &graph->values[x];
    int64_t channels = from->shape[from->n_dims - 1];
    struct tensor y_shape = {.dtype = graph->settings.real, .n_dims = from->n_dims};
    memcpy(y_shape.shape, from->shape, sizeof y_shape.shape);
    y_shape.shape[from->n_dims - 1] = settings->n_outputs;
    int weight = param_new(graph, module, settings->is_qkv ? "in_proj_weight" : "weight",
                           (struct param){.n_dims = 2,
                                          .shape = {settings->n_outputs, channels},
                                          .init = settings->weight_init,
                                          .fan_in = channels,
                                          .is_factor = true,
                                          .is_qkv = settings->is_qkv});
    int bias = -1;
    if (!settings->has_no_bias)
        bias = param_new(graph, module, settings->is_qkv ? "in_proj_bias" : "bias",
                         (struct param){.n_dims = 1,
                                        .shape = {settings->n_outputs},
                                        .init = settings->bias_init,
                                        .fan_in = channels});
    int y = value_new(graph, VALUE_ACTIVATION, module, &y_shape);
    struct graph_node *node = graph_node_add(graph, OP_linear_forward, module);
    if (node == NULL)
        return -1;
    memcpy(node->values, (const int[]){x, weight, bias, y}, 4 * sizeof(int));
    return y;
}

static const double batch_norm_epsilon = 1e-5, batch_norm_momentum = 0.1; /* PyTorch's */

/* Adds the node that turns x into mean and variance and moves the running values. */
static bool statistics_add(struct graph *graph, const char *module, int x, int *mean, int *variance)
{
    char name[NAME_BYTES];
    int running_mean = *mean, running_variance = *variance;
    const struct value *value = &graph->values[x];
    struct tensor row = shape1(graph->settings.real, value->shape[value->n_dims - 1]);

    snprintf(name, sizeof name, "%s.mean", module);
    *mean = value_new(graph, VALUE_ACTIVATION, name, &row);
    snprintf(name, sizeof name, "%s.variance", module);
    *variance = value_new(graph, VALUE_ACTIVATION, name, &row);
    struct graph_node *node = graph_node_add(graph, OP_batch_norm_statistics, module);
    if (node == NULL)
        return false;
    memcpy(node->values, (const int[]){x, *mean, *variance, running_mean, running_variance},
           5 * sizeof(int));
    node->attributes.batch_norm_statistics.momentum =
        graph->settings.mode == GRAPH_STATISTICS ? 1 : batch_norm_momentum;
    return true;
}

static bool has_statistics(const struct graph_settings *settings)
{
    return settings->mode == GRAPH_STATISTICS ||
           (settings->mode == GRAPH_TRAIN && !settings->freezes_batch_norm);
}

int graph_batch_norm(struct graph *graph, const char *module, int x)
{
    if (has_failed(graph, x))
        return -1;
    struct param row = {.n_dims = 1,
                        .shape = {graph->values[x].shape[graph->values[x].n_dims - 1]}};
    row.init = INIT_ONE;
    int weight = param_new(graph, module, "weight", row);
    row.init = INIT_ZERO;
    int bias = param_new(graph, module, "bias", row);
    row.is_buffer = true;
    int mean = param_new(graph, module, "running_mean", row);
    row.init = INIT_ONE;
    int variance = param_new(graph, module, "running_var", row);
    if (graph->status != STATUS_OK)
        return -1;
    if (has_statistics(&graph->settings) && !statistics_add(graph, module, x, &mean, &variance))
        return -1;
    int y = same_shape(graph, x, module);
    struct graph_node *node = graph_node_add(graph, OP_batch_norm_apply, module);
    if (node == NULL)
        return -1;
    memcpy(node->values, (const int[]){x, mean, variance, weight, bias, y}, 6 * sizeof(int));
    node->attributes.batch_norm_apply.epsilon = batch_norm_epsilon;
    return y;
}

int graph_relu(struct graph *graph, int x)
{
    if (has_failed(graph, x))
        return -1;
    int y = same_shape(graph, x, "relu");
    struct graph_node *node = graph_node_add(graph, OP_relu_forward, "");
    if (node == NULL)
        return -1;
    memcpy(node->values, (const int[]){x, y}, 2 * sizeof(int));
    return y;
}

int graph_add(struct graph *graph, int a, int b, double factor)
{
    if (has_failed(graph, a) || b < 0)
        return -1;
    const struct value *left = &graph->values[a], *right = &graph->values[b];
    if (left->n_dims != right->n_dims ||
        memcmp(left->shape, right->shape, sizeof(int64_t) * (size_t)left->n_dims) != 0)
        return stick(graph, fail(STATUS_BAD_CONFIG, "cannot add '%s' and '%s': shapes differ",
                                 left->name, right->name));
    int y = same_shape(graph, a, "add");
    struct graph_node *node = graph_node_add(graph, OP_add, "");
    if (node == NULL)
        return -1;
    memcpy(node->values, (const int[]){a, b, y}, 3 * sizeof(int));
    node->attributes.add.factor = factor;
    return y;
}

int graph_global_average_pool(struct graph *graph, int x)
{
    if (has_failed(graph, x))
        return -1;
    int n_dims = graph->values[x].n_dims;
    enum status status = n_dims == 3 ? STATUS_OK : want_dims(graph, "global average pool", x, 4);
    if (status != STATUS_OK)
        return stick(graph, status);
    struct tensor y_shape =
        shape2(graph->settings.map, graph->values[x].shape[0], graph->values[x].shape[n_dims - 1]);
    int y = value_new(graph, VALUE_ACTIVATION, "pool", &y_shape);
    struct graph_node *node = graph_node_add(graph, OP_global_average_pool_forward, "");
    if (node == NULL)
        return -1;
    memcpy(node->values, (const int[]){x, y}, 2 * sizeof(int));
    return y;
}

int graph_shortcut_pad(struct graph *graph, int x, int64_t n_channels)
{
    if (has_failed(graph, x))
        return -1;
    enum status status = want_dims(graph, "option A shortcut", x, 4);
    const int64_t *shape = graph->values[x].shape;
    if (status == STATUS_OK && (n_channels < shape[3] || (n_channels - shape[3]) % 2 != 0))
        status = fail(STATUS_BAD_CONFIG, "option A shortcut cannot pad %lld to %lld channels",
                      (long long)shape[3], (long long)n_channels);
    if (status != STATUS_OK)
        return stick(graph, status);
    struct tensor y_shape =
        shape4(graph, shape[0], (shape[1] + 1) / 2, (shape[2] + 1) / 2, n_channels);
    int y = value_new(graph, VALUE_ACTIVATION, "shortcut", &y_shape);
    struct graph_node *node = graph_node_add(graph, OP_shortcut_pad_forward, "");
    if (node == NULL)
        return -1;
    memcpy(node->values, (const int[]){x, y}, 2 * sizeof(int));
    return y;
}

int graph_dropout(struct graph *graph, int x, double probability, uint32_t layer)
{
    if (has_failed(graph, x))
        return -1;
    if (!(probability >= 0 && probability < 1))
        return stick(graph,
                     fail(STATUS_BAD_CONFIG, "dropout must be in [0, 1), got %g", probability));
    int y = same_shape(graph, x, "dropout");
    struct graph_node *node = graph_node_add(graph, OP_dropout, "");
    if (node == NULL)
        return -1;
    memcpy(node->values, (const int[]){x, graph->indices, graph->epoch, y}, 4 * sizeof(int));
    node->attributes.dropout.probability = probability;
    node->attributes.dropout.seed = graph->settings.seed;
    node->attributes.dropout.layer = layer;
    return y;
}

/* Passes that come later add to the logits of this layer and leave what it reads as it is. */
static void mark_head(struct graph *graph)
{
    enum { X, WEIGHT, BIAS, Y };

    for (int64_t i = 0; i < graph->n_nodes; i++) {
        const struct graph_node *node = &graph->nodes[i];
        if (node->kind != OP_linear_forward || node->values[Y] != graph->logits)
            continue;
        graph->features = node->values[X];
        graph->head_weight = node->values[WEIGHT];
        graph->head_bias = node->values[BIAS];
    }
}

void graph_classifier_loss(struct graph *graph, int logits)
{
    if (has_failed(graph, logits))
        return;
    const struct value *value = &graph->values[logits];
    if (value->n_dims != 2 || value->shape[1] != graph->settings.n_classes) {
        graph->status = fail(STATUS_BAD_CONFIG, "logits '%s' must be [N, %lld]", value->name,
                             (long long)graph->settings.n_classes);
        return;
    }
    struct tensor one = shape1(graph->settings.real, 1);
    struct tensor rows = shape1(graph->settings.real, graph->settings.batch_size);
    graph->logits = logits;
    mark_head(graph);
    graph->loss = value_new(graph, VALUE_ACTIVATION, "loss", &one);
    graph->sample_loss = value_new(graph, VALUE_ACTIVATION, "sample_loss", &rows);
    struct graph_node *node = graph_node_add(graph, OP_softmax_cross_entropy, "");
    if (node == NULL)
        return;
    memcpy(node->values,
           (const int[]){logits, graph->labels, graph->loss, -1, graph->sample_loss,
                         graph->partner_labels, graph->mix},
           7 * sizeof(int));
    node->attributes.softmax_cross_entropy.smoothing = graph->settings.label_smoothing;
    node->attributes.softmax_cross_entropy.weight =
        graph->settings.loss_weight != 0 ? graph->settings.loss_weight : 1;
}
