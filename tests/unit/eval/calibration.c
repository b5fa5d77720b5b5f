/* Expected calibration error of made-up images, by hand; fits.c has a longer one. */
#include "eval/eval.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>

static void test_bins(void **state)
{
    (void)state;
    float probability[] = {0.75f, 0.25f, 0.75f, 0.25f, 0.25f, 0.75f, 1, 0};
    int32_t argmax[] = {0, 0, 1, 0}, labels[] = {0, 1, 1, 0}, images[] = {0, 1, 2, 3};
    const struct predictions predictions = {
        .n = 4, .n_classes = 2, .argmax = argmax, .labels = labels, .probability = probability};
    double error = -1;

    /* two of the three at 0.75 are right, the one at 1 is */
    ok(calibration_error(&predictions, "test", images, 4, &error));
    assert_true(fabs(error - 0.75 * fabs(2.0 / 3 - 0.75)) < 1e-15);
    ok(calibration_error(&predictions, "test", images + 3, 1, &error));
    assert_true(error == 0);
    ok(calibration_error(&predictions, "test", images + 1, 1, &error));
    assert_true(error == 0.75);
    ok(calibration_error(&predictions, "test", images, 0, &error));
    assert_true(isnan(error));
}

/* 3/5 is an edge of two bins and belongs to the lower: right above and wrong below do not cancel.
 */
static void test_edges(void **state)
{
    (void)state;
    float probability[] = {0.6f, 0.4f, 0.5625f, 0.4375f, 0.625f, 0.375f};
    int32_t argmax[] = {0, 0, 0}, labels[] = {0, 1, 1}, images[] = {0, 1, 2};
    const struct predictions predictions = {
        .n = 3, .n_classes = 2, .argmax = argmax, .labels = labels, .probability = probability};
    double error = -1;

    /* 0.6f lies above 3/5: with 0.625 */
    ok(calibration_error(&predictions, "test", images, 3, &error));
    assert_true(fabs(error - (0.5625 + fabs(1 - (double)0.6f - 0.625)) / 3) < 1e-15);
    probability[0] = 0.59999996f; /* below: with 0.5625 */
    ok(calibration_error(&predictions, "test", images, 3, &error));
    assert_true(fabs(error - (fabs(1 - (double)0.59999996f - 0.5625) + 0.625) / 3) < 1e-15);
}

static void test_diverged(void **state)
{
    (void)state;
    float probability[] = {NAN, NAN};
    int32_t argmax[] = {-1}, labels[] = {0}, images[] = {0};
    const struct predictions predictions = {
        .n = 1, .n_classes = 2, .argmax = argmax, .labels = labels, .probability = probability};
    double error = 7;

    assert_int_equal(calibration_error(&predictions, "test", images, 1, &error), STATUS_DIVERGED);
    assert_string_equal(status_message(), "the probabilities of test image 0 are nan");
    assert_true(error == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bins),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_diverged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
