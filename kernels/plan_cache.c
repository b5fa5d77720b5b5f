/* Plans by key, in the order they were made; those that nobody uses go when there are many. */
#include "kernels/plan_cache.h"

#include "base/arena.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A training step of resnet50 with adapters has some 250; pruned runs bring others each time. */
enum { MOST_PLANS = 1024 };

struct plan_cache {
    void (*destroy)(void *context, void *plan);
    void *context; /* borrowed */
    /* owned */
    pthread_mutex_t lock; /* over all below, and every plan's n_users */
    struct shared_plan **plans;
    int64_t n, capacity;
};

enum status plan_cache_create(void (*destroy)(void *context, void *plan), void *context,
                              struct plan_cache **out)
{
    struct plan_cache *cache = heap_alloc(1, sizeof *cache);

    if (cache == NULL)
        return STATUS_OUT_OF_MEMORY;
    cache->destroy = destroy;
    cache->context = context;
    (void)pthread_mutex_init(&cache->lock, NULL); /* of the default kind it does not fail */
    *out = cache;
    return STATUS_OK;
}

static void plan_free(const struct plan_cache *cache, struct shared_plan *plan)
{
    if (plan == NULL)
        return;
    assert(plan->n_users == 0);
    if (plan->plan != NULL)
        cache->destroy(cache->context, plan->plan);
    free(plan);
}

void plan_cache_destroy(struct plan_cache *cache)
{
    if (cache == NULL)
        return;
    for (int64_t i = 0; i < cache->n; i++)
        plan_free(cache, cache->plans[i]);
    free(cache->plans);
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void plan_cache_give_back(struct shared_plan *plan)
{
    if (plan == NULL)
        return;
    struct plan_cache *cache = plan->cache;
    (void)pthread_mutex_lock(&cache->lock);
    plan->n_users--;
    (void)pthread_mutex_unlock(&cache->lock);
}

static struct shared_plan *find(const struct plan_cache *cache, const struct plan_key *key)
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
            plan_free(cache, cache->plans[i]);
    cache->n = n_kept;
}

/* A plan, or the reason why there is none, which is remembered as well. */
static enum status add(struct plan_cache *cache, const struct plan_key *key,
                       const struct plan_maker *maker, struct shared_plan **out)
{
    enum status status = STATUS_OK;
    struct shared_plan *plan = NULL;

    if (cache->n >= MOST_PLANS)
        drop_unused(cache);
    TRY(heap_grow(&cache->plans, &cache->capacity, cache->n + 1, sizeof(void *)));
    TRY_ALLOC(plan, heap_alloc(1, sizeof *plan));
    plan->cache = cache;
    plan->key = *key;
    enum status planned = maker->make(maker->context, &plan->plan);
    if (planned != STATUS_OK)
        snprintf(plan->reason, sizeof plan->reason, "%.511s", status_message());
    if (planned != STATUS_UNSUPPORTED)
        TRY(planned);
    cache->plans[cache->n++] = plan;
    *out = plan;
    plan = NULL;
done:
    plan_free(cache, plan);
    return status;
}

enum status plan_cache_get(struct plan_cache *cache, const struct plan_key *key,
                           const struct plan_maker *maker, struct shared_plan **out)
{
    enum status status = STATUS_OK;

    (void)pthread_mutex_lock(&cache->lock);
    struct shared_plan *plan = find(cache, key);
    if (plan == NULL)
        TRY(add(cache, key, maker, &plan));
    if (plan->plan == NULL)
        TRY(fail(STATUS_UNSUPPORTED, "%s", plan->reason));
    plan->n_users++;
    *out = plan;
done:
    (void)pthread_mutex_unlock(&cache->lock);
    return status;
}
