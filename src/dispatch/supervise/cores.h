/* Which processor cores a trainer may use. Open MPI binds every rank to one core and children
 * inherit that; the launcher itself still has what the machine or the job allows. */
#ifndef DISPATCH_CORES_H
#define DISPATCH_CORES_H

#include "base/status.h"

#include <stdbool.h>

enum { CORES_TEXT_BYTES = 1024, CORES_MAX = 1024 };

struct cores {
    int n;
    int ids[CORES_MAX]; /* ascending */
};

/* Those of the nearest ancestor that is a known launcher, else this process's own. */
void cores_of_node(struct cores *out);
/* Threads of one trainer: `wanted` if > 0, else OMP_NUM_THREADS, else cores ÷ ranks; at least 1. */
int cores_threads(const struct cores *node, int node_size, int wanted);
/* A slice per rank when the trainers fill the node exactly, else all cores of the node: slices of a
 * part would make two sweeps of one machine crowd on its first cores. */
void cores_slice(const struct cores *node, int node_rank, int node_size, int n_threads,
                 struct cores *out);
/* "0,2-3" and back. */
CHECKED enum status cores_to_text(const struct cores *cores, char text[CORES_TEXT_BYTES]);
CHECKED enum status cores_from_text(const char *text, struct cores *out);
CHECKED enum status cores_bind(const struct cores *cores); /* this process */

#endif
