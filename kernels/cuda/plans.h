/* A GPU's library plans, which all executors of a device share. */
#ifndef KERNELS_CUDA_PLANS_H
#define KERNELS_CUDA_PLANS_H

#include "kernels/cuda/gpu.h"
#include "kernels/plan_cache.h"

CHECKED enum status cuda_plans_create(const struct gpu *gpu, struct plan_cache **out);
/* A plan, to be given back. Fails: STATUS_UNSUPPORTED when the library has none that is
 * deterministic, for instance for f32 out of bf16 factors. */
CHECKED enum status cuda_plan_convolution(const struct device *device,
                                          const struct gpu_convolution *convolution,
                                          struct shared_plan **out);
CHECKED enum status cuda_plan_product(const struct device *device,
                                      const struct gpu_product *product, struct shared_plan **out);

/* ---- within (choose.c) ---- */
/* wants_ready: without those that are compiled while they are planned. */
CHECKED enum status cuda_choose(const struct gpu *gpu, struct gpu_proposals *proposals,
                                bool wants_ready, struct gpu_plan **out);

#endif
