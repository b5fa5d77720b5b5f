/* The network of a run, as its settings describe it. */
#ifndef UNLEARN_METHOD_GRAPH_H
#define UNLEARN_METHOD_GRAPH_H

#include "config/settings.h"
#include "graph/graph.h"
#include "model/model.h"

/* The forward graph of the run's architecture with what its method adds, and in mode GRAPH_TRAIN
 * the backward one: the same parameter table in every mode and batch size. BAD_CONFIG when the
 * architecture or method is unknown, or adapters find no module. The caller destroys it. */
CHECKED enum status method_graph(const struct settings *settings,
                                 const struct graph_settings *graph_settings, struct graph **out);

/* lora.targets as a pattern of modules, the architecture's own for "default"; in `text`, or
 * borrowed from the settings or the architecture. */
const char *method_lora_targets(const struct architecture *architecture,
                                const struct settings *settings, char text[PATTERN_BYTES]);

#endif
