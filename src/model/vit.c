/* Vision transformer (Dosovitskiy et al., arXiv:2010.11929) in its simple form (Beyer et al.,
 * arXiv:2205.01580): patches, a fixed position, pre-norm blocks, the mean over tokens and one
 * linear head; no class token, no dropout. */
#include "model/vit.h"

#include <stdio.h>

enum { NAME_BYTES = 128 };

struct encoder_block {
    char name[NAME_BYTES]; /* "encoder.layers.encoder_layer_0" */
    struct vit_shape shape;
};

static enum status check_shape(const struct graph_settings *settings, const struct vit_shape *shape)
{
    if (shape->patch < 1 || shape->layers < 1 || shape->heads < 1 || shape->mlp < 1)
        return fail(STATUS_BAD_CONFIG,
                    "model.vit: patch, layers, heads and mlp must be at least 1");
    if (settings->height % shape->patch != 0 || settings->width % shape->patch != 0)
        return fail(STATUS_BAD_CONFIG,
                    "model.vit.patch is %lld, which does not divide images of %lld × %lld pixels",
                    (long long)shape->patch, (long long)settings->height,
                    (long long)settings->width);
    if (shape->width < 8 || shape->width % 4 != 0)
        return fail(STATUS_BAD_CONFIG,
                    "model.vit.width must be a multiple of 4 and at least 8, got %lld",
                    (long long)shape->width);
    if (shape->width % shape->heads != 0)
        return fail(STATUS_BAD_CONFIG,
                    "model.vit.width must be a multiple of model.vit.heads, got %lld and %lld",
                    (long long)shape->width, (long long)shape->heads);
    return STATUS_OK;
}

static int linear(struct graph *graph, const struct encoder_block *block, const char *suffix, int x,
                  struct linear_settings settings)
{
    char module[2 * NAME_BYTES];

    snprintf(module, sizeof module, "%s.%s", block->name, suffix);
    return graph_linear(graph, module, x, &settings);
}

static int normalisation(struct graph *graph, const struct encoder_block *block, const char *suffix,
                         int x)
{
    char module[2 * NAME_BYTES];

    snprintf(module, sizeof module, "%s.%s", block->name, suffix);
    return graph_layer_norm(graph, module, x);
}

static int attention_branch(struct graph *graph, const struct encoder_block *block, int x)
{
    const struct linear_settings in = {.n_outputs = 3 * block->shape.width,
                                       .weight_init = INIT_UNIFORM_VARIANCE,
                                       .bias_init = INIT_ZERO,
                                       .is_qkv = true};
    const struct linear_settings out = {.n_outputs = block->shape.width,
                                        .weight_init = INIT_UNIFORM_VARIANCE,
                                        .bias_init = INIT_ZERO};

    x = normalisation(graph, block, "ln_1", x);
    x = linear(graph, block, "self_attention", x, in);
    x = graph_attention(graph, x, block->shape.heads);
    return linear(graph, block, "self_attention.out_proj", x, out);
}

static int perceptron_branch(struct graph *graph, const struct encoder_block *block, int x)
{
    struct linear_settings settings = {
        .n_outputs = block->shape.mlp, .weight_init = INIT_XAVIER, .bias_init = INIT_NORMAL_TINY};

    x = normalisation(graph, block, "ln_2", x);
    x = graph_gelu(graph, linear(graph, block, "mlp.0", x, settings));
    settings.n_outputs = block->shape.width;
    return linear(graph, block, "mlp.3", x, settings);
}

static int patches(struct graph *graph, const struct vit_shape *shape)
{
    const struct conv_settings settings = {.n_outputs = shape->width,
                                           .kernel = (int)shape->patch,
                                           .stride = (int)shape->patch,
                                           .init = INIT_TRUNCATED_NORMAL};
    int x = graph_conv2d(graph, "conv_proj", graph_images(graph), &settings);

    return graph_patch_tokens(graph, "conv_proj", x);
}

void vit_build(struct graph *graph, const struct architecture *self)
{
    const struct vit_shape *shape =
        graph->settings.vit.layers > 0 ? &graph->settings.vit : &self->vit;
    const struct linear_settings head = {
        .n_outputs = graph->settings.n_classes, .weight_init = INIT_ZERO, .bias_init = INIT_ZERO};

    graph->status = check_shape(&graph->settings, shape);
    if (graph->status != STATUS_OK)
        return;
    int x = patches(graph, shape);
    for (int64_t i = 0; i < shape->layers; i++) {
        struct encoder_block block = {.shape = *shape};
        snprintf(block.name, sizeof block.name, "encoder.layers.encoder_layer_%lld", (long long)i);
        x = graph_add(graph, x, attention_branch(graph, &block, x), 1);
        x = graph_add(graph, x, perceptron_branch(graph, &block, x), 1);
    }
    x = graph_layer_norm(graph, "encoder.ln", x);
    x = graph_global_average_pool(graph, x);
    graph_classifier_loss(graph, graph_linear(graph, "heads.head", x, &head));
}
