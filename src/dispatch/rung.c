/* A sorted array: a sweep has few rungs, and reads them from the front. */
#include "dispatch/rung.h"

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void rung_release(struct rung *rung)
{
    free(rung->arrivals);
    rung->arrivals = NULL;
}

bool rung_is_better(const struct rung *rung, double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(b) && !isnan(a);
    return rung->is_maximized ? a > b : a < b;
}

static int compare_ascending(const void *a, const void *b)
{
    const struct arrival *x = a, *y = b;

    if (isnan(x->value) != isnan(y->value))
        return isnan(x->value) ? 1 : -1;
    if (!isnan(x->value) && x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->run > y->run) - (x->run < y->run);
}

static int compare_descending(const void *a, const void *b)
{
    const struct arrival *x = a, *y = b;

    if (!isnan(x->value) && !isnan(y->value) && x->value != y->value)
        return x->value > y->value ? -1 : 1;
    return compare_ascending(a, b);
}

static int compare(const struct rung *rung, const struct arrival *a, const struct arrival *b)
{
    return rung->is_maximized ? compare_descending(a, b) : compare_ascending(a, b);
}

int64_t rung_place(const struct rung *rung, const struct arrival *arrival)
{
    int64_t low = 0, high = rung->n;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (compare(rung, &rung->arrivals[middle], arrival) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum status put(struct rung *rung, int64_t place, const struct arrival *arrival)
{
    enum status status = STATUS_OK;

    TRY(heap_grow(&rung->arrivals, &rung->capacity, rung->n + 1, sizeof *rung->arrivals));
    memmove(rung->arrivals + place + 1, rung->arrivals + place,
            (size_t)(rung->n - place) * sizeof *rung->arrivals);
    rung->arrivals[place] = *arrival;
    rung->n++;
done:
    return status;
}

enum status rung_insert(struct rung *rung, const struct arrival *arrival)
{
    return put(rung, rung_place(rung, arrival), arrival);
}

enum status rung_append(struct rung *rung, const struct arrival *arrival)
{
    return put(rung, rung->n, arrival);
}

void rung_sort(struct rung *rung)
{
    if (rung->n > 0)
        qsort(rung->arrivals, (size_t)rung->n, sizeof *rung->arrivals,
              rung->is_maximized ? compare_descending : compare_ascending);
}

double rung_threshold(const struct rung *rung, int64_t quota)
{
    return quota > 0 ? rung->arrivals[quota - 1].value : NAN;
}

double rung_median_of_others(const struct rung *rung, const struct arrival *own, int64_t least)
{
    const struct arrival first_nan = {NAN, INT64_MIN};
    int64_t n = rung_place(rung, &first_nan), place = rung_place(rung, own);
    int64_t n_others = place < n ? n - 1 : n;

    if (n_others < least)
        return NAN;
    int64_t low = (n_others - 1) / 2, high = n_others / 2;
    return (rung->arrivals[low < place ? low : low + 1].value +
            rung->arrivals[high < place ? high : high + 1].value) /
           2;
}
