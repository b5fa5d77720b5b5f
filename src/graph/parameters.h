/* The values of a model's parameters and buffers on a device, shared by all graphs of a run.
 * Trainable parameters lie side by side in one flat vector (64-byte aligned each, padding zero),
 * their gradients, optimizer state and mask in vectors of the same length: an optimizer step is one
 * operation per group. */
#ifndef GRAPH_PARAMETERS_H
#define GRAPH_PARAMETERS_H

#include "base/network_words.h"
#include "graph/graph.h"

struct parameters;

/* Allocates for graph's parameter table (after freeze and lora_inject) and fills initial values
 * from Philox: element e of parameter p is random_*({seed, RANDOM_INITIAL_VALUES, layer = hash of
 * its name mod 2^24, 0, 0}, e) in PyTorch's (disk) element order, so a run's initial values depend
 * on its seed and the parameter's name alone. Keeps its own copy of the table. What computes on
 * them does so on `queue`, which outlives them. */
CHECKED enum status parameters_create(const struct graph *graph, struct queue *queue, uint64_t seed,
                                      struct parameters **out);
void parameters_destroy(struct parameters *parameters); /* accepts NULL */

int64_t parameters_count(const struct parameters *parameters);
const struct param *parameters_row(const struct parameters *parameters, int64_t i);
struct tensor parameters_tensor(const struct parameters *parameters,
                                int64_t i); /* value on the device, graph layout */
/* As parameters_tensor, in what maps hold: the value itself, or a copy as parameters_round left it.
 */
struct tensor parameters_factor(const struct parameters *parameters, int64_t i);
/* Makes the copies of all trainable, or of all frozen parameters anew; nothing to do where maps
 * hold reals. Enqueued. */
CHECKED enum status parameters_round(struct parameters *parameters, bool is_of_frozen);
struct tensor parameters_gradient(const struct parameters *parameters,
                                  int64_t i); /* data NULL when frozen */
/* Host access as double in PyTorch's layout (conv KCRS); `values` has as many elements as the
 * parameter. Blocks. */
CHECKED enum status parameters_get(const struct parameters *parameters, int64_t i, double *values);
CHECKED enum status parameters_set(struct parameters *parameters, int64_t i, const double *values);
/* As parameters_get, of a trainable parameter's gradient. */
CHECKED enum status parameters_get_gradient(const struct parameters *parameters, int64_t i,
                                            double *values);
/* Flat vectors over all trainable parameters, padding included; data NULL when nothing trains. The
 * mask (u8, 1 = may change) exists after parameters_mask_rows. */
struct tensor parameters_flat_values(const struct parameters *parameters);
struct tensor parameters_flat_gradients(const struct parameters *parameters);
struct tensor
parameters_flat_mask(const struct parameters *parameters); /* data NULL when nothing is masked */
int64_t parameters_trainable_elements(const struct parameters *parameters); /* without padding */

/* Row k (dim 0) of trainable parameter i may no longer change where is_held[k] != 0. */
CHECKED enum status parameters_mask_rows(struct parameters *parameters, int64_t i,
                                         const uint8_t *is_held);

/* ---- pruning on values (pass `prune`) ---- */
struct prune_settings {
    double sparsity; /* share of output channels, [0, 1) */
    enum prune_mask mask;
    const char *targets; /* pattern of modules; NULL: every convolution */
};
/* Prune, zero and merge change frozen weights, so executors must be created after them (they pack
 * frozen weights). All Block. */
/* Zeroes the n = round-half-even(sparsity · K) output channels (dim 0) of smallest L2 norm of every
 * target's weight (never adapters), ties to the lower index; biases stay. held: trainable pruned
 * weights are masked. held_merged: so are the rows of lora_B of pruned output channels, which start
 * and stay zero. baked: no mask. Fails BAD_DATA when a weight is not finite, BAD_CONFIG when the
 * targets match none. */
CHECKED enum status parameters_prune(struct parameters *parameters,
                                     const struct prune_settings *settings);
/* Share of exact zeros among the weights of the layers that parameters_prune would take: biases and
 * adapters do not count. NaN when there is none. Blocks. */
CHECKED enum status parameters_sparsity(const struct parameters *parameters, const char *targets,
                                        double *out);
/* Zeroes rows (dim 0) of parameter i. BAD_CONFIG naming a row that it does not have. */
CHECKED enum status parameters_zero_rows(struct parameters *parameters, int64_t i,
                                         const int32_t *rows, int64_t n_rows);
/* W += alpha/rank · B·A for every adapter, then B = 0, so that evaluation without adapters is the
 * same. */
CHECKED enum status parameters_merge_lora(struct parameters *parameters, double alpha_over_rank);

#endif
