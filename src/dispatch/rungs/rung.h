/* What runs said at one rung of early_terminate, best first. */
#ifndef DISPATCH_RUNG_H
#define DISPATCH_RUNG_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct arrival {
    double value; /* NaN: failed, or nothing to say: behind all numbers */
    int64_t run;  /* ties go to the lower one */
};

struct rung_block;
struct rung {
    int64_t epoch;
    bool is_maximized;
    struct rung_block *blocks; /* owned: the arrivals in order, cut into pieces */
    int64_t n_blocks, capacity;
    int64_t n;         /* arrivals */
    int64_t n_peers;   /* of sha: those that have reached it and those that will */
    int64_t n_settled; /* of sha: n when it was decided */
    int64_t n_gone_on;
};

void rung_release(struct rung *rung);
bool rung_is_better(const struct rung *rung, double a, double b);
CHECKED enum status rung_insert(struct rung *rung, const struct arrival *arrival);
struct arrival rung_at(const struct rung *rung, int64_t place); /* place in [0, n) */
/* How many arrivals go before this one. */
int64_t rung_place(const struct rung *rung, const struct arrival *arrival);
/* The value of the last of the best `quota`; NaN for 0. */
double rung_threshold(const struct rung *rung, int64_t quota);
/* Of the others' values, `own` being one of the arrivals; NaN when they are fewer than `least`,
 * which is 1 or more. */
double rung_median_of_others(const struct rung *rung, const struct arrival *own, int64_t least);

#endif
