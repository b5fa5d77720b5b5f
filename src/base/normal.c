/* Inverted numerically, so that a quantile is as good as the C library's erfc. */
#include "base/normal.h"

#include <math.h>

double normal_distribution(double x)
{
    return 0.5 * erfc(-x * sqrt(0.5));
}

double normal_quantile(double p)
{
    double low = -9, high = 9; /* Φ(−9) is 1e-19 */

    for (int i = 0; i < 64; i++) {
        double middle = (low + high) / 2;
        if (0.5 * erfc(-middle / sqrt(2.0)) < p) /* not the bits of normal_distribution */
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

/* From 0 Newton's method never steps past a root of a function that bends towards it. */
double normal_quantile_middle(double p)
{
    double x = 0, step = 1;

    for (int i = 0; i < 50 && fabs(step) > 1e-15; i++) {
        step = (p - normal_distribution(x)) * sqrt(2 * acos(-1)) * exp(x * x / 2);
        x += step;
    }
    return x;
}
