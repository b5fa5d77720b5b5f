/* Cross-entropy of softmax with its gradient. Rows are short, so each is done in float64. */
#include "kernels/cpu/cpu.h"

#include <assert.h>
#include <math.h>

/* The workspace holds each row's loss in float64, so that their sum has one order. */
enum status cpu_softmax_cross_entropy_prepare(struct device *device,
                                              const struct softmax_cross_entropy *op,
                                              struct prepared **out)
{
    (void)device;
    return cpu_prepared_create((size_t)op->logits.shape[0] * sizeof(double), out);
}

/* log Σ exp(logits), shifted by the largest. NaN in, NaN out. */
static double log_sum_exp(const float *logits, int64_t n_classes)
{
    float largest = logits[0];
    double sum = 0.0;

    for (int64_t k = 1; k < n_classes; k++)
        largest = logits[k] > largest ? logits[k] : largest;
    for (int64_t k = 0; k < n_classes; k++)
        sum += exp((double)logits[k] - (double)largest);
    return (double)largest + log(sum);
}

/* One row: its loss, and its share of the gradient unless d_logits is NULL. */
static double row_loss(const float *logits, int32_t label, int64_t n_classes, double share,
                       float *d_logits)
{
    if (label < 0) {
        for (int64_t k = 0; k < n_classes && d_logits != NULL; k++)
            d_logits[k] = 0.0f;
        return 0.0;
    }
    assert(label < n_classes);
    double normaliser = log_sum_exp(logits, n_classes);
    double loss = normaliser - (double)logits[label];
    for (int64_t k = 0; k < n_classes && d_logits != NULL; k++) {
        double probability = exp((double)logits[k] - normaliser);
        d_logits[k] = (float)((probability - (k == label ? 1.0 : 0.0)) * share);
    }
    return loss;
}

/* A target of several classes; without partners and smoothing there is none. */
struct mixture {
    double first, second; /* shares of the label and of its partner */
    double every;         /* share of every class */
    const int32_t *labels, *partners;
    int64_t n_classes;
};

static struct mixture mixture_of(const struct softmax_cross_entropy *op)
{
    const int32_t *labels = op->labels.data, *partners = op->partner_labels.data;
    double mix = partners != NULL ? *(const double *)op->mix.data : 1.0;
    double rest = 1.0 - op->smoothing;
    int64_t n_classes = op->logits.shape[1];

    return (struct mixture){.first = rest * mix,
                            .second = rest * (1.0 - mix),
                            .every = op->smoothing / (double)n_classes,
                            .labels = labels,
                            .partners = partners != NULL ? partners : labels,
                            .n_classes = n_classes};
}

/* 0 · infinity is nothing here: the class is no part of the target. */
static double part_of(double share, double surprise)
{
    return share != 0.0 ? share * surprise : 0.0;
}

/* As row_loss of a counted row. d_logits may be logits' memory. */
static double mixed_row_loss(const float *logits, const struct mixture *mixture, int64_t n,
                             double share, float *d_logits)
{
    int64_t n_classes = mixture->n_classes;
    int32_t label = mixture->labels[n], partner = mixture->partners[n];

    assert(label < n_classes && partner >= 0 && partner < n_classes);
    double normaliser = log_sum_exp(logits, n_classes), sum = 0.0;
    double loss = part_of(mixture->first, normaliser - (double)logits[label]) +
                  part_of(mixture->second, normaliser - (double)logits[partner]);

    for (int64_t k = 0; k < n_classes; k++) {
        double target = mixture->every + (k == label ? mixture->first : 0.0) +
                        (k == partner ? mixture->second : 0.0);
        double surprise = normaliser - (double)logits[k];
        sum += surprise;
        if (d_logits != NULL)
            d_logits[k] = (float)((exp(-surprise) - target) * share);
    }
    return loss + part_of(mixture->every, sum);
}

enum status cpu_softmax_cross_entropy_run(struct queue *queue, const struct prepared *prepared,
                                          const struct softmax_cross_entropy *op)
{
    (void)prepared;
    const float *logits = op->logits.data;
    const int32_t *labels = op->labels.data;
    float *d_logits = op->d_logits.data, *sample_loss = op->sample_loss.data;
    double *losses = op->workspace.data, total = 0.0;
    int64_t n_rows = op->logits.shape[0], n_classes = op->logits.shape[1], n_counted = 0;
    const struct mixture mixture = mixture_of(op);
    bool is_mixed = op->partner_labels.data != NULL || op->smoothing > 0.0;

    for (int64_t n = 0; n < n_rows; n++)
        n_counted += labels[n] >= 0;
    double share = n_counted > 0 ? op->weight / (double)n_counted : 0.0;
#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, n_rows *n_classes))
    for (int64_t n = 0; n < n_rows; n++) {
        const float *row = logits + n * n_classes;
        float *d_row = d_logits != NULL ? d_logits + n * n_classes : NULL;
        losses[n] = is_mixed && labels[n] >= 0 ? mixed_row_loss(row, &mixture, n, share, d_row)
                                               : row_loss(row, labels[n], n_classes, share, d_row);
        if (sample_loss != NULL)
            sample_loss[n] = (float)losses[n];
    }
    for (int64_t n = 0; n < n_rows; n++)
        total += losses[n];
    *(float *)op->loss.data = (float)(total * share);
    return STATUS_OK;
}
