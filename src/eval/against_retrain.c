/* How far a model is from one that never saw the forgotten images: in its figures (average gap, tug
 * of war) and in what it says of every forgotten image (Jensen-Shannon distance, confusion). */
#include "eval/eval.h"

#include <math.h>

double average_gap(const struct scores *model, const struct scores *retrained)
{
    return (fabs(model->ua - retrained->ua) + fabs(model->ra - retrained->ra) +
            fabs(model->ta - retrained->ta) + fabs(model->mia - retrained->mia)) /
           4.0;
}

double tug_of_war(const struct scores *model, const struct scores *retrained)
{
    return (1.0 - fabs(model->ua - retrained->ua)) * (1.0 - fabs(model->ra - retrained->ra)) *
           (1.0 - fabs(model->ta - retrained->ta));
}

/* One model's prediction of one image. */
struct distribution {
    const float *row;
    double sum; /* what the row is divided by: float32 rows sum to 1 only nearly */
};

static enum status check_row(const float *row, int64_t n_classes, const char *whose,
                             struct distribution *out)
{
    /* Float32 rounding of n_classes values is far below this, another quantity far above. */
    static const double most_off = 1e-4;
    double sum = 0.0;

    for (int64_t k = 0; k < n_classes; k++) {
        if (!(row[k] >= 0.0F && row[k] <= 1.0F))
            return fail(STATUS_BAD_DATA, "probability %lld of the %s model is %g, expected 0 to 1",
                        (long long)k, whose, (double)row[k]);
        sum += (double)row[k];
    }
    if (fabs(sum - 1.0) > most_off)
        return fail(STATUS_BAD_DATA, "probabilities of the %s model sum to %g, expected 1", whose,
                    sum);
    *out = (struct distribution){row, sum};
    return STATUS_OK;
}

/* a·log2(a / mean), 0 where a is: the limit, and what keeps a class nobody chooses out. */
static double term(double a, double mean)
{
    return a > 0.0 ? a * log2(a / mean) : 0.0;
}

static double js_divergence(struct distribution p, struct distribution q, int64_t n_classes)
{
    double sum = 0.0;

    for (int64_t k = 0; k < n_classes; k++) {
        double a = (double)p.row[k] / p.sum, b = (double)q.row[k] / q.sum;
        sum += term(a, (a + b) / 2.0) + term(b, (a + b) / 2.0);
    }
    return fmin(fmax(sum / 2.0, 0.0), 1.0); /* rounding may leave the bounds by its last bits */
}

static enum status image_distance(const float *p, const float *q, int64_t n_classes, double *out)
{
    enum status status = STATUS_OK;
    struct distribution own = {NULL, 1}, other = {NULL, 1};

    TRY(check_row(p, n_classes, "unlearned", &own));
    TRY(check_row(q, n_classes, "retrained", &other));
    *out = sqrt(js_divergence(own, other, n_classes));
done:
    return status;
}

enum status js_distance(const float *p, const float *q, int64_t n, int64_t n_classes, double *out)
{
    double sum = 0.0, distance = 0.0;

    for (int64_t i = 0; i < n; i++) {
        enum status status =
            image_distance(p + i * n_classes, q + i * n_classes, n_classes, &distance);
        if (status != STATUS_OK)
            return fail_context(status, "forgotten image %lld", (long long)i);
        sum += distance;
    }
    *out = n > 0 ? sum / (double)n : NAN;
    return STATUS_OK;
}

void confusion_profile(const struct predictions *predictions, const int32_t *images, int64_t n,
                       double *shares)
{
    for (int k = 0; k < predictions->n_classes; k++)
        shares[k] = n > 0 ? 0.0 : NAN;
    for (int64_t i = 0; i < n; i++) {
        int32_t chosen = predictions->argmax[images[i]];
        if (chosen >= 0)
            shares[chosen] += 1.0;
    }
    for (int k = 0; k < predictions->n_classes; k++)
        shares[k] /= n > 0 ? (double)n : 1.0;
}

double confusion_distance(const double *p, const double *q, int64_t n_classes)
{
    double sum = 0.0;

    for (int64_t k = 0; k < n_classes; k++)
        sum += fabs(p[k] - q[k]);
    return sum / 2.0;
}
