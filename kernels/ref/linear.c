/* y = x weightᵀ + bias and its adjoints. */
#include "kernels/ref/ref.h"

enum status ref_linear_forward_run(struct queue *queue, const struct prepared *prepared,
                                   const struct linear_forward *args)
{
    const double *x = args->x.data, *weight = args->weight.data, *bias = args->bias.data;
    int64_t n_inputs = tensor_columns(&args->x), n_outputs = tensor_columns(&args->y);
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    for (int64_t n = 0; n < tensor_rows(&args->x); n++)
        for (int64_t k = 0; k < n_outputs; k++) {
            double sum = bias != NULL ? bias[k] : 0.0;
            for (int64_t c = 0; c < n_inputs; c++)
                sum += x[n * n_inputs + c] * weight[k * n_inputs + c];
            y[n * n_outputs + k] = sum;
        }
    return STATUS_OK;
}

enum status ref_linear_backward_data_run(struct queue *queue, const struct prepared *prepared,
                                         const struct linear_backward_data *args)
{
    const double *d_y = args->d_y.data, *weight = args->weight.data;
    int64_t n_inputs = tensor_columns(&args->d_x), n_outputs = tensor_columns(&args->d_y);
    double *d_x = args->d_x.data;

    (void)queue;
    (void)prepared;
    ref_fill(d_x, tensor_elements(&args->d_x), 0.0);
    for (int64_t n = 0; n < tensor_rows(&args->d_x); n++)
        for (int64_t k = 0; k < n_outputs; k++)
            ref_accumulate(d_x + n * n_inputs, weight + k * n_inputs, d_y[n * n_outputs + k],
                           n_inputs);
    return STATUS_OK;
}

enum status ref_linear_backward_weight_run(struct queue *queue, const struct prepared *prepared,
                                           const struct linear_backward_weight *args)
{
    const double *x = args->x.data, *d_y = args->d_y.data;
    int64_t n_inputs = tensor_columns(&args->x), n_outputs = tensor_columns(&args->d_y);
    double *d_weight = args->d_weight.data, *d_bias = args->d_bias.data;

    (void)queue;
    (void)prepared;
    ref_fill(d_weight, tensor_elements(&args->d_weight), 0.0);
    if (d_bias != NULL)
        ref_fill(d_bias, n_outputs, 0.0);
    for (int64_t n = 0; n < tensor_rows(&args->x); n++) {
        for (int64_t k = 0; k < n_outputs; k++)
            ref_accumulate(d_weight + k * n_inputs, x + n * n_inputs, d_y[n * n_outputs + k],
                           n_inputs);
        if (d_bias != NULL)
            ref_accumulate(d_bias, d_y + n * n_outputs, 1.0, n_outputs);
    }
    return STATUS_OK;
}
