/* Architectures as functions that build a graph, in one table. Parameter names are PyTorch's. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "graph/graph.h"

struct architecture {
    const char *name; /* "resnet20" */
    /* Default patterns of modules, where '@' stands for the number of the last layer. */
    const char *lora_targets;
    const char *prune_targets, *prune_targets_with_head; /* NULL: every convolution */
    const char *head; /* module trained in full beside adapters: "linear"; or NULL */
    bool has_batch_norm;
    const char *base_recipe; /* "resnet_option_a" (SGD, ×0.1 after 100 and 150 of 200), "resnet"
                                (cosine) or "vit" (AdamW) */
    void (*build)(struct graph *graph,
                  const struct architecture *self); /* images … logits; errors stick */
    int depths[4];                                  /* blocks per stage */
    int n_stages, is_bottleneck;
    struct vit_shape vit; /* of a vision transformer, as published */
};

const struct architecture *architecture_find(const char *name); /* NULL when unknown */
const struct architecture *architecture_at(int i);              /* NULL past the end */

/* A pattern of the table with its '@' replaced, in `text` (or the pattern itself, NULL included).
 * shape: zeros as published. */
enum { PATTERN_BYTES = 256 };
const char *architecture_pattern(const struct architecture *architecture,
                                 const struct vit_shape *shape, const char *pattern,
                                 char text[PATTERN_BYTES]);

/* A complete forward graph with classifier loss: images → model → logits → loss. */
CHECKED enum status model_build(const struct architecture *architecture,
                                const struct graph_settings *settings, struct graph **out);

#endif
