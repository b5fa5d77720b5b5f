/* Passes: graph in → graph out, one file each. Order for training: model → freeze → lora_inject →
 * autodiff → fuse → plan_memory (inside executor_create). */
#ifndef GRAPH_PASSES_H
#define GRAPH_PASSES_H

#include "graph/graph.h"

/* Leaves trainable only the parameters whose module matches one of the POSIX extended regular
 * expressions (whole name). Fails BAD_CONFIG when a pattern does not compile or matches no module.
 */
CHECKED enum status pass_freeze_except(struct graph *graph, const char *const *patterns,
                                       int n_patterns);

struct lora_inject {
    /* POSIX extended regular expression over whole names of convolutions and linear layers;
     * attention's fused projection goes by "<module>.in_proj_q", …_k and …_v */
    const char *targets;
    int64_t lora_rank;
    double alpha; /* y = W⋆x + alpha/rank · B(A(dropout(x))) */
    double dropout;
    bool ignores_out_proj; /* adapters of attention's out_proj exist and train, and nothing reads
                              them, as in the published code */
};
/* Adds adapters "<module>.lora_A.weight" [rank, k, k, C] or [rank, C] (Kaiming-uniform a=√5) and
 * "<module>.lora_B.weight" [K, 1, 1, rank] or [K, rank] (zero) to every matching layer and freezes
 * the base weight. Adapter i of the graph, in node order, has dropout layer i. Fails BAD_CONFIG
 * when nothing matches. (Hu et al., arXiv:2106.09685) */
CHECKED enum status pass_lora_inject(struct graph *graph, const struct lora_inject *settings);

/* Appends the backward nodes of graph->loss, only where a trainable parameter needs them: frozen
 * weights get no weight gradient, nodes below the lowest trainable parameter none at all. The first
 * gradient is written by the loss node. */
CHECKED enum status pass_autodiff(struct graph *graph);

/* Merges batch norm with the ReLU and the addition that follow it, and an adapter's second product
 * with its factor and the addition to what it adapts, forward and backward, so that memory is
 * passed over less often. Every value that is left has the same bits as without, but where maps
 * hold bf16, because what was rounded on the way no longer is, and adapters elsewhere than on ref,
 * because their product is another one. After autodiff, which has no rules for merged nodes. */
CHECKED enum status pass_fuse(struct graph *graph);

/* Places every activation and activation gradient in one arena by lifetime (logits, loss and
 * sample_loss, and features in mode GRAPH_EVAL, live to the end); reuses memory in place
 * where op_info's may_alias allows it. */
struct memory_plan {
    size_t arena_bytes; /* activations and gradients */
    size_t *offsets;    /* [n_values], SIZE_MAX for values that live elsewhere; owned by the graph's
                           arena */
};
CHECKED enum status pass_plan_memory(struct graph *graph, struct memory_plan *out);

#endif
