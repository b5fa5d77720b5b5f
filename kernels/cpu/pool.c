/* Global average pooling and its gradient. */
#include "kernels/cpu/cpu.h"

/* y[c] = Σ over n_pixels of x[pixel, c], times factor */
VECTORISED static void pool_image(const float *x, float factor, float *y, int64_t n_pixels,
                                  int64_t n_channels)
{
#pragma omp simd
    for (int64_t c = 0; c < n_channels; c++)
        y[c] = 0.0f;
    for (int64_t pixel = 0; pixel < n_pixels; pixel++) {
        const float *row = x + pixel * n_channels;
#pragma omp simd
        for (int64_t c = 0; c < n_channels; c++)
            y[c] += row[c];
    }
#pragma omp simd
    for (int64_t c = 0; c < n_channels; c++)
        y[c] *= factor;
}

VECTORISED static void spread_image(const float *d_y, float factor, float *d_x, int64_t n_pixels,
                                    int64_t n_channels)
{
    for (int64_t pixel = 0; pixel < n_pixels; pixel++) {
        float *row = d_x + pixel * n_channels;
#pragma omp simd
        for (int64_t c = 0; c < n_channels; c++)
            row[c] = factor * d_y[c];
    }
}

enum status cpu_global_average_pool_forward_prepare(struct device *device,
                                                    const struct global_average_pool_forward *op,
                                                    struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_global_average_pool_forward_run(struct queue *queue,
                                                const struct prepared *prepared,
                                                const struct global_average_pool_forward *op)
{
    (void)prepared;
    const float *x = op->x.data;
    float *y = op->y.data;
    int64_t n_pixels = tensor_rows(&op->x) / op->x.shape[0], n_channels = tensor_columns(&op->x);
    float factor = (float)(1.0 / (double)n_pixels);

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->x)))
    for (int64_t n = 0; n < op->x.shape[0]; n++)
        pool_image(x + n * n_pixels * n_channels, factor, y + n * n_channels, n_pixels, n_channels);
    return STATUS_OK;
}

enum status cpu_global_average_pool_backward_prepare(struct device *device,
                                                     const struct global_average_pool_backward *op,
                                                     struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_global_average_pool_backward_run(struct queue *queue,
                                                 const struct prepared *prepared,
                                                 const struct global_average_pool_backward *op)
{
    (void)prepared;
    const float *d_y = op->d_y.data;
    float *d_x = op->d_x.data;
    int64_t n_pixels = tensor_rows(&op->d_x) / op->d_x.shape[0],
            n_channels = tensor_columns(&op->d_x);
    float factor = (float)(1.0 / (double)n_pixels);

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->d_x)))
    for (int64_t n = 0; n < op->d_x.shape[0]; n++)
        spread_image(d_y + n * n_channels, factor, d_x + n * n_pixels * n_channels, n_pixels,
                     n_channels);
    return STATUS_OK;
}
