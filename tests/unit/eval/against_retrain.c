/* Gap, tug of war, Jensen-Shannon distance and confusion against values worked out by hand and by
 * torch.nn.functional.kl_div. */
#include "eval/eval.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <string.h>

static const struct scores unlearned = {.ua = 0.75, .ra = 0.90, .ta = 0.60, .mia = 0.50};
static const struct scores retrained = {.ua = 1.00, .ra = 0.80, .ta = 0.65, .mia = 1.00};

static void expect_near(double found, double wanted)
{
    if (!(fabs(found - wanted) <= 1e-14))
        fail_msg("got %.17g, want %.17g", found, wanted);
}

static void test_gap(void **state)
{
    (void)state;
    struct scores missing = unlearned;

    expect_near(average_gap(&unlearned, &retrained), (0.25 + 0.10 + 0.05 + 0.50) / 4);
    expect_near(average_gap(&retrained, &unlearned), 0.225); /* sizes, so either way round */
    assert_true(average_gap(&retrained, &retrained) == 0.0);
    missing.mia = NAN;
    assert_true(isnan(average_gap(&missing, &retrained)));
}

static void test_tug_of_war(void **state)
{
    (void)state;
    struct scores other = unlearned;

    expect_near(tug_of_war(&unlearned, &retrained), 0.75 * 0.90 * 0.95);
    assert_true(tug_of_war(&retrained, &retrained) == 1.0);
    other.mia = 0.1; /* no part of it */
    assert_true(tug_of_war(&other, &retrained) == tug_of_war(&unlearned, &retrained));
    assert_true(tug_of_war(&(struct scores){.ua = 0}, &(struct scores){.ua = 1}) == 0.0);
}

static double distance(const float *p, const float *q, int64_t n, int64_t n_classes)
{
    double found = -1;

    ok(js_distance(p, q, n, n_classes, &found));
    return found;
}

static void test_js_of_one_image(void **state)
{
    (void)state;
    const float p[] = {1, 0, 0}, q[] = {0, 0, 1}, half[] = {0.5F, 0, 0.5F};
    const float a[] = {0.125F, 0.25F, 0.625F}, b[] = {0.5F, 0.25F, 0.25F};

    assert_true(distance(p, p, 1, 3) == 0.0);
    assert_true(distance(p, q, 1, 3) == 1.0);
    /* JSD(p, half) = ½·log2(4/3) + ½(½·log2(2/3) + ½·log2(2)) */
    expect_near(distance(p, half, 1, 3), sqrt(0.5 * log2(4.0 / 3) + 0.25 * (log2(2.0 / 3) + 1)));
    expect_near(distance(a, b, 1, 3), 0.38312167988747153); /* torch's kl_div */
    assert_true(distance(a, b, 1, 3) == distance(b, a, 1, 3));
}

/* Images are averaged, classes are not: classes that nobody chooses leave the distance alone, where
 * a mean over elements would shrink with each of them. */
static void test_js_of_many(void **state)
{
    (void)state;
    const float p[] = {1, 0, 1, 0, 1, 0, 1, 0}, q[] = {1, 0, 0, 1, 1, 0, 0, 1};
    const float wide_p[] = {1, 0, 0, 0, 0, 0, 0, 0}, wide_q[] = {0, 1, 0, 0, 0, 0, 0, 0};

    expect_near(distance(p, q, 4, 2), 0.5); /* two images at 0, two at 1: not sqrt(mean JSD) */
    assert_true(distance(wide_p, wide_q, 1, 8) == 1.0);
    assert_true(isnan(distance(p, q, 0, 2)));
}

/* Rounding of the stored rows does not make equal predictions differ, nor leave [0, 1]. */
static void test_js_near_the_bounds(void **state)
{
    (void)state;
    const float third[] = {1.0F / 3, 1.0F / 3, 1.0F / 3};
    const float nearly[] = {0x1.555556p-2F, 0x1.555554p-2F, 0x1.555558p-2F};
    const float tiny[] = {1e-38F, 1, 0}, one[] = {0, 1, 0};

    const float off[] = {0.99999994F, 2e-8F, 2e-8F}, other[] = {0, 0, 0.99995F};

    assert_true(distance(third, third, 1, 3) == 0.0);
    assert_true(distance((float[]){1, 0, 0}, other, 1, 3) == 1.0); /* scaled to sum to 1 */
    assert_true(distance(off, off, 1, 3) == 0.0);
    assert_true(distance(third, nearly, 1, 3) < 1e-6);
    double found = distance(tiny, one, 1, 3);
    assert_true(found >= 0.0 && found < 1e-15);
}

static void test_js_refuses(void **state)
{
    (void)state;
    const float good[] = {0.5F, 0.5F, 0.5F, 0.5F}, nan[] = {0.5F, 0.5F, NAN, 0.5F};
    const float short_of[] = {0.5F, 0.5F, 0.5F, 0.25F}, negative[] = {1.25F, -0.25F, 1, 0};
    double found = -1;

    assert_int_equal(js_distance(nan, good, 2, 2, &found), STATUS_BAD_DATA);
    assert_non_null(
        strstr(status_message(),
               "forgotten image 1: probability 0 of the unlearned model is nan, expected 0 to 1"));
    assert_int_equal(js_distance(good, short_of, 2, 2, &found), STATUS_BAD_DATA);
    assert_non_null(
        strstr(status_message(),
               "forgotten image 1: probabilities of the retrained model sum to 0.75, expected 1"));
    assert_int_equal(js_distance(good, negative, 2, 2, &found), STATUS_BAD_DATA);
    assert_non_null(
        strstr(status_message(),
               "forgotten image 0: probability 0 of the retrained model is 1.25, expected 0 to 1"));
    assert_true(found == -1);
}

static void test_confusion(void **state)
{
    (void)state;
    int32_t argmax[] = {0, 2, 2, 1, -1, 2, 0, 0};
    const int32_t images[] = {1, 2, 3, 4, 7};
    const struct predictions predictions = {.n = 8, .n_classes = 3, .argmax = argmax};
    double profile[3], other[] = {0.0, 0.5, 0.5};

    confusion_profile(&predictions, images, 5, profile);
    expect_near(profile[0], 0.2);
    expect_near(profile[1], 0.2);
    expect_near(profile[2], 0.4); /* the image without a choice counts among the five */
    expect_near(confusion_distance(profile, other, 3), (0.2 + 0.3 + 0.1) / 2);
    assert_true(confusion_distance(profile, profile, 3) == 0.0);
    assert_true(confusion_distance((double[]){1, 0}, (double[]){0, 1}, 2) == 1.0);
    confusion_profile(&predictions, images, 0, profile);
    assert_true(isnan(profile[0]) && isnan(confusion_distance(profile, other, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_tug_of_war),
        cmocka_unit_test(test_js_of_one_image),
        cmocka_unit_test(test_js_of_many),
        cmocka_unit_test(test_js_near_the_bounds),
        cmocka_unit_test(test_js_refuses),
        cmocka_unit_test(test_confusion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
