/* What prepare returns: a library's plan, or for kernels of our own the size of their scratch. */
#include "kernels/cuda/cuda.h"

#include "base/arena.h"
#include "kernels/cuda/kept_rows.h"
#include "kernels/cuda/patches.h"
#include "kernels/cuda/plans.h"

#include <stdlib.h>

enum status cuda_prepared_create(size_t workspace_bytes, struct prepared **out)
{
    struct cuda_prepared *prepared = heap_alloc(1, sizeof *prepared);

    if (prepared == NULL)
        return STATUS_OUT_OF_MEMORY;
    prepared->base.workspace_bytes = workspace_bytes;
    prepared->base.implementation = "cuda";
    *out = &prepared->base;
    return STATUS_OK;
}

/* Takes the plan over, also when it fails; `status`: of planning. */
static enum status planned(struct device *device, enum status status, struct shared_plan *plan,
                           struct prepared **out)
{
    struct prepared *prepared = NULL;

    TRY(status);
    TRY(cuda_prepared_create(device->gpu->plan_workspace_bytes(plan->plan), &prepared));
    prepared->implementation = device->gpu->plan_name(plan->plan);
    ((struct cuda_prepared *)prepared)->plan = plan;
    plan = NULL;
    *out = prepared;
done:
    plan_cache_give_back(plan);
    return status;
}

enum status cuda_convolution_prepare(struct device *device,
                                     const struct gpu_convolution *convolution,
                                     struct prepared **out)
{
    struct shared_plan *plan = NULL;
    enum status status = cuda_plan_convolution(device, convolution, &plan);

    return planned(device, status, plan, out);
}

enum status cuda_product_prepare(struct device *device, const struct gpu_product *product,
                                 struct prepared **out)
{
    struct shared_plan *plan = NULL;
    enum status status = cuda_plan_product(device, product, &plan);

    return planned(device, status, plan, out);
}

enum status cuda_library_run(struct queue *queue, const struct prepared *prepared,
                             const struct gpu_operands *operands)
{
    return queue->gpu->plan_run(((const struct cuda_prepared *)prepared)->plan->plan, queue->stream,
                                operands);
}

enum status cuda_plan_run(struct queue *queue, const struct prepared *prepared,
                          const struct gpu_operands *operands)
{
    bool is_convolution = ((const struct cuda_prepared *)prepared)->patches != NULL;

    return is_convolution ? cuda_patches_run(queue, prepared, operands)
                          : cuda_library_run(queue, prepared, operands);
}

void cuda_prepared_release(struct prepared *prepared)
{
    struct cuda_prepared *ours = (struct cuda_prepared *)prepared;

    if (ours == NULL)
        return;
    plan_cache_give_back(ours->plan);
    cuda_kept_rows_destroy(ours->rows);
    free(ours->patches);
    free(ours);
}
