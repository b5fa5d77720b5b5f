/* The table of architectures: adding one is a builder and a row here. */
#include "model/model.h"

#include "model/resnet.h"
#include "model/vit.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_CONVOLUTIONS "layer[0-9]+\\.[0-9]+\\.conv[123]"

/* OPTION_A: n blocks of two convolutions per stage, 6n + 2 layers. */
#define OPTION_A(label, n)                                                                         \
    {                                                                                              \
        .name = label, .lora_targets = BLOCK_CONVOLUTIONS, .head = "linear",                       \
        .has_batch_norm = true, .base_recipe = "resnet_option_a", .build = resnet_option_a_build,  \
        .depths = {n, n, n}, .n_stages = 3                                                         \
    }
#define RESNET(label, bottleneck, ...)                                                             \
    {                                                                                              \
        .name = label, .lora_targets = BLOCK_CONVOLUTIONS, .head = "linear",                       \
        .has_batch_norm = true, .base_recipe = "resnet", .build = resnet_build,                    \
        .depths = {__VA_ARGS__}, .n_stages = 4, .is_bottleneck = bottleneck                        \
    }

#define LAST_PROJECTION "encoder\\.layers\\.encoder_layer_@\\.self_attention\\.out_proj"
#define VIT_HEAD "heads\\.head"

static const struct architecture table[] = {
    OPTION_A("resnet20", 3),
    OPTION_A("resnet32", 5),
    OPTION_A("resnet44", 7),
    OPTION_A("resnet56", 9),
    OPTION_A("resnet110", 18),
    RESNET("resnet18", 0, 2, 2, 2, 2),
    RESNET("resnet34", 0, 3, 4, 6, 3),
    RESNET("resnet50", 1, 3, 4, 6, 3),
    RESNET("resnet101", 1, 3, 4, 23, 3),
    RESNET("resnet152", 1, 3, 8, 36, 3),
    {.name = "simple_vit",
     .lora_targets = LAST_PROJECTION "|" VIT_HEAD,
     .prune_targets = LAST_PROJECTION,
     .prune_targets_with_head = LAST_PROJECTION "|" VIT_HEAD,
     .base_recipe = "vit",
     .build = vit_build,
     .vit = {.patch = 4, .layers = 12, .heads = 6, .width = 384, .mlp = 1536}},
};

const struct architecture *architecture_at(int i)
{
    return i >= 0 && i < (int)(sizeof table / sizeof *table) ? &table[i] : NULL;
}

const struct architecture *architecture_find(const char *name)
{
    for (int i = 0; architecture_at(i) != NULL; i++)
        if (strcmp(architecture_at(i)->name, name) == 0)
            return architecture_at(i);
    return NULL;
}

const char *architecture_pattern(const struct architecture *architecture,
                                 const struct vit_shape *shape, const char *pattern,
                                 char text[PATTERN_BYTES])
{
    const char *at = pattern != NULL ? strchr(pattern, '@') : NULL;
    int64_t layers = shape->layers > 0 ? shape->layers : architecture->vit.layers;

    if (at == NULL)
        return pattern;
    snprintf(text, PATTERN_BYTES, "%.*s%lld%s", (int)(at - pattern), pattern,
             (long long)(layers - 1), at + 1);
    return text;
}

enum status model_build(const struct architecture *architecture,
                        const struct graph_settings *settings, struct graph **out)
{
    enum status status = STATUS_OK;
    struct graph *graph = NULL;

    TRY(graph_create(settings, &graph));
    architecture->build(graph, architecture);
    TRY(graph_check(graph));
    *out = graph;
    graph = NULL;
done:
    graph_destroy(graph);
    return status;
}
