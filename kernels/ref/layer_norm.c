/* Layer norm and its gradient, row by row. */
#include "kernels/ref/ref.h"

#include <math.h>

struct moments {
    double mean, inverse_deviation;
};

static struct moments moments_of(const double *x, int64_t n, double epsilon)
{
    struct moments moments = {0};
    double variance = 0.0;

    for (int64_t c = 0; c < n; c++)
        moments.mean += x[c] / (double)n;
    for (int64_t c = 0; c < n; c++)
        variance += (x[c] - moments.mean) * (x[c] - moments.mean) / (double)n;
    moments.inverse_deviation = 1.0 / sqrt(variance + epsilon);
    return moments;
}

enum status ref_layer_norm_forward_run(struct queue *queue, const struct prepared *prepared,
                                       const struct layer_norm_forward *args)
{
    const double *weight = args->weight.data, *bias = args->bias.data;
    const double *residual = args->residual.data, *x = args->x.data;
    int64_t n = tensor_columns(&args->x);
    double *mean = args->mean.data, *inverse_deviation = args->inverse_deviation.data;
    double *written = args->sum.data; /* there when residual is */
    /* y may be x or residual, so the sum must have been read before y is written: where nobody
     * asked for it, it is x itself */
    const double *sum = written != NULL ? written : x;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < tensor_elements(&args->x) && written != NULL; i++)
        written[i] = x[i] + (residual != NULL ? residual[i] : 0);
    for (int64_t row = 0; row < tensor_rows(&args->x); row++) {
        struct moments moments = moments_of(sum + row * n, n, args->epsilon);
        double *y = (double *)args->y.data + row * n;
        for (int64_t c = 0; c < n; c++)
            y[c] =
                (sum[row * n + c] - moments.mean) * moments.inverse_deviation * weight[c] + bias[c];
        if (mean != NULL) {
            mean[row] = moments.mean;
            inverse_deviation[row] = moments.inverse_deviation;
        }
    }
    return STATUS_OK;
}

static void weight_gradients(const struct layer_norm_backward *args)
{
    const double *x = args->x.data, *d_y = args->d_y.data, *mean = args->mean.data;
    const double *inverse_deviation = args->inverse_deviation.data;
    int64_t n = tensor_columns(&args->x);
    double *d_weight = args->d_weight.data, *d_bias = args->d_bias.data;

    ref_fill(d_weight, n, 0.0);
    ref_fill(d_bias, n, 0.0);
    for (int64_t i = 0; i < tensor_elements(&args->x); i++) {
        d_weight[i % n] += d_y[i] * (x[i] - mean[i / n]) * inverse_deviation[i / n];
        d_bias[i % n] += d_y[i];
    }
}

enum status ref_layer_norm_backward_run(struct queue *queue, const struct prepared *prepared,
                                        const struct layer_norm_backward *args)
{
    const double *x = args->x.data, *d_y = args->d_y.data, *weight = args->weight.data;
    const double *addend = args->addend.data, *means = args->mean.data;
    int64_t n = tensor_columns(&args->x);

    (void)queue;
    (void)prepared;
    if (args->d_weight.data != NULL)
        weight_gradients(args); /* before d_x, which may take d_y's memory */
    for (int64_t i = 0; i < tensor_elements(&args->x) && args->d_x.data != NULL; i += n) {
        double mean = means[i / n], *d_x = (double *)args->d_x.data + i;
        double inverse_deviation = ((const double *)args->inverse_deviation.data)[i / n];
        double g = 0.0, gx = 0.0;
        for (int64_t c = 0; c < n; c++) {
            g += d_y[i + c] * weight[c] / (double)n;
            gx += d_y[i + c] * weight[c] * (x[i + c] - mean) * inverse_deviation / (double)n;
        }
        for (int64_t c = 0; c < n; c++) {
            double normal = (x[i + c] - mean) * inverse_deviation;
            d_x[c] = inverse_deviation * (d_y[i + c] * weight[c] - g - normal * gx) +
                     (addend != NULL ? addend[i + c] : 0.0);
        }
    }
    return STATUS_OK;
}
