/* The totals of training steps: too little work for more than one thread. */
#include "kernels/cpu/cpu.h"

#include <math.h>

enum status cpu_step_tally_prepare(struct device *device, const struct step_tally *op,
                                   struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

/* NaN is in no order with anything: a row with one is wrong. */
static bool is_right(const float *logits, int32_t label, int64_t n_classes)
{
    float own = logits[label];

    for (int64_t k = 0; k < label; k++)
        if (!(logits[k] < own))
            return false;
    for (int64_t k = label + 1; k < n_classes; k++)
        if (!(logits[k] <= own))
            return false;
    return true;
}

enum status cpu_step_tally_run(struct queue *queue, const struct prepared *prepared,
                               const struct step_tally *op)
{
    (void)queue, (void)prepared;
    const float *logits = op->logits.data;
    const int32_t *labels = op->labels.data;
    double loss = (double)*(const float *)op->loss.data, *totals = op->totals.data;
    int64_t n_rows = op->logits.shape[0], n_classes = op->logits.shape[1];
    int64_t n_counted = 0, n_right = 0;

    for (int64_t n = 0; n < n_rows; n++) {
        n_counted += labels[n] >= 0;
        n_right += labels[n] >= 0 && is_right(logits + n * n_classes, labels[n], n_classes);
    }
    totals[TOTAL_LAST_LOSS] = loss;
    if (isfinite(loss)) {
        totals[TOTAL_LOSS] += loss * (double)n_counted;
        totals[TOTAL_RIGHT] += (double)n_right;
        totals[TOTAL_ROWS] += (double)n_counted;
    } else if (totals[TOTAL_BAD_STEP] == 0) {
        totals[TOTAL_BAD_STEP] = ((const double *)op->rates.data)[1];
        totals[TOTAL_BAD_LOSS] = loss;
    }
    return STATUS_OK;
}
