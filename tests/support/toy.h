/* A small residual network with every kind of layer, for tests of the graph and its passes. */
#ifndef SUPPORT_TOY_H
#define SUPPORT_TOY_H

#include "graph/executor.h"
#include "support/outcome.h"

enum { TOY_IMAGES = 7, TOY_SIZE = 8, TOY_CLASSES = 3 };

struct graph_settings toy_settings(enum graph_mode mode, int64_t batch_size);
/* conv1 bn1 relu · block1 (conv1 bn1 relu conv2 bn2 + option A) · block2 (conv1 bn1 + projection
 * shortcut) · pool · linear · loss. Ends the running test on failure, as all below. */
struct graph *toy_forward(const struct graph_settings *settings);
extern const struct lora_inject toy_lora; /* the three block convolutions, rank 2, dropout 0.25 */

/* A graph with its parameters and executor on a device. */
struct toy {
    struct device *device;
    struct queue *queue; /* of the device; set by toy_device_open to its own */
    struct graph *graph;
    struct parameters *parameters;
    struct executor *executor;
    bool computes_zero_rows; /* as in struct executor_settings, for toy_execute */
};
void toy_device_open(struct toy *toy, const struct backend *backend);
/* Takes the graph over; parameters must have been created, or are now. Uploads images and labels;
 * epoch 3, indices 0, 1, … */
void toy_execute(struct toy *toy, struct graph *graph);
void toy_close(struct toy *toy);
/* Every parameter and buffer random: batch norm weights and variances around 1, the rest normal
 * with scale 0.3. */
void toy_randomise(struct parameters *parameters, uint64_t seed);
/* Value of a one-element result of the last run. */
double toy_number(const struct toy *toy, int value);
/* A copy on the host; free its data. */
struct tensor toy_download(const struct toy *toy, struct tensor tensor);
/* Every trainable value −= rate · its gradient. */
void toy_descend(const struct toy *toy, double rate);

int64_t toy_count_nodes(const struct graph *graph, enum op_kind kind, enum graph_part part);

#endif
