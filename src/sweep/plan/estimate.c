/* Three sums per group of measured runs (seconds of training, of evaluating, of everything else)
 * give its rates; how the group's own runs scatter around what those rates say gives the
 * uncertainty. */
#include "sweep/plan/estimate.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Never surer than this: other data, a busier machine, longer runs than were measured. */
static const double least_factor[N_ESTIMATE_BASES] = {1.15, 1.5, 2, 4};

struct rates {
    int64_t n;
    double train, eval; /* seconds per product; NaN: none of its runs trained */
    double other;       /* seconds */
    double factor;
};

struct group { /* rates of runs that agree in what their basis asks */
    enum estimate_basis basis;
    const char *arch, *method;
    struct rates rates;
};

struct estimator {
    struct past_run *runs; /* owned */
    int64_t n_runs;
    double assumed_flops;
    struct group *groups; /* owned; made when first asked for */
    int64_t n_groups, capacity;
};

static bool is_of(const struct past_run *run, const struct group *group)
{
    return (group->basis > BASIS_METHOD || strcmp(run->method, group->method) == 0) &&
           (group->basis > BASIS_ARCHITECTURE || strcmp(run->arch, group->arch) == 0);
}

static double predict(const struct rates *rates, const struct cost *cost)
{
    double train = cost->train_flops > 0 ? cost->train_flops * rates->train : 0;

    return train + cost->eval_flops * rates->eval + rates->other;
}

/* Twice the standard deviation of measured ÷ predicted. */
static double spread_of(const struct estimator *estimator, const struct group *group)
{
    double sum = 0;

    for (int64_t i = 0; i < estimator->n_runs; i++) {
        const struct past_run *run = &estimator->runs[i];
        double seconds = run->train_seconds + run->eval_seconds + run->other_seconds;
        double share = seconds / predict(&group->rates, &run->cost) - 1;
        sum += is_of(run, group) ? share * share : 0;
    }
    return 2 * sqrt(sum / (double)(group->rates.n > 1 ? group->rates.n - 1 : 1));
}

static void measure(const struct estimator *estimator, struct group *group)
{
    struct rates *rates = &group->rates;
    double train_flops = 0, eval_flops = 0, train = 0, eval = 0, other = 0;

    for (int64_t i = 0; i < estimator->n_runs; i++) {
        const struct past_run *run = &estimator->runs[i];
        if (!is_of(run, group))
            continue;
        rates->n++;
        train_flops += run->cost.train_flops;
        train += run->cost.train_flops > 0 ? run->train_seconds : 0;
        eval_flops += run->cost.eval_flops;
        eval += run->eval_seconds;
        other += run->other_seconds + (run->cost.train_flops > 0 ? 0 : run->train_seconds);
    }
    if (rates->n == 0)
        return;
    rates->train = train_flops > 0 ? train / train_flops : NAN;
    rates->eval = eval_flops > 0 ? eval / eval_flops : 0;
    rates->other = other / (double)rates->n;
    double least =
        rates->n < 3 ? fmax(1.5, least_factor[group->basis]) : least_factor[group->basis];
    rates->factor = fmax(least, 1 + spread_of(estimator, group));
}

/* NULL when memory ran out: then nothing is known of it. */
static const struct rates *find_rates(struct estimator *estimator, const struct group *wanted)
{
    for (int64_t i = 0; i < estimator->n_groups; i++) {
        const struct group *group = &estimator->groups[i];
        if (group->basis == wanted->basis && strcmp(group->arch, wanted->arch) == 0 &&
            strcmp(group->method, wanted->method) == 0)
            return &group->rates;
    }
    if (heap_grow(&estimator->groups, &estimator->capacity, estimator->n_groups + 1,
                  sizeof *estimator->groups) != STATUS_OK)
        return NULL;
    struct group *made = &estimator->groups[estimator->n_groups++];
    *made = *wanted;
    measure(estimator, made);
    return &made->rates;
}

enum status estimator_create(const struct estimator_settings *settings, struct estimator **out)
{
    enum status status = STATUS_OK;
    struct estimator *made = NULL;

    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    TRY_ALLOC(made->runs, heap_alloc(settings->n_runs, sizeof *made->runs));
    if (settings->n_runs > 0)
        memcpy(made->runs, settings->runs, (size_t)settings->n_runs * sizeof *made->runs);
    made->n_runs = settings->n_runs;
    made->assumed_flops = settings->assumed_flops;
    *out = made;
    made = NULL;
done:
    estimator_destroy(made);
    return status;
}

void estimator_destroy(struct estimator *estimator)
{
    if (estimator == NULL)
        return;
    free(estimator->runs);
    free(estimator->groups);
    free(estimator);
}

struct estimate estimator_of(struct estimator *estimator, const struct settings *settings,
                             const struct cost *cost)
{
    for (int basis = BASIS_METHOD; estimator->n_runs > 0 && basis < BASIS_ASSUMED; basis++) {
        const struct group wanted = {
            .basis = (enum estimate_basis)basis,
            .arch = basis <= BASIS_ARCHITECTURE ? settings->model.arch : "",
            .method = basis == BASIS_METHOD ? settings->unlearn.method : "",
        };
        const struct rates *rates = find_rates(estimator, &wanted);
        if (rates == NULL || rates->n == 0 || (cost->train_flops > 0 && isnan(rates->train)))
            continue;
        return (struct estimate){predict(rates, cost), wanted.basis, rates->n, rates->factor};
    }
    double flops = cost->train_flops + cost->eval_flops;
    return (struct estimate){flops / estimator->assumed_flops, BASIS_ASSUMED, 0,
                             least_factor[BASIS_ASSUMED]};
}
