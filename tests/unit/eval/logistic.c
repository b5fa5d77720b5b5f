/* The attack's fit against an independent solution: two nested bisections on the gradient, in long
 * double. */
#include "eval/attack.h"

#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/random_stream.h"

#include <math.h>
#include <string.h>

struct problem {
    double member[600], non_member[600];
    int64_t n_member, n_non_member;
};

static enum status solve(const double *member, int64_t n_member, const double *non_member,
                         int64_t n_non_member, struct logistic_fit *fit)
{
    const struct two_sides sides = {member, non_member, n_member, n_non_member};
    return logistic_solve(&sides, (struct logistic_costs){1, 1}, fit);
}

static long double gradient_b(const struct problem *problem, long double w, long double b)
{
    long double sum = 0;

    for (int64_t i = 0; i < problem->n_member; i++)
        sum += 1 / (1 + expl(-(w * problem->member[i] + b)));
    for (int64_t i = 0; i < problem->n_non_member; i++)
        sum -= 1 / (1 + expl(w * problem->non_member[i] + b));
    return sum;
}

static long double gradient_w(const struct problem *problem, long double w, long double b)
{
    long double sum = w;

    for (int64_t i = 0; i < problem->n_member; i++)
        sum += problem->member[i] / (1 + expl(-(w * problem->member[i] + b)));
    for (int64_t i = 0; i < problem->n_non_member; i++)
        sum -= problem->non_member[i] / (1 + expl(w * problem->non_member[i] + b));
    return sum;
}

/* The gradient in b rises with b. */
static long double best_b(const struct problem *problem, long double w)
{
    long double low = -2000, high = 2000;

    for (int i = 0; i < 90; i++) {
        long double middle = (low + high) / 2;
        *(gradient_b(problem, w, middle) > 0 ? &high : &low) = middle;
    }
    return (low + high) / 2;
}

/* min over b of the objective is convex in w, and its slope is the gradient in w there. */
static struct logistic_fit bisect(const struct problem *problem)
{
    long double low = -1000, high = 1000;

    for (int i = 0; i < 80; i++) {
        long double middle = (low + high) / 2;
        long double slope = gradient_w(problem, middle, best_b(problem, middle));
        *(slope > 0 ? &high : &low) = middle;
    }
    return (struct logistic_fit){(double)low, (double)best_b(problem, low)};
}

static void expect_optimum(const struct problem *problem)
{
    struct logistic_fit fit, wanted = bisect(problem);

    ok(solve(problem->member, problem->n_member, problem->non_member, problem->n_non_member, &fit));
    if (fabs(fit.w - wanted.w) > 1e-9 * (1 + fabs(wanted.w)) ||
        fabs(fit.b - wanted.b) > 1e-9 * (1 + fabs(wanted.b)))
        fail_msg("w %.15g b %.15g, want %.15g %.15g", fit.w, fit.b, wanted.w, wanted.b);
}

/* Losses as networks have them: members near zero, non-members with a long tail. */
static struct problem skewed(uint64_t seed, int64_t n_member, int64_t n_non_member, double tail)
{
    struct random_stream stream = random_stream_at(seed, 0);
    struct problem problem = {.n_member = n_member, .n_non_member = n_non_member};

    for (int64_t i = 0; i < n_member; i++)
        problem.member[i] = exp(-5 + 2 * stream_normal(&stream));
    for (int64_t i = 0; i < n_non_member; i++)
        problem.non_member[i] = exp(-4 + tail * stream_normal(&stream));
    return problem;
}

static void test_skewed_losses(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct problem problem = skewed(seed, 600, 108, 2.5);
        expect_optimum(&problem);
    }
}

static void test_hard_cases(void **state)
{
    (void)state;
    struct problem same = {{1, 2, 3}, {1, 2, 3}, 3, 3};
    struct problem one = {{0.5}, {7}, 1, 1};
    struct problem separable = {{0}, {0}, 200, 150};
    struct problem constant = {{0}, {0}, 500, 20};
    struct problem tail = skewed(9, 400, 300, 5); /* losses up to about 1e6 */
    struct problem reversed = {{9, 8, 7, 1000}, {0, 0.1}, 4, 2};

    for (int i = 0; i < 150; i++)
        separable.non_member[i] = 40 + i;
    expect_optimum(&same);
    expect_optimum(&one);
    expect_optimum(&separable);
    expect_optimum(&constant);
    expect_optimum(&tail);
    expect_optimum(&reversed);
}

/* Nothing to tell the sides apart: w is 0 and b the log odds. */
static void test_log_odds(void **state)
{
    (void)state;
    const double member[3] = {2, 2, 2}, non_member[1] = {2};
    struct logistic_fit fit;

    ok(solve(member, 3, non_member, 1, &fit));
    assert_true(fabs(fit.w) < 1e-12);
    assert_true(fabs(fit.b + log(3)) < 1e-12);
}

static void test_bad_values(void **state)
{
    (void)state;
    const double good[2] = {1, 2}, nan[2] = {1, NAN}, infinite[2] = {INFINITY, 1};
    struct logistic_fit fit = {5, 6};

    assert_int_equal(solve(nan, 2, good, 2, &fit), STATUS_DIVERGED);
    assert_non_null(strstr(status_message(), "nan among the members"));
    assert_int_equal(solve(good, 2, infinite, 2, &fit), STATUS_DIVERGED);
    assert_non_null(strstr(status_message(), "inf among the non-members"));
    assert_int_equal(solve(good, 0, good, 2, &fit), STATUS_BAD_DATA);
    assert_string_equal(status_message(), "the membership attack has no members");
    assert_int_equal(solve(good, 2, good, 0, &fit), STATUS_BAD_DATA);
    assert_string_equal(status_message(), "the membership attack has no non-members");
    assert_true(fit.w == 5 && fit.b == 6);
}

/* A value that costs twice as much is as good as two of it. */
static void test_costs(void **state)
{
    (void)state;
    const double member[2] = {0, 1}, twice[4] = {0, 1, 0, 1}, non_member[3] = {1, 2, 4};
    const struct two_sides once = {member, non_member, 2, 3}, doubled = {twice, non_member, 4, 3};
    struct logistic_fit fit, wanted;

    ok(logistic_solve(&once, (struct logistic_costs){2, 1}, &fit));
    ok(logistic_solve(&doubled, (struct logistic_costs){1, 1}, &wanted));
    assert_true(fabs(fit.w - wanted.w) < 1e-12 && fabs(fit.b - wanted.b) < 1e-12);
    struct logistic_costs balanced = logistic_balanced(&once, 6);
    assert_true(balanced.member == 7.5 && balanced.non_member == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skewed_losses), cmocka_unit_test(test_hard_cases),
        cmocka_unit_test(test_log_odds),      cmocka_unit_test(test_costs),
        cmocka_unit_test(test_bad_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
