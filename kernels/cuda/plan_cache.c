/* Plans by key, in the order they were made; those that nobody uses go when there are many. */
#include "kernels/cuda/plan_cache.h"

#include "base/arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A training step of resnet50 with adapters has some 250; pruned runs bring others each time. */
enum { MOST_PLANS = 1024, TEXT_BYTES = 192 };

struct plan_cache {
    /* borrowed: outlive this */
    const struct gpu *gpu;
    struct gpu_context *context;
    /* owned */
    struct cuda_plan **plans;
    int64_t n, capacity;
};

enum status plan_cache_create(const struct gpu *gpu, struct gpu_context *context,
                              struct plan_cache **out)
{
    struct plan_cache *cache = heap_alloc(1, sizeof *cache);

    if (cache == NULL)
        return STATUS_OUT_OF_MEMORY;
    cache->gpu = gpu;
    cache->context = context;
    *out = cache;
    return STATUS_OK;
}

static void plan_destroy(const struct plan_cache *cache, struct cuda_plan *plan)
{
    if (plan == NULL)
        return;
    assert(plan->n_users == 0);
    cache->gpu->plan_destroy(plan->plan);
    free(plan);
}

void plan_cache_destroy(struct plan_cache *cache)
{
    if (cache == NULL)
        return;
    for (int64_t i = 0; i < cache->n; i++)
        plan_destroy(cache, cache->plans[i]);
    free(cache->plans);
    free(cache);
}

void plan_cache_give_back(struct cuda_plan *plan)
{
    if (plan != NULL)
        plan->n_users--;
}

static struct cuda_plan *find(const struct plan_cache *cache, const struct plan_key *key)
{
    for (int64_t i = 0; i < cache->n; i++)
        if (memcmp(&cache->plans[i]->key, key, sizeof *key) == 0)
            return cache->plans[i];
    return NULL;
}

static void drop_unused(struct plan_cache *cache)
{
    int64_t n_kept = 0;

    for (int64_t i = 0; i < cache->n; i++)
        if (cache->plans[i]->n_users > 0)
            cache->plans[n_kept++] = cache->plans[i];
        else
            plan_destroy(cache, cache->plans[i]);
    cache->n = n_kept;
}

/* ---- what is asked for ---- */

struct request {
    const struct gpu_convolution *convolution; /* one of the two */
    const struct gpu_product *product;
    struct plan_key key;
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

static enum status ask(const struct plan_cache *cache, const struct request *request,
                       struct gpu_plan **out)
{
    enum status status = STATUS_OK;
    const struct gpu *gpu = cache->gpu;
    struct gpu_proposals *proposals = NULL;

    TRY(request->convolution != NULL
            ? gpu->propose_convolution(cache->context, request->convolution, &proposals)
            : gpu->propose_product(cache->context, request->product, &proposals));
    TRY(cuda_choose(gpu, proposals,
                    request->convolution != NULL && request->convolution->wants_ready, out));
done:
    gpu->proposals_destroy(proposals);
    return status;
}

/* A plan, or the reason why there is none, which is remembered as well. */
static enum status add(struct plan_cache *cache, const struct request *request,
                       struct cuda_plan **out)
{
    enum status status = STATUS_OK, planned = STATUS_OK;
    struct cuda_plan *plan = NULL;
    char text[TEXT_BYTES];

    if (cache->n >= MOST_PLANS)
        drop_unused(cache);
    TRY(heap_grow(&cache->plans, &cache->capacity, cache->n + 1, sizeof(void *)));
    TRY_ALLOC(plan, heap_alloc(1, sizeof *plan));
    plan->key = request->key;
    planned = ask(cache, request, &plan->plan);
    if (planned != STATUS_OK) {
        describe(request, text);
        planned = fail_context(planned, "%s", text);
        snprintf(plan->reason, sizeof plan->reason, "%.511s", status_message());
    }
    if (planned != STATUS_UNSUPPORTED)
        TRY(planned);
    cache->plans[cache->n++] = plan;
    *out = plan;
    plan = NULL;
done:
    plan_destroy(cache, plan);
    return status;
}

static enum status get(struct plan_cache *cache, const struct request *request,
                       struct cuda_plan **out)
{
    enum status status = STATUS_OK;
    struct cuda_plan *plan = find(cache, &request->key);

    if (plan == NULL)
        TRY(add(cache, request, &plan));
    if (plan->plan == NULL)
        TRY(fail(STATUS_UNSUPPORTED, "%s", plan->reason));
    plan->n_users++;
    *out = plan;
done:
    return status;
}

enum status plan_cache_convolution(struct plan_cache *cache,
                                   const struct gpu_convolution *convolution,
                                   struct cuda_plan **out)
{
    const struct request request = {.convolution = convolution,
                                    .key = convolution_key(convolution)};

    return get(cache, &request, out);
}

enum status plan_cache_product(struct plan_cache *cache, const struct gpu_product *product,
                               struct cuda_plan **out)
{
    const struct request request = {.product = product, .key = product_key(product)};

    return get(cache, &request, out);
}
