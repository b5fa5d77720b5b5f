/* max(x, 0) and its gradient. */
#include "kernels/ref/ref.h"

enum status ref_relu_forward_run(struct queue *queue, const struct prepared *prepared,
                                 const struct relu_forward *args)
{
    const double *x = args->x.data;
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < tensor_elements(&args->x); i++)
        y[i] = x[i] <= 0.0 ? 0.0 : x[i]; /* NaN compares false and stays */
    return STATUS_OK;
}

enum status ref_relu_backward_run(struct queue *queue, const struct prepared *prepared,
                                  const struct relu_backward *args)
{
    const double *y = args->y.data, *d_y = args->d_y.data;
    double *d_x = args->d_x.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < tensor_elements(&args->y); i++)
        d_x[i] = y[i] > 0.0 ? d_y[i] : 0.0;
    return STATUS_OK;
}
