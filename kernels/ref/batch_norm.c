/* Batch norm in four parts (Ioffe & Szegedy, arXiv:1502.03167), with PyTorch's running values. */
#include "kernels/ref/ref.h"

#include <math.h>

static void update_running(double *running, const double *values, double momentum, int64_t n)
{
    for (int64_t c = 0; c < n; c++)
        running[c] = (1.0 - momentum) * running[c] + momentum * values[c];
}

enum status ref_batch_norm_statistics_run(struct queue *queue, const struct prepared *prepared,
                                          const struct batch_norm_statistics *args)
{
    int64_t n_channels = last_size(&args->x), n_rows = rows_of(&args->x);
    const double *x = args->x.data;
    double *mean = args->mean.data, *variance = args->variance.data;
    double rows = (double)n_rows;

    (void)queue;
    (void)prepared;
    ref_fill(mean, n_channels, 0.0);
    ref_fill(variance, n_channels, 0.0);
    for (int64_t row = 0; row < n_rows; row++)
        ref_accumulate(mean, x + row * n_channels, 1.0, n_channels);
    for (int64_t c = 0; c < n_channels; c++)
        mean[c] /= rows;
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t c = 0; c < n_channels; c++) {
            double centred = x[row * n_channels + c] - mean[c];
            variance[c] += centred * centred;
        }
    if (args->running_mean.data != NULL) {
        double *running = args->running_variance.data;
        update_running(args->running_mean.data, mean, args->momentum, n_channels);
        for (int64_t c = 0; c < n_channels; c++) /* the unbiased value runs */
            running[c] =
                (1.0 - args->momentum) * running[c] + args->momentum * (variance[c] / (rows - 1.0));
    }
    for (int64_t c = 0; c < n_channels; c++)
        variance[c] /= rows;
    return STATUS_OK;
}

enum status ref_batch_norm_apply_run(struct queue *queue, const struct prepared *prepared,
                                     const struct batch_norm_apply *args)
{
    int64_t n_channels = last_size(&args->x), n = tensor_elements(&args->x);
    const double *x = args->x.data, *mean = args->mean.data, *variance = args->variance.data;
    const double *weight = args->weight.data, *bias = args->bias.data;
    const double *residual = args->residual.data;
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < n; i++) {
        int64_t c = i % n_channels;
        double value = (x[i] - mean[c]) / sqrt(variance[c] + args->epsilon) * weight[c] + bias[c];
        if (residual != NULL)
            value += residual[i];
        y[i] = args->has_relu && value <= 0.0 ? 0.0 : value; /* NaN stays */
    }
    return STATUS_OK;
}

enum status ref_batch_norm_gradient_sums_run(struct queue *queue, const struct prepared *prepared,
                                             const struct batch_norm_gradient_sums *args)
{
    int64_t n_channels = last_size(&args->x), n = tensor_elements(&args->x);
    const double *x = args->x.data, *d_y = args->d_y.data;
    const double *mean = args->mean.data, *variance = args->variance.data;
    const double *y = args->y.data, *addend = args->addend.data;
    double *d_weight = args->d_weight.data, *d_bias = args->d_bias.data, *d = args->d.data;

    (void)queue;
    (void)prepared;
    ref_fill(d_weight, n_channels, 0.0);
    ref_fill(d_bias, n_channels, 0.0);
    for (int64_t i = 0; i < n; i++) {
        int64_t c = i % n_channels;
        double gradient = addend != NULL ? d_y[i] + addend[i] : d_y[i];
        if (y != NULL && !(y[i] > 0.0))
            gradient = 0.0;
        d_weight[c] += gradient * ((x[i] - mean[c]) / sqrt(variance[c] + args->epsilon));
        d_bias[c] += gradient;
        if (d != NULL)
            d[i] = gradient;
    }
    return STATUS_OK;
}

enum status ref_batch_norm_gradient_apply_run(struct queue *queue, const struct prepared *prepared,
                                              const struct batch_norm_gradient_apply *args)
{
    int64_t n_channels = last_size(&args->x), n = tensor_elements(&args->x);
    double rows = (double)rows_of(&args->x);
    const double *x = args->x.data, *d_y = args->d_y.data;
    const double *mean = args->mean.data, *variance = args->variance.data;
    const double *weight = args->weight.data;
    const double *d_weight = args->d_weight.data, *d_bias = args->d_bias.data;
    double *d_x = args->d_x.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < n; i++) {
        int64_t c = i % n_channels;
        double deviation = sqrt(variance[c] + args->epsilon);
        double gradient = d_y[i];
        if (d_weight != NULL)
            gradient -= d_bias[c] / rows + (x[i] - mean[c]) / deviation * d_weight[c] / rows;
        d_x[i] = weight[c] / deviation * gradient;
    }
    return STATUS_OK;
}
