/* The library plans of a device, by what they compute: a shape is planned once, however many
 * executors want it, and one that the library cannot plan is asked for once. */
#ifndef KERNELS_CUDA_PLAN_CACHE_H
#define KERNELS_CUDA_PLAN_CACHE_H

#include "kernels/cuda/gpu.h"

struct plan_cache;

/* What was asked for, each field a number of its own, so that equal ones have equal bytes. */
struct plan_key {
    int64_t fields[18];
};

struct cuda_plan {
    struct plan_key key;
    struct gpu_plan *plan; /* owned by the cache; NULL: the library has none */
    int n_users;
    char reason[512]; /* why there is none */
};

CHECKED enum status plan_cache_create(const struct gpu *gpu, struct gpu_context *context,
                                      struct plan_cache **out);
void plan_cache_destroy(struct plan_cache *cache); /* accepts NULL */

/* A plan, to be given back. Fails: STATUS_UNSUPPORTED when the library has none that is
 * deterministic, for instance for f32 out of bf16 factors. */
CHECKED enum status plan_cache_convolution(struct plan_cache *cache,
                                           const struct gpu_convolution *convolution,
                                           struct cuda_plan **out);
CHECKED enum status plan_cache_product(struct plan_cache *cache, const struct gpu_product *product,
                                       struct cuda_plan **out);
void plan_cache_give_back(struct cuda_plan *plan); /* accepts NULL */

/* ---- within (choose.c) ---- */
/* wants_ready: without those that are compiled while they are planned. */
CHECKED enum status cuda_choose(const struct gpu *gpu, struct gpu_proposals *proposals,
                                bool wants_ready, struct gpu_plan **out);

#endif
