/* A map of patches as tokens: bias and position added, the same memory order. */
#include "kernels/ref/ref.h"

#include <string.h>

enum status ref_patch_tokens_forward_run(struct queue *queue, const struct prepared *prepared,
                                         const struct patch_tokens_forward *args)
{
    const double *x = args->x.data, *bias = args->bias.data, *position = args->position.data;
    int64_t n_channels = tensor_columns(&args->y), n_image = tensor_elements(&args->position);
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < tensor_elements(&args->y); i++)
        y[i] = x[i] + bias[i % n_channels] + position[i % n_image];
    return STATUS_OK;
}

enum status ref_patch_tokens_backward_run(struct queue *queue, const struct prepared *prepared,
                                          const struct patch_tokens_backward *args)
{
    const double *d_y = args->d_y.data;
    int64_t n_channels = tensor_columns(&args->d_y), n = tensor_elements(&args->d_y);
    double *d_bias = args->d_bias.data;

    (void)queue;
    (void)prepared;
    if (d_bias != NULL)
        ref_fill(d_bias, n_channels, 0.0);
    for (int64_t i = 0; d_bias != NULL && i < n; i += n_channels)
        ref_accumulate(d_bias, d_y + i, 1.0, n_channels);
    if (args->d_x.data != NULL && args->d_x.data != d_y)
        memcpy(args->d_x.data, d_y, tensor_bytes(&args->d_y));
    return STATUS_OK;
}
