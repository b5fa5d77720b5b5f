/* Cross-entropy of a softmax in its log-sum-exp form, with the gradient of the mean. */
#include "kernels/ref/ref.h"

#include <math.h>

static double log_sum_exp(const double *logits, int64_t n)
{
    double most = logits[0], sum = 0.0;

    for (int64_t k = 1; k < n; k++)
        most = fmax(most, logits[k]);
    for (int64_t k = 0; k < n; k++)
        sum += exp(logits[k] - most);
    return most + log(sum);
}

static enum status count_rows(const struct softmax_cross_entropy *args, int64_t *n_counted)
{
    const int32_t *labels = args->labels.data;

    *n_counted = 0;
    for (int64_t n = 0; n < args->labels.shape[0]; n++) {
        if (labels[n] < -1 || labels[n] >= args->logits.shape[1])
            return fail(STATUS_BAD_DATA,
                        "softmax_cross_entropy: labels[%lld] is %d, wanted in [−1, %lld)",
                        (long long)n, labels[n], (long long)args->logits.shape[1]);
        *n_counted += labels[n] >= 0;
    }
    return STATUS_OK;
}

/* d_logits may be logits' memory: each element is read before it is written. */
static void gradient_row(const double *logits, int32_t label, double n_counted, double *d_logits,
                         int64_t n_classes)
{
    double total = log_sum_exp(logits, n_classes);

    for (int64_t k = 0; k < n_classes; k++) {
        double probability = exp(logits[k] - total);
        d_logits[k] = label < 0 ? 0.0 : (probability - (k == label ? 1.0 : 0.0)) / n_counted;
    }
}

enum status ref_softmax_cross_entropy_run(struct device *device, struct prepared *prepared,
                                          const struct softmax_cross_entropy *args)
{
    int64_t n_rows = args->logits.shape[0], n_classes = args->logits.shape[1], n_counted = 0;
    const double *logits = args->logits.data;
    const int32_t *labels = args->labels.data;
    double *sample_loss = args->sample_loss.data, *d_logits = args->d_logits.data;
    double sum = 0.0;
    enum status status = STATUS_OK;

    (void)device;
    (void)prepared;
    TRY(count_rows(args, &n_counted));
    for (int64_t n = 0; n < n_rows; n++) {
        const double *row = logits + n * n_classes;
        double loss = labels[n] < 0 ? 0.0 : log_sum_exp(row, n_classes) - row[labels[n]];
        sum += loss;
        if (sample_loss != NULL)
            sample_loss[n] = loss;
        if (d_logits != NULL)
            gradient_row(row, labels[n], (double)n_counted, d_logits + n * n_classes, n_classes);
    }
    *(double *)args->loss.data = n_counted > 0 ? sum / (double)n_counted : 0.0;
done:
    return status;
}
