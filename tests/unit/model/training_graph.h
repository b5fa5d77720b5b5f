/* A training step of a model, as the trainer builds it: for tests that look at every operation. */
#ifndef TESTS_UNIT_MODEL_TRAINING_GRAPH_H
#define TESTS_UNIT_MODEL_TRAINING_GRAPH_H

#include "graph/graph.h"

/* Images of 32×32 in 10 classes; with lora_rank > 0 adapters where the method puts them, all else
 * but the head frozen. Maps of that type. Asserts on failure; the caller destroys it. */
struct graph *training_graph(const char *arch, int64_t batch_size, int64_t lora_rank,
                             enum dtype map);

#endif
