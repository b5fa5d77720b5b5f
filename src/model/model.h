/* Architectures as functions that build a graph, in one table. Parameter names are PyTorch's. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "graph/graph.h"

struct architecture {
    const char *name;         /* "resnet20" */
    const char *lora_targets; /* default pattern for adapters */
    const char *head;         /* module trained in full beside adapters: "linear" */
    const char *base_recipe;  /* "resnet_option_a" (SGD, ×0.1 after 100 and 150 of 200) or "resnet"
                                 (cosine) */
    void (*build)(struct graph *graph,
                  const struct architecture *self); /* images … logits; errors stick */
    int depths[4];                                  /* blocks per stage */
    int n_stages, is_bottleneck;
};

const struct architecture *architecture_find(const char *name); /* NULL when unknown */
const struct architecture *architecture_at(int i);              /* NULL past the end */

/* A complete forward graph with classifier loss: images → model → logits → loss. */
CHECKED enum status model_build(const struct architecture *architecture,
                                const struct graph_settings *settings, struct graph **out);

#endif
