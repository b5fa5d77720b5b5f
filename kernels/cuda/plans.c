/* What is asked of cuDNN and cuBLASLt, and by which key it is known. */
#include "kernels/cuda/plans.h"

#include "kernels/cuda/cuda.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 192 };

static void destroy(void *context, void *plan)
{
    ((const struct gpu *)context)->plan_destroy(plan);
}

enum status cuda_plans_create(const struct gpu *gpu, struct plan_cache **out)
{
    return plan_cache_create(destroy, (void *)(uintptr_t)gpu, out);
}

/* ---- what is asked for ---- */

struct request {
    const struct device *device;
    const struct gpu_convolution *convolution; /* one of the two */
    const struct gpu_product *product;
};

static struct plan_key convolution_key(const struct gpu_convolution *g)
{
    return (struct plan_key){{0, g->part, g->math, g->n, g->h, g->w, g->c, g->k, g->r, g->s, g->p,
                              g->q, g->stride, g->padding, g->is_out_bf16, g->alignment,
                              g->wants_ready}};
}

static struct plan_key product_key(const struct gpu_product *p)
{
    int64_t factor = 0;

    memcpy(&factor, &p->factor, sizeof p->factor);
    return (struct plan_key){{1, p->math, p->m, p->n, p->k, factor, p->is_left_transposed,
                              p->is_right_transposed, p->has_bias, p->has_addend, p->is_out_bf16,
                              p->alignment}};
}

static void describe(const struct request *request, char text[TEXT_BYTES])
{
    static const char *const parts[] = {
        [GPU_CONVOLUTION_FORWARD] = "convolution",
        [GPU_CONVOLUTION_BACKWARD_DATA] = "convolution's data gradient",
        [GPU_CONVOLUTION_BACKWARD_WEIGHT] = "convolution's weight gradient",
    };
    static const char *const maths[] = {
        [GPU_MATH_FP32] = "f32", [GPU_MATH_TF32] = "tf32", [GPU_MATH_BF16] = "bf16"};
    const struct gpu_convolution *g = request->convolution;
    const struct gpu_product *p = request->product;

    if (g != NULL)
        snprintf(text, TEXT_BYTES,
                 "%s [%lld, %lld, %lld, %lld] with %lld filters %lldx%lld, stride %d, from %s to "
                 "%s",
                 parts[g->part], (long long)g->n, (long long)g->h, (long long)g->w, (long long)g->c,
                 (long long)g->k, (long long)g->r, (long long)g->s, g->stride, maths[g->math],
                 g->is_out_bf16 ? "bf16" : "f32");
    else
        snprintf(text, TEXT_BYTES, "product [%lld, %lld] of [%lld], from %s to %s", (long long)p->m,
                 (long long)p->n, (long long)p->k, maths[p->math], p->is_out_bf16 ? "bf16" : "f32");
}

/* ---- planning ---- */

static enum status ask(const struct request *request, struct gpu_plan **out)
{
    enum status status = STATUS_OK;
    const struct gpu *gpu = request->device->gpu;
    struct gpu_context *context = request->device->context;
    struct gpu_proposals *proposals = NULL;

    TRY(request->convolution != NULL
            ? gpu->propose_convolution(context, request->convolution, &proposals)
            : gpu->propose_product(context, request->product, &proposals));
    TRY(cuda_choose(gpu, proposals,
                    request->convolution != NULL && request->convolution->wants_ready, out));
done:
    gpu->proposals_destroy(proposals);
    return status;
}

static enum status make(void *context, void **out)
{
    const struct request *request = context;
    struct gpu_plan *plan = NULL;
    char text[TEXT_BYTES];
    enum status status = ask(request, &plan);

    if (status != STATUS_OK) {
        describe(request, text);
        return fail_context(status, "%s", text);
    }
    *out = plan;
    return STATUS_OK;
}

enum status cuda_plan_convolution(const struct device *device,
                                  const struct gpu_convolution *convolution,
                                  struct shared_plan **out)
{
    struct request request = {.device = device, .convolution = convolution};
    const struct plan_key key = convolution_key(convolution);

    return plan_cache_get(device->plans, &key, &(struct plan_maker){make, &request}, out);
}

enum status cuda_plan_product(const struct device *device, const struct gpu_product *product,
                              struct shared_plan **out)
{
    struct request request = {.device = device, .product = product};
    const struct plan_key key = product_key(product);

    return plan_cache_get(device->plans, &key, &(struct plan_maker){make, &request}, out);
}
