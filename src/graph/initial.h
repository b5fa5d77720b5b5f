/* Initial values of one parameter, in PyTorch's element order. */
#ifndef GRAPH_INITIAL_H
#define GRAPH_INITIAL_H

#include "graph/graph.h"

/* Fills values[0 … n) as the row's init_kind says: a function of seed and name alone. */
void initial_values(const struct param *row, uint64_t seed, double *values, int64_t n);
uint32_t initial_layer(const char *name); /* the name's place among random numbers, < 2^24 */

#endif
