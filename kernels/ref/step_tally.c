/* The totals of training steps, as kernels.h defines them. */
#include "kernels/ref/ref.h"

#include <math.h>

/* Is logits[label] the first of the largest? A NaN is larger than nothing, and nothing than it. */
static bool is_right(const double *logits, int32_t label, int64_t n_classes)
{
    for (int64_t k = 0; k < n_classes; k++) {
        bool is_smaller = k < label ? logits[k] < logits[label] : logits[k] <= logits[label];
        if (k != label && !is_smaller)
            return false;
    }
    return true;
}

enum status ref_step_tally_run(struct queue *queue, const struct prepared *prepared,
                               const struct step_tally *args)
{
    int64_t n_rows = args->logits.shape[0], n_classes = args->logits.shape[1];
    const int32_t *labels = args->labels.data;
    double loss = *(const double *)args->loss.data, step = ((const double *)args->rates.data)[1];
    double *totals = args->totals.data, n_counted = 0, n_right = 0;

    (void)queue;
    (void)prepared;
    for (int64_t n = 0; n < n_rows; n++) {
        if (labels[n] < 0)
            continue;
        n_counted++;
        n_right +=
            is_right((const double *)args->logits.data + n * n_classes, labels[n], n_classes);
    }
    totals[TOTAL_LAST_LOSS] = loss;
    if (isfinite(loss)) {
        totals[TOTAL_LOSS] += loss * n_counted;
        totals[TOTAL_RIGHT] += n_right;
        totals[TOTAL_ROWS] += n_counted;
    } else if (totals[TOTAL_BAD_STEP] == 0) {
        totals[TOTAL_BAD_STEP] = step;
        totals[TOTAL_BAD_LOSS] = loss;
    }
    return STATUS_OK;
}
