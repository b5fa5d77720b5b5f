/* The mean over a map, and its gradient spread back over it. */
#include "kernels/ref/ref.h"

enum status ref_global_average_pool_forward_run(struct queue *queue,
                                                const struct prepared *prepared,
                                                const struct global_average_pool_forward *args)
{
    int64_t n_pixels = tensor_rows(&args->x) / args->x.shape[0],
            n_channels = tensor_columns(&args->x);
    const double *x = args->x.data;
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    ref_fill(y, tensor_elements(&args->y), 0.0);
    for (int64_t n = 0; n < args->x.shape[0]; n++, y += n_channels) {
        for (int64_t pixel = 0; pixel < n_pixels; pixel++, x += n_channels)
            ref_accumulate(y, x, 1.0, n_channels);
        for (int64_t c = 0; c < n_channels; c++)
            y[c] /= (double)n_pixels;
    }
    return STATUS_OK;
}

enum status ref_global_average_pool_backward_run(struct queue *queue,
                                                 const struct prepared *prepared,
                                                 const struct global_average_pool_backward *args)
{
    int64_t n_pixels = tensor_rows(&args->d_x) / args->d_x.shape[0],
            n_channels = tensor_columns(&args->d_x);
    const double *d_y = args->d_y.data;
    double *d_x = args->d_x.data;

    (void)queue;
    (void)prepared;
    for (int64_t n = 0; n < args->d_x.shape[0]; n++, d_y += n_channels)
        for (int64_t pixel = 0; pixel < n_pixels; pixel++, d_x += n_channels)
            for (int64_t c = 0; c < n_channels; c++)
                d_x[c] = d_y[c] / (double)n_pixels;
    return STATUS_OK;
}
