/* Bytes of the chosen images → a normalised NHWC batch. A byte has 256 values, so each channel's
 * arithmetic is done once per value. */
#include "kernels/cpu/cpu.h"

enum { BYTE_VALUES = 256 };

enum status cpu_image_gather_prepare(struct device *device, const struct image_gather *op,
                                     struct prepared **out)
{
    (void)device;
    return cpu_prepared_create((size_t)op->y.shape[3] * BYTE_VALUES * sizeof(float), out);
}

static void normal_values(const struct image_gather *op, float *values)
{
    for (int64_t c = 0; c < op->y.shape[3]; c++)
        for (int byte = 0; byte < BYTE_VALUES; byte++)
            values[c * BYTE_VALUES + byte] = (float)((byte / 255.0 - op->mean[c]) / op->std[c]);
}

struct crop {
    int64_t dy, dx;
    bool is_flipped;
};

/* One channel of one image: y[h, w] = image[h + dy, w + dx], black outside, mirrored if asked. */
static void gather_plane(const uint8_t *plane, const struct crop *crop, const float *values,
                         const int64_t *y_shape, float *y)
{
    int64_t height = y_shape[1], width = y_shape[2], n_channels = y_shape[3];

    for (int64_t h = 0; h < height; h++)
        for (int64_t w = 0; w < width; w++) {
            int64_t row = h + crop->dy;
            int64_t column = (crop->is_flipped ? width - 1 - w : w) + crop->dx;
            bool is_inside = row >= 0 && row < height && column >= 0 && column < width;
            uint8_t byte = is_inside ? plane[row * width + column] : 0;
            y[(h * width + w) * n_channels] = values[byte];
        }
}

enum status cpu_image_gather_run(struct device *device, struct prepared *prepared,
                                 const struct image_gather *op)
{
    (void)prepared;
    const uint8_t *images = op->images.data;
    const int32_t *image_labels = op->image_labels.data, *indices = op->indices.data;
    const int32_t *offsets = op->offsets.data;
    int32_t *labels = op->labels.data;
    float *values = op->workspace.data, *y = op->y.data;
    int64_t n_channels = op->y.shape[3], n_pixels = op->y.shape[1] * op->y.shape[2];

    normal_values(op, values);
#pragma omp parallel for schedule(static) num_threads(cpu_threads(device, tensor_elements(&op->y)))
    for (int64_t n = 0; n < op->y.shape[0]; n++) {
        struct crop crop = {0};
        if (offsets != NULL)
            crop = (struct crop){offsets[3 * n], offsets[3 * n + 1], offsets[3 * n + 2] != 0};
        labels[n] = image_labels[indices[n]];
        for (int64_t c = 0; c < n_channels; c++)
            gather_plane(images + (indices[n] * n_channels + c) * n_pixels, &crop,
                         values + c * BYTE_VALUES, op->y.shape, y + n * n_pixels * n_channels + c);
    }
    return STATUS_OK;
}
