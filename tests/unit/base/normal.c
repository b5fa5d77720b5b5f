/* The normal distribution against values of 20 digits (mpmath), within the stated errors. */
#include "base/normal.h"

#include "support/cmocka.h"

#include <math.h>

static const struct {
    double p, x; /* x of the double p, not of the decimal */
} quantiles[] = {
    {0x1p-33, -6.3379577545537892525},
    {1e-9, -5.9978070150076868614},
    {0.001, -3.0902323061678135354},
    {0.02275013194817921, -1.9999999999999999743},
    {0.3, -0.52440051270804081597},
    {0.5, 0},
    {0.52, 0.050153583464733660604},
    {0.6, 0.25334710313579974132},
    {0.75, 0.6744897501960817432},
    {0.975, 1.9599639845400538556},
    {0.9772498680518208, 1.9999999999999999743},
    {0.999, 3.0902323061678132778},
    {1 - 0x1p-33, 6.3379577545537892525},
};
enum { N_QUANTILES = sizeof quantiles / sizeof *quantiles };

static double error_bound(double x)
{
    double density = exp(-x * x / 2) / sqrt(2 * acos(-1));

    return 2e-15 * fmax(1, fabs(x)) + (x > 0 ? 0x1p-52 / density : 0);
}

static void test_quantile(void **state)
{
    (void)state;
    for (int i = 0; i < N_QUANTILES; i++) {
        double x = normal_quantile(quantiles[i].p);
        if (!(fabs(x - quantiles[i].x) <= error_bound(quantiles[i].x)))
            fail_msg("%.17g: wanted %.17g, got %.17g", quantiles[i].p, quantiles[i].x, x);
    }
}

static void test_middle(void **state)
{
    (void)state;
    for (int i = 0; i < N_QUANTILES; i++) {
        double x = normal_quantile_middle(quantiles[i].p);
        if (fabs(quantiles[i].x) <= 2 && !(fabs(x - quantiles[i].x) <= 1e-14))
            fail_msg("%.17g: wanted %.17g, got %.17g", quantiles[i].p, quantiles[i].x, x);
    }
}

static void test_distribution(void **state)
{
    (void)state;
    for (int i = 0; i < N_QUANTILES; i++) {
        double p = quantiles[i].p, x = quantiles[i].x;
        assert_true(fabs(normal_distribution(x) - p) <= 0x1p-50 * p * fmax(1, x * x));
        assert_true(fabs(normal_distribution(x) + normal_distribution(-x) - 1) <= 0x1p-52);
    }
}

/* Both rise with p, and agree where both hold. */
static void test_order(void **state)
{
    double last = -9, last_middle = -9;

    (void)state;
    for (int i = 24; i < 977; i++) {
        double x = normal_quantile(i / 1000.0), middle = normal_quantile_middle(i / 1000.0);
        assert_true(x > last && middle > last_middle);
        assert_true(fabs(x - middle) <= error_bound(x) + 1e-14);
        last = x;
        last_middle = middle;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_middle),
        cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
