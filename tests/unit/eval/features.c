/* Entropies of one image, by hand. */
#include "eval/attack.h"

#include "support/cmocka.h"

#include <math.h>

static void expect_near(double found, double wanted)
{
    if (!(fabs(found - wanted) <= 1e-6 * (1 + fabs(wanted))))
        fail_msg("%.12g, want %.12g", found, wanted);
}

static void test_entropy(void **state)
{
    (void)state;
    expect_near(feature_entropy((float[]){0.25f, 0.25f, 0.25f, 0.25f}, 4), log(4));
    expect_near(feature_entropy((float[]){0, 1, 0}, 3), 0);
    expect_near(feature_entropy((float[]){0.5f, 0, 0.5f}, 3), log(2));
    assert_true(isnan(feature_entropy((float[]){NAN, NAN}, 2)));
}

/* By the label's and the others' terms of the definition. log p in place of log(1 − p), or the
 * label's term for a whole column, would give other numbers. */
static void test_modified_entropy(void **state)
{
    (void)state;
    const float p[3] = {0.7f, 0.2f, 0.1f};

    expect_near(feature_modified_entropy(p, 3, 0, -log(0.7)),
                -0.3 * log(0.7) - 0.2 * log(0.8) - 0.1 * log(0.9));
    expect_near(feature_modified_entropy(p, 3, 2, -log(0.1)),
                -0.9 * log(0.1) - 0.7 * log(0.3) - 0.2 * log(0.8));
    expect_near(feature_modified_entropy((float[]){0, 1, 0}, 3, 1, 0), 0);
}

/* Sure of the wrong class: float32 rounds the probability to 1, its complement survives. */
static void test_modified_entropy_near_one(void **state)
{
    (void)state;
    const float p[3] = {1, 1e-12f, 0};

    expect_near(feature_modified_entropy(p, 3, 1, -log(1e-12)), -2 * log(1e-12));
    expect_near(feature_modified_entropy((float[]){1, 0, 0}, 3, 1, 200), 200 - log(1e-30));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entropy),
        cmocka_unit_test(test_modified_entropy),
        cmocka_unit_test(test_modified_entropy_near_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
