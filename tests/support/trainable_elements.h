/* What trains of a graph, counted from its parameters alone. */
#ifndef SUPPORT_TRAINABLE_ELEMENTS_H
#define SUPPORT_TRAINABLE_ELEMENTS_H

#include "graph/graph.h"

static inline int64_t trainable_elements(const struct graph *graph)
{
    int64_t total = 0;

    for (int64_t i = 0; i < graph->n_params; i++) {
        int64_t n = graph->params[i].is_trainable ? 1 : 0;
        for (int d = 0; d < graph->params[i].n_dims; d++)
            n *= graph->params[i].shape[d];
        total += n;
    }
    return total;
}

#endif
