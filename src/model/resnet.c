/* CIFAR ResNets: 3 × 3 stem without max-pool, global average pool, no convolution has a bias.
 * option A: He et al., arXiv:1512.03385 §4.2 (16-32-64 channels, parameter-free shortcuts).
 * resnet18 … 152: the ImageNet block counts on 64-128-256-512 channels, projection shortcuts; the
 * bottleneck's stride is on its 3 × 3 convolution. */
#include "model/resnet.h"

#include <stdio.h>

enum { NAME_BYTES = 64 };

struct residual_block {
    char name[NAME_BYTES]; /* "layer1.0" */
    int64_t n_planes, n_outputs;
    int stride;
    enum init_kind init;
};

static int convolution(struct graph *graph, const struct residual_block *block, const char *suffix,
                       int x, struct conv_settings settings)
{
    char module[2 * NAME_BYTES];

    settings.init = block->init;
    snprintf(module, sizeof module, "%s.%s", block->name, suffix);
    return graph_conv2d(graph, module, x, &settings);
}

static int normalisation(struct graph *graph, const struct residual_block *block,
                         const char *suffix, int x)
{
    char module[2 * NAME_BYTES];

    snprintf(module, sizeof module, "%s.%s", block->name, suffix);
    return graph_batch_norm(graph, module, x);
}

static int64_t channels_of(const struct graph *graph, int x)
{
    return x >= 0 ? graph->values[x].shape[3] : 0;
}

static int basic_branch(struct graph *graph, const struct residual_block *block, int x)
{
    struct conv_settings first = {
        .n_outputs = block->n_planes, .kernel = 3, .stride = block->stride, .padding = 1};
    struct conv_settings second = {
        .n_outputs = block->n_planes, .kernel = 3, .stride = 1, .padding = 1};

    x = convolution(graph, block, "conv1", x, first);
    x = graph_relu(graph, normalisation(graph, block, "bn1", x));
    x = convolution(graph, block, "conv2", x, second);
    return normalisation(graph, block, "bn2", x);
}

static int bottleneck_branch(struct graph *graph, const struct residual_block *block, int x)
{
    struct conv_settings reduce = {.n_outputs = block->n_planes, .kernel = 1, .stride = 1};
    struct conv_settings spatial = {
        .n_outputs = block->n_planes, .kernel = 3, .stride = block->stride, .padding = 1};
    struct conv_settings expand = {.n_outputs = block->n_outputs, .kernel = 1, .stride = 1};

    x = convolution(graph, block, "conv1", x, reduce);
    x = graph_relu(graph, normalisation(graph, block, "bn1", x));
    x = convolution(graph, block, "conv2", x, spatial);
    x = graph_relu(graph, normalisation(graph, block, "bn2", x));
    x = convolution(graph, block, "conv3", x, expand);
    return normalisation(graph, block, "bn3", x);
}

static int projection(struct graph *graph, const struct residual_block *block, int x)
{
    struct conv_settings settings = {
        .n_outputs = block->n_outputs, .kernel = 1, .stride = block->stride};

    if (block->stride == 1 && channels_of(graph, x) == block->n_outputs)
        return x;
    x = convolution(graph, block, "shortcut.0", x, settings);
    return normalisation(graph, block, "shortcut.1", x);
}

static int option_a(struct graph *graph, const struct residual_block *block, int x)
{
    if (block->stride == 1 && channels_of(graph, x) == block->n_outputs)
        return x;
    return graph_shortcut_pad(graph, x, block->n_outputs);
}

static int stem(struct graph *graph, int64_t n_outputs, enum init_kind init)
{
    struct conv_settings settings = {
        .n_outputs = n_outputs, .kernel = 3, .stride = 1, .padding = 1, .init = init};
    int x = graph_conv2d(graph, "conv1", graph_images(graph), &settings);

    return graph_relu(graph, graph_batch_norm(graph, "bn1", x));
}

static void head(struct graph *graph, int x, enum init_kind init)
{
    struct linear_settings settings = {.n_outputs = graph->settings.n_classes,
                                       .weight_init = init,
                                       .bias_init = INIT_UNIFORM_FAN_IN};

    graph_classifier_loss(
        graph, graph_linear(graph, "linear", graph_global_average_pool(graph, x), &settings));
}

static void begin_block(struct residual_block *block, int stage, int i)
{
    snprintf(block->name, sizeof block->name, "layer%d.%d", stage + 1, i);
    block->stride = stage > 0 && i == 0 ? 2 : 1;
}

void resnet_option_a_build(struct graph *graph, const struct architecture *self)
{
    int x = stem(graph, 16, INIT_NORMAL_FAN_IN);

    for (int stage = 0; stage < self->n_stages; stage++)
        for (int i = 0; i < self->depths[stage]; i++) {
            struct residual_block block = {
                .n_planes = 16 << stage, .n_outputs = 16 << stage, .init = INIT_NORMAL_FAN_IN};
            begin_block(&block, stage, i);
            int branch = basic_branch(graph, &block, x);
            x = graph_relu(graph, graph_add(graph, branch, option_a(graph, &block, x), 1));
        }
    head(graph, x, INIT_NORMAL_FAN_IN);
}

void resnet_build(struct graph *graph, const struct architecture *self)
{
    int x = stem(graph, 64, INIT_UNIFORM_FAN_IN);

    for (int stage = 0; stage < self->n_stages; stage++)
        for (int i = 0; i < self->depths[stage]; i++) {
            struct residual_block block = {.n_planes = 64 << stage,
                                           .n_outputs = (self->is_bottleneck ? 256 : 64) << stage,
                                           .init = INIT_UNIFORM_FAN_IN};
            begin_block(&block, stage, i);
            int branch = self->is_bottleneck ? bottleneck_branch(graph, &block, x)
                                             : basic_branch(graph, &block, x);
            x = graph_relu(graph, graph_add(graph, branch, projection(graph, &block, x), 1));
        }
    head(graph, x, INIT_UNIFORM_FAN_IN);
}
