/* LoRA adapters in files: folding them into weights, and the folders that PEFT keeps them in. */
#ifndef STORE_ADAPTERS_H
#define STORE_ADAPTERS_H

#include "store/weights/weights.h"

struct adapter_config {
    double alpha;
    int64_t lora_rank; /* 0: as the tensors say */
    double dropout;
    bool is_rank_stabilised; /* the factor is alpha/√rank, not alpha/rank */
};

/* PEFT's adapter_config.json. BAD_DATA names the file, and a kind of adapter not known here. */
CHECKED enum status adapter_config_load(const char *path, struct adapter_config *out);

struct adapter_merge {
    const struct weights *base, *adapters; /* the same for a state dict that holds both */
    const char *base_path, *adapters_path;
    struct adapter_config config;
};
struct merged_weights {
    struct weight_tensor *tensors; /* under bare names, in the base's order; in the arena */
    int64_t n;
    int64_t n_adapters, n_replaced; /* modules adapted; tensors taken from the adapters' file */
};
/* W += factor · B·A in float64, rounded once, for every pair; other tensors beside the adapters
 * replace the base's. Values nobody changed are borrowed from the two files. BAD_DATA names what
 * does not fit: a rank, a shape, a module that the base lacks, half a pair, no adapters at all. */
CHECKED enum status adapters_merge(const struct adapter_merge *merge, struct arena *arena,
                                   struct merged_weights *out);

/* One pair, and the weight it belongs to: all of "<module>.weight", or the third of attention's
 * "in_proj_weight" that "in_proj_q", "in_proj_k" or "in_proj_v" names. */
struct adapter_pair {
    const char *module;                 /* in the arena */
    const struct weight_tensor *a, *b;  /* [r, …], [K, r] or [K, r, 1, 1] */
    const struct weight_tensor *weight; /* of the base */
    bool is_third;
    int64_t first_row; /* of the weight */
    int64_t lora_rank, n_outputs, row_elements;
    double factor;
};
/* The pair that a lora_A belongs to. */
CHECKED enum status adapter_pair_find(const struct adapter_merge *merge,
                                      const struct weight_tensor *a, struct arena *arena,
                                      struct adapter_pair *out);
/* row += factor · B_k · A, in PyTorch's layout. */
void adapter_pair_accumulate(const struct adapter_pair *pair, int64_t k, double *row);

/* A PEFT adapter folder from what a run left: the base it started from, its final weights and its
 * adapters. Modules that were trained in full go along (modules_to_save). Where the run pruned its
 * base before adapting it, the pruned base is written too, as base_model.safetensors: adapters are
 * worth nothing on another. BAD_DATA when the final weights do not follow from base and adapters.
 */
struct peft_export {
    struct adapter_merge merge;
    const struct weights *final;
    const char *final_path;
};
struct peft_summary {
    int64_t n_adapters, n_saved; /* modules */
    bool has_base;               /* base_model.safetensors was written */
};
CHECKED enum status peft_folder_save(const struct peft_export *export, const char *folder,
                                     struct peft_summary *out);

#endif
