/* Scaling and cutting: first along rows, then along columns, by weights worked out once per axis.
 */
#include "data/picture.h"

#include <math.h>
#include <stdlib.h>

struct resampling { /* how target pixel i is made of source pixels */
    int64_t n_taps;
    int64_t *first;  /* [size] owned */
    double *weights; /* [size, n_taps] owned */
};

static void resampling_release(struct resampling *axis)
{
    free(axis->first);
    free(axis->weights);
}

/* Target pixel i of the axis, which stands for `wide` target pixels over `length` source pixels. */
static void weigh(struct resampling *axis, int64_t i, double centre, double reach, int64_t length)
{
    double *weights = axis->weights + i * axis->n_taps, sum = 0;
    int64_t first = (int64_t)fmax(floor(centre - reach), 0);

    axis->first[i] = first;
    for (int64_t t = 0; t < axis->n_taps && first + t < length; t++) {
        double distance = fabs((double)(first + t) + 0.5 - centre) / reach;
        weights[t] = distance < 1 ? 1 - distance : 0;
        sum += weights[t];
    }
    for (int64_t t = 0; t < axis->n_taps; t++)
        weights[t] /= sum;
}

static enum status resampling_create(int64_t length, int64_t scaled, int64_t size,
                                     struct resampling *out)
{
    enum status status = STATUS_OK;
    double ratio = (double)length / (double)scaled, reach = fmax(ratio, 1);
    int64_t skipped = (int64_t)rint((double)(scaled - size) / 2);
    struct resampling axis = {.n_taps = (int64_t)ceil(2 * reach) + 1};

    TRY_ALLOC(axis.first, heap_alloc(size, sizeof *axis.first));
    TRY_ALLOC(axis.weights, heap_alloc(size * axis.n_taps, sizeof *axis.weights));
    for (int64_t i = 0; i < size; i++)
        weigh(&axis, i, ((double)(i + skipped) + 0.5) * ratio, reach, length);
    *out = axis;
    return STATUS_OK;
done:
    resampling_release(&axis);
    return status;
}

/* Rows [first, last) of the source, each to `size` pixels: [rows, size, 3]. */
static void scale_rows(const struct picture *picture, const struct resampling *axis, int64_t size,
                       const int64_t range[2], double *out)
{
    for (int64_t y = range[0]; y < range[1]; y++)
        for (int64_t x = 0; x < size; x++, out += 3) {
            const double *weights = axis->weights + x * axis->n_taps;
            double sum[3] = {0, 0, 0};
            for (int64_t t = 0; t < axis->n_taps && axis->first[x] + t < picture->width; t++) {
                const uint8_t *pixel = picture->rgb + 3 * (y * picture->width + axis->first[x] + t);
                for (int c = 0; c < 3; c++)
                    sum[c] += weights[t] * pixel[c];
            }
            for (int c = 0; c < 3; c++)
                out[c] = sum[c];
        }
}

static void scale_columns(const double *rows, const struct resampling *axis, int64_t size,
                          const int64_t range[2], uint8_t *planes)
{
    for (int64_t y = 0; y < size; y++)
        for (int64_t x = 0; x < size; x++) {
            const double *weights = axis->weights + y * axis->n_taps;
            double sum[3] = {0, 0, 0};
            for (int64_t t = 0; t < axis->n_taps && axis->first[y] + t < range[1]; t++) {
                const double *pixel = rows + 3 * ((axis->first[y] + t - range[0]) * size + x);
                for (int c = 0; c < 3; c++)
                    sum[c] += weights[t] * pixel[c];
            }
            for (int c = 0; c < 3; c++)
                planes[(c * size + y) * size + x] = (uint8_t)(sum[c] + 0.5);
        }
}

enum status picture_square(const struct picture *picture, int64_t size, uint8_t *planes)
{
    enum status status = STATUS_OK;
    int64_t width = picture->width, height = picture->height;
    int64_t scaled_width = width <= height ? size : size * width / height;
    int64_t scaled_height = width <= height ? size * height / width : size;
    struct resampling across = {0}, down = {0};
    double *rows = NULL;

    TRY(resampling_create(width, scaled_width, size, &across));
    TRY(resampling_create(height, scaled_height, size, &down));
    int64_t last = down.first[size - 1] + down.n_taps;
    const int64_t range[2] = {down.first[0], last < height ? last : height};
    TRY_ALLOC(rows, heap_alloc((range[1] - range[0]) * size, 3 * sizeof *rows));
    scale_rows(picture, &across, size, range, rows);
    scale_columns(rows, &down, size, range, planes);
done:
    resampling_release(&across);
    resampling_release(&down);
    free(rows);
    return status;
}
