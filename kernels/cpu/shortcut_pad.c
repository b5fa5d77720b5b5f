/* The "option A" shortcut: every second pixel, zero channels on both sides; and its gradient. */
#include "kernels/cpu/cpu.h"

#include <string.h>

static void copy_floats(float *to, const float *from, int64_t n)
{
    memcpy(to, from, (size_t)n * sizeof *to);
}

static void zero_floats(float *to, int64_t n)
{
    memset(to, 0, (size_t)n * sizeof *to);
}

enum status cpu_shortcut_pad_forward_prepare(struct device *device,
                                             const struct shortcut_pad_forward *op,
                                             struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_shortcut_pad_forward_run(struct queue *queue, const struct prepared *prepared,
                                         const struct shortcut_pad_forward *op)
{
    (void)prepared;
    const int64_t *in = op->x.shape, *out = op->y.shape;
    const float *x = op->x.data;
    float *y = op->y.data;
    int64_t n_channels = in[3], margin = (out[3] - n_channels) / 2;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->y)))
    for (int64_t n = 0; n < in[0]; n++)
        for (int64_t p = 0; p < out[1]; p++)
            for (int64_t q = 0; q < out[2]; q++) {
                float *to = y + ((n * out[1] + p) * out[2] + q) * out[3];
                zero_floats(to, margin);
                copy_floats(to + margin, x + ((n * in[1] + 2 * p) * in[2] + 2 * q) * n_channels,
                            n_channels);
                zero_floats(to + margin + n_channels, margin);
            }
    return STATUS_OK;
}

enum status cpu_shortcut_pad_backward_prepare(struct device *device,
                                              const struct shortcut_pad_backward *op,
                                              struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_shortcut_pad_backward_run(struct queue *queue, const struct prepared *prepared,
                                          const struct shortcut_pad_backward *op)
{
    (void)prepared;
    const int64_t *in = op->d_x.shape, *out = op->d_y.shape;
    const float *d_y = op->d_y.data;
    float *d_x = op->d_x.data;
    int64_t n_channels = in[3], margin = (out[3] - n_channels) / 2;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->d_x)))
    for (int64_t n = 0; n < in[0]; n++)
        for (int64_t h = 0; h < in[1]; h++)
            for (int64_t w = 0; w < in[2]; w++) {
                float *to = d_x + ((n * in[1] + h) * in[2] + w) * n_channels;
                if (h % 2 != 0 || w % 2 != 0) {
                    zero_floats(to, n_channels);
                    continue;
                }
                const float *from = d_y + ((n * out[1] + h / 2) * out[2] + w / 2) * out[3];
                copy_floats(to, from + margin, n_channels);
            }
    return STATUS_OK;
}
