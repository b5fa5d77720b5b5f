/* L-BFGS. On a convex function every accepted step has positive curvature but for rounding, so
 * backtracking needs no second condition; a pair without curvature is left out. */
#include "eval/minimise.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { N_PAIRS = 10, MOST_HALVINGS = 60 };

static const double sufficient_decrease = 1e-4;
/* What rounding may add to a sum that the value is: a step that far up is no step up. */
static const double rounding = 1e-14;

struct correction_pair { /* a step and what it did to the gradient */
    double *step, *change;
    double product;
};

struct search {
    const struct objective *objective;
    struct correction_pair pairs[N_PAIRS]; /* a ring */
    int n_pairs, next;
    double *x, *gradient;         /* where it stands */
    double *there, *its_gradient; /* where it looks */
    double *direction;
    double value;
};

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add(double *to, double factor, const double *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += factor * from[i];
}

static double largest(const double *x, int64_t n)
{
    double most = 0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

static enum status search_create(struct search *search, struct arena *arena)
{
    enum status status = STATUS_OK;
    int64_t n = search->objective->n;

    TRY_ALLOC(search->gradient, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(search->there, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(search->its_gradient, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(search->direction, ARENA_ARRAY(arena, n, double));
    for (int i = 0; i < N_PAIRS; i++) {
        TRY_ALLOC(search->pairs[i].step, ARENA_ARRAY(arena, n, double));
        TRY_ALLOC(search->pairs[i].change, ARENA_ARRAY(arena, n, double));
    }
done:
    return status;
}

/* The i-th newest pair. */
static const struct correction_pair *newest(const struct search *search, int i)
{
    return &search->pairs[(search->next - 1 - i + 2 * N_PAIRS) % N_PAIRS];
}

/* direction = −H·gradient by the two loops over the pairs. */
static void choose_direction(struct search *search)
{
    int64_t n = search->objective->n;
    double factors[N_PAIRS] = {0}, scale = 1;

    assert(search->n_pairs >= 0 && search->n_pairs <= N_PAIRS);
    for (int64_t i = 0; i < n; i++)
        search->direction[i] = -search->gradient[i];
    for (int i = 0; i < search->n_pairs; i++) {
        const struct correction_pair *pair = newest(search, i);
        factors[i] = dot(pair->step, search->direction, n) / pair->product;
        add(search->direction, -factors[i], pair->change, n);
    }
    if (search->n_pairs > 0) {
        const struct correction_pair *pair = newest(search, 0);
        scale = pair->product / dot(pair->change, pair->change, n);
    } else {
        scale = 1 / sqrt(dot(search->gradient, search->gradient, n));
    }
    for (int64_t i = 0; i < n; i++)
        search->direction[i] *= scale;
    for (int i = search->n_pairs - 1; i >= 0; i--) {
        const struct correction_pair *pair = newest(search, i);
        double back = dot(pair->change, search->direction, n) / pair->product;
        add(search->direction, factors[i] - back, pair->step, n);
    }
}

static void remember(struct search *search)
{
    int64_t n = search->objective->n;
    struct correction_pair *pair = &search->pairs[search->next];

    for (int64_t i = 0; i < n; i++) {
        pair->step[i] = search->there[i] - search->x[i];
        pair->change[i] = search->its_gradient[i] - search->gradient[i];
    }
    pair->product = dot(pair->step, pair->change, n);
    if (!(pair->product > 0))
        return;
    search->next = (search->next + 1) % N_PAIRS;
    search->n_pairs += search->n_pairs < N_PAIRS;
}

/* One step along the direction; false when no step leads down. */
static bool walk(struct search *search)
{
    int64_t n = search->objective->n;
    double slope = dot(search->direction, search->gradient, n), length = 1;

    if (!(slope < 0))
        return false;
    for (int k = 0; k < MOST_HALVINGS; k++, length /= 2) {
        memcpy(search->there, search->x, (size_t)n * sizeof *search->x);
        add(search->there, length, search->direction, n);
        double value = search->objective->evaluate(search->objective->context, search->there,
                                                   search->its_gradient);
        double most = search->value + sufficient_decrease * length * slope;
        if (!(value <= most + rounding * fabs(search->value)))
            continue;
        remember(search);
        search->value = value;
        memcpy(search->x, search->there, (size_t)n * sizeof *search->x);
        memcpy(search->gradient, search->its_gradient, (size_t)n * sizeof *search->gradient);
        return true;
    }
    return false;
}

enum status minimise(const struct objective *objective, const struct minimise_limits *limits,
                     double *x, int64_t *n_iterations)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct search search = {.objective = objective, .x = x};
    int64_t i = 0;

    TRY(arena_create(&arena));
    TRY(search_create(&search, arena));
    search.value = objective->evaluate(objective->context, x, search.gradient);
    if (!isfinite(search.value))
        TRY(fail(STATUS_DIVERGED, "nothing to minimise: the value at the start is %g",
                 search.value));
    while (i < limits->iterations && largest(search.gradient, objective->n) > limits->tolerance) {
        choose_direction(&search);
        if (!walk(&search))
            break;
        i++;
    }
    if (n_iterations != NULL)
        *n_iterations = i;
done:
    arena_destroy(arena);
    return status;
}
