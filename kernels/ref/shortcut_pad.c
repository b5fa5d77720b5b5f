/* "Option A" shortcut (He et al., arXiv:1512.03385 §4.2): every second pixel, zero channels on both
 * sides. */
#include "kernels/ref/ref.h"

#include <string.h>

/* Offset in the small tensor [N, P, Q, K] of the pixel that (n, h, w) of the large one goes to. */
static int64_t small_offset(const struct tensor *y, int64_t n, int64_t h, int64_t w)
{
    return ((n * y->shape[1] + h / 2) * y->shape[2] + w / 2) * y->shape[3];
}

enum status ref_shortcut_pad_forward_run(struct queue *queue, const struct prepared *prepared,
                                         const struct shortcut_pad_forward *args)
{
    const int64_t *shape = args->x.shape, n_channels = shape[3];
    int64_t border = (args->y.shape[3] - n_channels) / 2;
    const double *x = args->x.data;
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    ref_fill(y, tensor_elements(&args->y), 0.0);
    for (int64_t n = 0; n < shape[0]; n++)
        for (int64_t h = 0; h < shape[1]; h += 2)
            for (int64_t w = 0; w < shape[2]; w += 2)
                memcpy(y + small_offset(&args->y, n, h, w) + border,
                       x + ((n * shape[1] + h) * shape[2] + w) * n_channels,
                       (size_t)n_channels * sizeof *y);
    return STATUS_OK;
}

enum status ref_shortcut_pad_backward_run(struct queue *queue, const struct prepared *prepared,
                                          const struct shortcut_pad_backward *args)
{
    const int64_t *shape = args->d_x.shape, n_channels = shape[3];
    int64_t border = (args->d_y.shape[3] - n_channels) / 2;
    const double *d_y = args->d_y.data;
    double *d_x = args->d_x.data;

    (void)queue;
    (void)prepared;
    ref_fill(d_x, tensor_elements(&args->d_x), 0.0);
    for (int64_t n = 0; n < shape[0]; n++)
        for (int64_t h = 0; h < shape[1]; h += 2)
            for (int64_t w = 0; w < shape[2]; w += 2)
                memcpy(d_x + ((n * shape[1] + h) * shape[2] + w) * n_channels,
                       d_y + small_offset(&args->d_y, n, h, w) + border,
                       (size_t)n_channels * sizeof *d_x);
    return STATUS_OK;
}
