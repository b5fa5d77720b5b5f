/* Bytes to normalised pixels: crop with black borders, mirror, divide by 255, normalise. */
#include "kernels/ref/ref.h"

struct crop {
    int64_t down, right;
    bool is_flipped;
};

static struct crop crop_of(const struct image_gather *args, int64_t n)
{
    const int32_t *offsets = args->offsets.data;

    if (offsets == NULL)
        return (struct crop){0};
    return (struct crop){offsets[3 * n], offsets[3 * n + 1], offsets[3 * n + 2] != 0};
}

/* The byte that lands on (h, w): outside the image lies black. */
static double pixel(const uint8_t *plane, const int64_t size[2], struct crop crop,
                    const int64_t at[2])
{
    int64_t column = crop.is_flipped ? size[1] - 1 - at[1] : at[1];
    int64_t h = at[0] + crop.down, w = column + crop.right;

    return h >= 0 && h < size[0] && w >= 0 && w < size[1] ? plane[h * size[1] + w] / 255.0 : 0.0;
}

static void gather_image(const struct image_gather *args, int64_t n, int64_t index)
{
    const int64_t *shape = args->y.shape, n_channels = shape[3];
    const int64_t size[2] = {shape[1], shape[2]};
    const uint8_t *image =
        (const uint8_t *)args->images.data + index * n_channels * size[0] * size[1];
    double *y = (double *)args->y.data + n * n_channels * size[0] * size[1];
    struct crop crop = crop_of(args, n);

    for (int64_t h = 0; h < size[0]; h++)
        for (int64_t w = 0; w < size[1]; w++)
            for (int64_t c = 0; c < n_channels; c++) {
                double value =
                    pixel(image + c * size[0] * size[1], size, crop, (const int64_t[]){h, w});
                y[(h * size[1] + w) * n_channels + c] = (value - args->mean[c]) / args->std[c];
            }
}

enum status ref_image_gather_run(struct device *device, struct prepared *prepared,
                                 const struct image_gather *args)
{
    const int32_t *indices = args->indices.data, *image_labels = args->image_labels.data;
    int32_t *labels = args->labels.data;

    (void)device;
    (void)prepared;
    for (int64_t n = 0; n < args->indices.shape[0]; n++) {
        if (indices[n] < 0 || indices[n] >= args->images.shape[0])
            return fail(STATUS_BAD_DATA, "image_gather: indices[%lld] is %d, wanted in [0, %lld)",
                        (long long)n, indices[n], (long long)args->images.shape[0]);
        gather_image(args, n, indices[n]);
        labels[n] = image_labels[indices[n]];
    }
    return STATUS_OK;
}
