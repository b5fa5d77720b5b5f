/* Walks a graph on a queue: binds values to memory, prepares every node once, then runs them in
 * order. */
#ifndef GRAPH_EXECUTOR_H
#define GRAPH_EXECUTOR_H

#include "graph/parameters.h"
#include "graph/passes.h"

struct executor;

struct executor_settings {
    struct queue *queue;           /* borrowed: outlives the executor */
    struct parameters *parameters; /* borrowed, of that queue */
    struct span arena; /* borrowed device memory shared by executors that never run at once; data
                          NULL: own one */
    bool computes_zero_rows; /* filters of frozen weights that are zero too: to compare with */
};

/* Plans memory and prepares every node. Convolutions whose weight `parameters` holds frozen pack
 * it, so weights must be loaded, pruned and merged before. The graph's parameter table must be the
 * one of `parameters` (BAD_CONFIG names the first difference). */
CHECKED enum status
executor_create(struct graph *graph, const struct executor_settings *settings,
                struct executor **out);           /* borrows graph, which must outlive it */
void executor_destroy(struct executor *executor); /* accepts NULL */
struct span executor_arena(const struct executor *executor); /* own or borrowed: to lend on */

/* Binds device memory to a table or another input, before the first run. Tables have no memory of
 * their own until they are bound or uploaded. */
CHECKED enum status executor_bind(struct executor *executor, int value, void *memory);
/* Device memory of any value (inputs not bound elsewhere, activations, gradients). Valid after
 * executor_create. After a run, and in its tail, only logits, loss, sample_loss, labels, in mode
 * GRAPH_EVAL features, and what lives in parameters still hold their values: other activations may
 * have been overwritten. */
struct tensor executor_tensor(const struct executor *executor, int value);
CHECKED enum status executor_upload(struct executor *executor, int value, const void *from);
CHECKED enum status executor_download(struct executor *executor, int value, void *to); /* Blocks */
/* Forward, and backward if the graph has it, and the tail. Enqueues only. */
CHECKED enum status executor_run(struct executor *executor);

/* What follows the nodes in every run, and is recorded with them where a device records. `enqueue`
 * runs operations whose memory stays where it is; it allocates, uploads and waits for nothing. */
struct executor_tail {
    enum status (*enqueue)(void *context); /* NULL: nothing follows */
    void *context;                         /* outlives the executor's last run */
};
void executor_follow(struct executor *executor, const struct executor_tail *tail);

/* For benchmarks: node i alone; after all nodes before it, in order, it does what a run does. */
CHECKED enum status executor_run_node(struct executor *executor, int64_t i);

/* For reports and tests: node i's implementation name, as its backend gave it. */
const char *executor_implementation(const struct executor *executor, int64_t node);

#endif
