/* Every fit of an attack against numbers that make_fits.py got elsewhere, and what it does with
 * sides that are empty, alike or not finite. */
#include "fits.h"

#include "support/outcome.h"
#include "world.h"

#include "support/cmocka.h"

#include <math.h>
#include <string.h>

static const struct svc_settings published = {.c = 3, .gamma = 1};

struct made_up {
    double member[N_MEMBER], non_member[N_NON_MEMBER];
    struct two_sides sides;
};

static void made_up_init(struct made_up *made)
{
    features_fill(made->member, N_MEMBER, made->non_member, N_NON_MEMBER);
    made->sides = (struct two_sides){made->member, made->non_member, N_MEMBER, N_NON_MEMBER};
}

static void expect_near(double found, double wanted)
{
    if (!(fabs(found - wanted) <= 1e-9 * (1 + fabs(wanted))))
        fail_msg("%.15g, want %.15g", found, wanted);
}

static void test_logistic(void **state)
{
    (void)state;
    struct made_up made;
    struct logistic_fit fit;

    made_up_init(&made);
    ok(logistic_solve(&made.sides, (struct logistic_costs){1, 1}, &fit));
    expect_near(fit.w, plain_fit[0]);
    expect_near(fit.b, plain_fit[1]);
    ok(logistic_solve(&made.sides, logistic_balanced(&made.sides, 2), &fit));
    expect_near(fit.w, balanced_fit[0]);
    expect_near(fit.b, balanced_fit[1]);
}

static void test_cross_validation(void **state)
{
    (void)state;
    const double low[3] = {0, 0.1, 0.2}, high[4] = {40, 50, 60, 70}, same[4] = {5, 5, 5, 5};
    struct made_up made;
    double accuracy = -1;

    made_up_init(&made);
    ok(logistic_cross_validate(&made.sides, 1, &accuracy));
    expect_near(accuracy, cross_validated);
    struct two_sides sides = {low, high, 3, 4}; /* three turns */
    ok(logistic_cross_validate(&sides, 1, &accuracy));
    assert_true(accuracy == 1);
    sides = (struct two_sides){same, same, 4, 3};
    ok(logistic_cross_validate(&sides, 1, &accuracy));
    assert_true(accuracy == 0.5);
    sides.n_non_member = 1;
    ok(logistic_cross_validate(&sides, 1, &accuracy));
    assert_true(isnan(accuracy));
    sides.n_non_member = 0;
    ok(logistic_cross_validate(&sides, 1, &accuracy));
    assert_true(isnan(accuracy));
}

static void test_svc(void **state)
{
    (void)state;
    struct made_up made;
    double first[N_QUERIES], again[N_QUERIES];

    made_up_init(&made);
    ok(svc_decide(&made.sides, &published, queries, N_QUERIES, first));
    for (int i = 0; i < N_QUERIES; i++)
        expect_near(first[i], decisions[i]);
    ok(svc_decide(&made.sides, &published, queries, N_QUERIES, again));
    assert_memory_equal(first, again, sizeof first);
}

/* Nothing tells the sides apart: all is called what there is more of, and a tie member. */
static void test_svc_of_equal_values(void **state)
{
    (void)state;
    const double same[6] = {1, 1, 1, 1, 1, 1}, asked[2] = {1, 0.5};
    struct two_sides sides = {same, same, 6, 2};
    double found[2];

    ok(svc_decide(&sides, &published, asked, 2, found));
    assert_true(found[0] < 0 && found[1] < 0);
    sides = (struct two_sides){same, same, 2, 6};
    ok(svc_decide(&sides, &published, asked, 2, found));
    assert_true(found[0] > 0 && found[1] > 0);
    sides = (struct two_sides){same, same, 6, 6};
    ok(svc_decide(&sides, &published, asked, 1, found));
    assert_true(found[0] <= 0);
}

static void test_bad_sides(void **state)
{
    (void)state;
    const double good[2] = {1, 2}, bad[2] = {1, NAN};
    const struct two_sides no_member = {good, good, 0, 2}, no_other = {good, good, 2, 0};
    const struct two_sides nan = {good, bad, 2, 2}, fine = {good, good, 2, 2};
    const struct svc_settings no_cost = {.c = 0, .gamma = 1};
    double found = 7;

    assert_int_equal(svc_decide(&no_member, &published, good, 1, &found), STATUS_BAD_DATA);
    assert_string_equal(status_message(), "the membership attack has no members");
    assert_int_equal(svc_decide(&no_other, &published, good, 1, &found), STATUS_BAD_DATA);
    assert_string_equal(status_message(), "the membership attack has no non-members");
    assert_int_equal(svc_decide(&nan, &published, good, 1, &found), STATUS_DIVERGED);
    assert_string_equal(status_message(),
                        "the membership attack got a value of nan among the non-members");
    assert_int_equal(svc_decide(&fine, &no_cost, good, 1, &found), STATUS_BAD_DATA);
    assert_string_equal(status_message(), "libsvm refuses C = 0, gamma = 1: C <= 0");
    assert_int_equal(logistic_cross_validate(&nan, 1, &found), STATUS_DIVERGED);
    assert_true(found == 7);
}

static void test_calibration(void **state)
{
    (void)state;
    enum { N = 200, WIDTH = 2 };
    float probability[N * WIDTH];
    int32_t argmax[N] = {0}, labels[N], images[N];
    const struct predictions predictions = {
        .n = N, .n_classes = WIDTH, .argmax = argmax, .labels = labels, .probability = probability};
    double error = 0;

    for (int i = 0; i < N; i++) {
        probability[WIDTH * i] = (float)(0.5 + (37 * i % 101) / 202.0);
        probability[WIDTH * i + 1] = 1 - probability[WIDTH * i];
        labels[i] = i % 4 == 0;
        images[i] = i;
    }
    ok(calibration_error(&predictions, "test", images, N, &error));
    expect_near(error, expected_error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logistic),  cmocka_unit_test(test_cross_validation),
        cmocka_unit_test(test_svc),       cmocka_unit_test(test_svc_of_equal_values),
        cmocka_unit_test(test_bad_sides), cmocka_unit_test(test_calibration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
