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

static enum status check_label(const char *name, int64_t n, int32_t label, int64_t least,
                               int64_t n_classes)
{
    if (label < least || label >= n_classes)
        return fail(STATUS_BAD_DATA,
                    "softmax_cross_entropy: %s[%lld] is %d, expected a number in [%s, %lld)", name,
                    (long long)n, label, least < 0 ? "−1" : "0", (long long)n_classes);
    return STATUS_OK;
}

static enum status count_rows(const struct softmax_cross_entropy *args, int64_t *n_counted)
{
    const int32_t *labels = args->labels.data, *partners = args->partner_labels.data;
    const double *mix = args->mix.data;
    int64_t n_classes = args->logits.shape[1];
    enum status status = STATUS_OK;

    *n_counted = 0;
    if (mix != NULL && !(*mix >= 0 && *mix <= 1))
        TRY(fail(STATUS_BAD_DATA, "softmax_cross_entropy: mix is %g, expected a number in [0, 1]",
                 *mix));
    for (int64_t n = 0; n < args->labels.shape[0]; n++) {
        TRY(check_label("labels", n, labels[n], -1, n_classes));
        if (partners != NULL && labels[n] >= 0)
            TRY(check_label("partner_labels", n, partners[n], 0, n_classes));
        *n_counted += labels[n] >= 0;
    }
done:
    return status;
}

/* The probability that row n's target gives to class k. */
static double target(const struct softmax_cross_entropy *args, int64_t n, int64_t k)
{
    const int32_t *labels = args->labels.data, *partners = args->partner_labels.data;
    double mix = partners != NULL ? *(const double *)args->mix.data : 1.0;
    double one = k == labels[n] ? mix : 0.0;

    if (partners != NULL && k == partners[n])
        one += 1.0 - mix;
    return (1.0 - args->smoothing) * one + args->smoothing / (double)args->logits.shape[1];
}

/* −Σ target·log softmax; a class without a share adds nothing, however small its probability. */
static double row_loss(const struct softmax_cross_entropy *args, int64_t n, double total)
{
    int64_t n_classes = args->logits.shape[1];
    const double *logits = (const double *)args->logits.data + n * n_classes;
    double loss = 0.0;

    for (int64_t k = 0; k < n_classes; k++)
        if (target(args, n, k) != 0.0)
            loss += target(args, n, k) * (total - logits[k]);
    return loss;
}

/* d_logits may be logits' memory: each element is read before it is written. */
static void gradient_row(const struct softmax_cross_entropy *args, int64_t n, double total,
                         double n_counted)
{
    int64_t n_classes = args->logits.shape[1];
    const double *logits = (const double *)args->logits.data + n * n_classes;
    double *d_logits = (double *)args->d_logits.data + n * n_classes;

    for (int64_t k = 0; k < n_classes; k++)
        d_logits[k] = args->weight * (exp(logits[k] - total) - target(args, n, k)) / n_counted;
}

enum status ref_softmax_cross_entropy_run(struct queue *queue, const struct prepared *prepared,
                                          const struct softmax_cross_entropy *args)
{
    int64_t n_rows = args->logits.shape[0], n_classes = args->logits.shape[1], n_counted = 0;
    const int32_t *labels = args->labels.data;
    double *sample_loss = args->sample_loss.data, *d_logits = args->d_logits.data;
    double sum = 0.0;
    enum status status = STATUS_OK;

    (void)queue;
    (void)prepared;
    TRY(count_rows(args, &n_counted));
    for (int64_t n = 0; n < n_rows; n++) {
        bool is_counted = labels[n] >= 0;
        double total = log_sum_exp((const double *)args->logits.data + n * n_classes, n_classes);
        double loss = is_counted ? row_loss(args, n, total) : 0.0;
        sum += loss;
        if (sample_loss != NULL)
            sample_loss[n] = loss;
        if (d_logits != NULL && is_counted)
            gradient_row(args, n, total, (double)n_counted);
        else if (d_logits != NULL)
            ref_fill(d_logits + n * n_classes, n_classes, 0.0);
    }
    *(double *)args->loss.data = n_counted > 0 ? args->weight * sum / (double)n_counted : 0.0;
done:
    return status;
}
