/* Does a model's confidence match how often it is right? Guo et al., arXiv:1706.04599. */
#include "eval/eval.h"

#include <math.h>

struct bin {
    int64_t n_right;
    double confidence; /* summed */
};

/* ((m − 1)/15, m/15] is bin m − 1. */
static int bin_of(double confidence)
{
    int bin = (int)ceil(confidence * CALIBRATION_BINS) - 1;

    return bin < 0 ? 0 : bin < CALIBRATION_BINS ? bin : CALIBRATION_BINS - 1;
}

static double gap_of_bins(const struct bin bins[CALIBRATION_BINS], int64_t n)
{
    double sum = 0.0;

    for (int m = 0; m < CALIBRATION_BINS; m++)
        sum += fabs((double)bins[m].n_right - bins[m].confidence);
    return sum /
           (double)n; /* the bins' sizes cancel: |bin|/n · |n_right/|bin| − confidence/|bin|| */
}

enum status calibration_error(const struct predictions *predictions, const char *table,
                              const int32_t *images, int64_t n, double *out)
{
    struct bin bins[CALIBRATION_BINS] = {0};

    for (int64_t i = 0; i < n; i++) {
        int64_t image = images[i];
        int chosen = predictions->argmax[image];
        if (chosen < 0)
            return fail(STATUS_DIVERGED, "the probabilities of %s image %lld are nan", table,
                        (long long)image);
        double confidence =
            (double)predictions->probability[image * predictions->n_classes + chosen];
        struct bin *bin = &bins[bin_of(confidence)];
        bin->n_right += chosen == predictions->labels[image];
        bin->confidence += confidence;
    }
    *out = n > 0 ? gap_of_bins(bins, n) : NAN;
    return STATUS_OK;
}
