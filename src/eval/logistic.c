/* The attacks' logistic regression on one feature, solved exactly: the objective is strictly convex
 * with two unknowns, so damped Newton steps converge in a handful of passes. */
#include "eval/attack.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

struct side { /* the feature of members (target 0) or non-members (target 1) */
    const double *values;
    int64_t n;
    double target, cost;
};

struct newton { /* objective and derivatives at (w, b) */
    double objective;
    double gradient_w, gradient_b;
    double size;      /* sum of the sizes of the gradient's terms: what rounding is relative to */
    double sum, mean; /* of the curvature cost·p(1 − p), and the values' mean weighted by it */
    double spread;    /* Σ cost·p(1 − p)(value − mean)² */
};

static double probability(double z)
{
    return z >= 0.0 ? 1.0 / (1.0 + exp(-z)) : exp(z) / (1.0 + exp(z));
}

/* −log-likelihood of a target at z, without overflow. */
static double log_loss(double z, double target)
{
    return (z > 0.0 ? z : 0.0) + log1p(exp(-fabs(z))) - target * z;
}

static double objective_at(const struct side sides[2], struct logistic_fit fit)
{
    double sum = 0.5 * fit.w * fit.w;

    for (int s = 0; s < 2; s++) {
        for (int64_t i = 0; i < sides[s].n; i++)
            sum += sides[s].cost * log_loss(fit.w * sides[s].values[i] + fit.b, sides[s].target);
    }
    return sum;
}

static void add_gradient(const struct side *side, struct logistic_fit fit, struct newton *at)
{
    for (int64_t i = 0; i < side->n; i++) {
        double x = side->values[i], p = probability(fit.w * x + fit.b);
        double curvature = side->cost * p * (1.0 - p), error = side->cost * (p - side->target);
        at->gradient_w += error * x;
        at->gradient_b += error;
        at->size += fabs(error) * (1.0 + fabs(x));
        at->sum += curvature;
        at->mean += curvature * x;
    }
}

/* A second pass around the weighted mean: the determinant of the raw sums would cancel. */
static void add_spread(const struct side *side, struct logistic_fit fit, struct newton *at)
{
    for (int64_t i = 0; i < side->n; i++) {
        double x = side->values[i], p = probability(fit.w * x + fit.b);
        at->spread += side->cost * p * (1.0 - p) * (x - at->mean) * (x - at->mean);
    }
}

static struct newton newton_at(const struct side sides[2], struct logistic_fit fit)
{
    struct newton at = {
        .objective = objective_at(sides, fit), .gradient_w = fit.w, .size = fabs(fit.w)};

    for (int s = 0; s < 2; s++)
        add_gradient(&sides[s], fit, &at);
    at.sum =
        fmax(at.sum, 1e-300); /* every probability is 0 or 1: the line search shortens the step */
    at.mean /= at.sum;
    for (int s = 0; s < 2; s++)
        add_spread(&sides[s], fit, &at);
    return at;
}

/* Halves the Newton step until the objective does not rise (by more than its rounding). */
static bool take_step(const struct side sides[2], const struct newton *at, struct logistic_fit *fit)
{
    double step_w = (at->gradient_w - at->mean * at->gradient_b) / (1.0 + at->spread);
    double step_b = at->gradient_b / at->sum - at->mean * step_w;
    double allowed = at->objective + 1e-13 * fabs(at->objective);

    for (double length = 1.0; length > 1e-12; length /= 2.0) {
        struct logistic_fit next = {fit->w - length * step_w, fit->b - length * step_b};
        if (objective_at(sides, next) <= allowed) {
            *fit = next;
            return true;
        }
    }
    return false;
}

static enum status check_values(const double *values, int64_t n, const char *whose)
{
    if (n == 0)
        return fail(STATUS_BAD_DATA, "the membership attack has no %s", whose);
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            return fail(STATUS_DIVERGED, "the membership attack got a value of %g among the %s",
                        values[i], whose);
    }
    return STATUS_OK;
}

enum status two_sides_check(const struct two_sides *sides)
{
    enum status status = check_values(sides->member, sides->n_member, "members");

    if (status == STATUS_OK)
        status = check_values(sides->non_member, sides->n_non_member, "non-members");
    return status;
}

struct logistic_costs logistic_balanced(const struct two_sides *sides, double c)
{
    double n = (double)(sides->n_member + sides->n_non_member);

    return (struct logistic_costs){c * n / (2.0 * (double)sides->n_member),
                                   c * n / (2.0 * (double)sides->n_non_member)};
}

enum status logistic_solve(const struct two_sides *both, struct logistic_costs costs,
                           struct logistic_fit *out)
{
    enum { MOST_STEPS = 200 };
    enum status status = STATUS_OK;
    const struct side sides[2] = {{both->member, both->n_member, 0.0, costs.member},
                                  {both->non_member, both->n_non_member, 1.0, costs.non_member}};

    TRY(two_sides_check(both));
    struct logistic_fit fit = {0.0, log((double)both->n_non_member * costs.non_member /
                                        ((double)both->n_member * costs.member))};
    for (int step = 0; step < MOST_STEPS; step++) {
        struct newton at = newton_at(sides, fit);
        bool is_flat = fabs(at.gradient_w) + fabs(at.gradient_b) <= 1e-10 * at.size;
        bool has_moved =
            take_step(sides, &at, &fit); /* one step more once flat: it costs nothing */
        if (is_flat) {
            *out = fit;
            return STATUS_OK;
        }
        if (!has_moved)
            break;
    }
    status = fail(STATUS_DIVERGED, "the membership attack's fit did not converge (w %g, b %g)",
                  fit.w, fit.b);
done:
    return status;
}
