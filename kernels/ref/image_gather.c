/* Bytes to normalised pixels: crop with black borders, mirror, divide by 255, normalise, cut a
 * hole, mix with the image before. */
#include "kernels/ref/ref.h"

struct crop_offset {
    int64_t down, right;
    bool is_flipped;
};

static struct crop_offset crop_of(const struct image_gather *args, int64_t n)
{
    const int32_t *offsets = args->offsets.data;

    if (offsets == NULL)
        return (struct crop_offset){0};
    return (struct crop_offset){offsets[3 * n], offsets[3 * n + 1], offsets[3 * n + 2] != 0};
}

/* The byte that lands on (h, w): outside the image lies black. */
static double pixel(const uint8_t *plane, const int64_t size[2], struct crop_offset crop,
                    const int64_t at[2])
{
    int64_t column = crop.is_flipped ? size[1] - 1 - at[1] : at[1];
    int64_t h = at[0] + crop.down, w = column + crop.right;

    return h >= 0 && h < size[0] && w >= 0 && w < size[1] ? plane[h * size[1] + w] / 255.0 : 0.0;
}

static bool is_hole(const struct image_gather *args, int64_t n, const int64_t at[2])
{
    const int32_t *centres = args->holes.data;

    if (centres == NULL)
        return false;
    for (int i = 0; i < 2; i++) {
        int64_t first = (int64_t)centres[2 * n + i] - args->hole / 2;
        if (at[i] < first || at[i] >= first + args->hole)
            return false;
    }
    return true;
}

/* y += share · image n of the batch */
static void add_image(const struct image_gather *args, int64_t n, double share, double *y)
{
    const int64_t *shape = args->y.shape, n_channels = shape[3];
    const int64_t size[2] = {shape[1], shape[2]};
    int64_t index = ((const int32_t *)args->indices.data)[n];
    const uint8_t *image =
        (const uint8_t *)args->images.data + index * n_channels * size[0] * size[1];
    struct crop_offset crop = crop_of(args, n);

    for (int64_t h = 0; h < size[0]; h++)
        for (int64_t w = 0; w < size[1]; w++)
            for (int64_t c = 0; c < n_channels && !is_hole(args, n, (const int64_t[]){h, w}); c++) {
                double value =
                    pixel(image + c * size[0] * size[1], size, crop, (const int64_t[]){h, w});
                y[(h * size[1] + w) * n_channels + c] +=
                    share * ((value - args->mean[c]) / args->std[c]);
            }
}

static enum status check_inputs(const struct image_gather *args)
{
    const int32_t *indices = args->indices.data;
    const double *mix = args->mix.data;

    for (int64_t n = 0; n < args->indices.shape[0]; n++)
        if (indices[n] < 0 || indices[n] >= args->images.shape[0])
            return fail(STATUS_BAD_DATA,
                        "image_gather: indices[%lld] is %d, expected a number in [0, %lld)",
                        (long long)n, indices[n], (long long)args->images.shape[0]);
    if (mix != NULL && !(*mix >= 0 && *mix <= 1))
        return fail(STATUS_BAD_DATA, "image_gather: mix is %g, expected a number in [0, 1]", *mix);
    return STATUS_OK;
}

enum status ref_image_gather_run(struct queue *queue, const struct prepared *prepared,
                                 const struct image_gather *args)
{
    const int32_t *indices = args->indices.data, *image_labels = args->image_labels.data;
    const double *mix = args->mix.data;
    int32_t *labels = args->labels.data, *partner_labels = args->partner_labels.data;
    int64_t n_images = args->y.shape[0], n_values = tensor_elements(&args->y) / n_images;
    enum status status = STATUS_OK;

    (void)queue;
    (void)prepared;
    TRY(check_inputs(args));
    ref_fill(args->y.data, tensor_elements(&args->y), 0.0);
    for (int64_t n = 0; n < n_images; n++) {
        double *y = (double *)args->y.data + n * n_values;
        int64_t partner = (n - 1 + n_images) % n_images;
        add_image(args, n, mix != NULL ? *mix : 1.0, y);
        labels[n] = image_labels[indices[n]];
        if (mix == NULL)
            continue;
        add_image(args, partner, 1.0 - *mix, y);
        partner_labels[n] = image_labels[indices[partner]];
    }
done:
    return status;
}
