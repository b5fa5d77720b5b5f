/* What an attack looks at in one image's probabilities. */
#include "eval/attack.h"

#include <math.h>

double feature_entropy(const float *probability, int n_classes)
{
    double sum = 0.0;

    for (int k = 0; k < n_classes; k++) {
        double p = (double)probability[k];
        sum -= p == 0.0 ? 0.0 : p * log(p);
    }
    return sum;
}

static double sum_of_others(const float *probability, int n_classes, int left_out)
{
    double sum = 0.0;

    for (int k = 0; k < n_classes; k++)
        sum += k != left_out ? (double)probability[k] : 0.0;
    return sum;
}

/* 1 − p: by subtraction only where nothing cancels. */
static double complement(const float *probability, int n_classes, int k)
{
    return probability[k] > 0.5f ? sum_of_others(probability, n_classes, k)
                                 : 1.0 - (double)probability[k];
}

double feature_modified_entropy(const float *probability, int n_classes, int label, double loss)
{
    const double least = 1e-30; /* as the published code's */
    double sum = complement(probability, n_classes, label) * loss;

    for (int k = 0; k < n_classes; k++) {
        double rest = complement(probability, n_classes, k);
        if (k != label)
            sum -= (double)probability[k] * log(rest < least ? least : rest);
    }
    return sum;
}
