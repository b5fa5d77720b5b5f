/* The library plans of a device, by what they compute: a shape is planned once, however many
 * executors want it, and one that the library cannot plan is asked for once. For backends; threads
 * may ask at the same time. */
#ifndef KERNELS_PLAN_CACHE_H
#define KERNELS_PLAN_CACHE_H

#include "base/status.h"

#include <stdint.h>

struct plan_cache;

/* What was asked for, each field a number of its own, so that equal ones have equal bytes. */
struct plan_key {
    int64_t fields[18];
};

struct shared_plan {
    struct plan_cache *cache; /* borrowed */
    struct plan_key key;
    void *plan; /* owned by the cache, does not change; NULL: the library has none */
    int n_users;
    char reason[512]; /* why there is none */
};

/* How a plan is made, by somebody who knows its library. A failure's message says of what. */
struct plan_maker {
    enum status (*make)(void *context, void **plan);
    void *context;
};

/* destroy(context, plan) is called once for each plan. */
CHECKED enum status plan_cache_create(void (*destroy)(void *context, void *plan), void *context,
                                      struct plan_cache **out);
void plan_cache_destroy(struct plan_cache *cache); /* accepts NULL */

/* The plan of this key, to be given back. Fails: as maker.make; STATUS_UNSUPPORTED is remembered
 * and comes again, with its message. */
CHECKED enum status plan_cache_get(struct plan_cache *cache, const struct plan_key *key,
                                   const struct plan_maker *maker, struct shared_plan **out);
void plan_cache_give_back(struct shared_plan *plan); /* accepts NULL */

#endif
