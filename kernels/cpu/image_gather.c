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

/* An image of the batch before it is mixed. */
struct unmixed_image {
    const uint8_t *bytes;
    int64_t dy, dx;
    struct range hole_rows, hole_columns; /* empty: no hole */
    bool is_flipped;
};

/* Not clipped: what lies outside is never met. */
static struct range hole_range(int32_t centre, int side)
{
    int64_t begin = (int64_t)centre - side / 2;

    return (struct range){begin, begin + side};
}

static struct unmixed_image picture_of(const struct image_gather *op, int64_t n)
{
    const int32_t *offsets = op->offsets.data, *holes = op->holes.data;
    int64_t bytes_each = tensor_elements(&op->images) / op->images.shape[0];
    struct unmixed_image picture = {
        .bytes =
            (const uint8_t *)op->images.data + ((const int32_t *)op->indices.data)[n] * bytes_each,
    };

    if (offsets != NULL) {
        picture.dy = offsets[3 * n];
        picture.dx = offsets[3 * n + 1];
        picture.is_flipped = offsets[3 * n + 2] != 0;
    }
    if (holes != NULL) {
        picture.hole_rows = hole_range(holes[2 * n], op->hole);
        picture.hole_columns = hole_range(holes[2 * n + 1], op->hole);
    }
    return picture;
}

static inline bool is_within(int64_t i, struct range range)
{
    return i >= range.begin && i < range.end;
}

/* What comes after looking a value up, unless it is plain: a hole, if there is one, and the sum
 * kept·y + added·value instead of the value. */
struct finish {
    bool is_sum;
    float kept, added;
};

/* Channel c of one picture: y[h, w] = image[h + dy, w + dx], black outside, mirrored if asked.
 * Inlined where finish is NULL for sure, so that the loop knows nothing of it. */
INLINED void gather_plane(const struct image_gather *op, const struct unmixed_image *picture,
                          int64_t c, float *y, const struct finish *finish)
{
    int64_t height = op->y.shape[1], width = op->y.shape[2], n_channels = op->y.shape[3];
    const float *values = (const float *)op->workspace.data + c * BYTE_VALUES;
    const uint8_t *plane = picture->bytes + c * height * width;

    for (int64_t h = 0; h < height; h++)
        for (int64_t w = 0; w < width; w++) {
            int64_t row = h + picture->dy, at = (h * width + w) * n_channels + c;
            int64_t column = (picture->is_flipped ? width - 1 - w : w) + picture->dx;
            bool is_inside = row >= 0 && row < height && column >= 0 && column < width;
            float value = values[is_inside ? plane[row * width + column] : 0];
            if (finish != NULL && is_within(h, picture->hole_rows) &&
                is_within(w, picture->hole_columns))
                value = 0.0f;
            if (finish != NULL && finish->is_sum)
                value = finish->kept * y[at] + finish->added * value;
            y[at] = value;
        }
}

static void gather_picture(const struct image_gather *op, int64_t n, float *y)
{
    const struct finish hole = {.is_sum = false};
    struct unmixed_image picture = picture_of(op, n);

    for (int64_t c = 0; c < op->y.shape[3]; c++)
        if (op->holes.data == NULL)
            gather_plane(op, &picture, c, y, NULL);
        else
            gather_plane(op, &picture, c, y, &hole);
}

static void mix_in(const struct image_gather *op, int64_t n, float *y)
{
    double mix = *(const double *)op->mix.data;
    const struct finish sum = {true, (float)mix, (float)(1.0 - mix)};
    struct unmixed_image picture = picture_of(op, n);

    for (int64_t c = 0; c < op->y.shape[3]; c++)
        gather_plane(op, &picture, c, y, &sum);
}

enum status cpu_image_gather_run(struct queue *queue, const struct prepared *prepared,
                                 const struct image_gather *op)
{
    (void)prepared;
    const int32_t *image_labels = op->image_labels.data, *indices = op->indices.data;
    int32_t *labels = op->labels.data, *partner_labels = op->partner_labels.data;
    float *all = op->y.data;
    int64_t n_images = op->y.shape[0], n_values = tensor_elements(&op->y) / n_images;

    normal_values(op, op->workspace.data);
#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->y)))
    for (int64_t n = 0; n < n_images; n++) {
        int64_t partner = n > 0 ? n - 1 : n_images - 1;
        float *y = all + n * n_values;
        labels[n] = image_labels[indices[n]];
        gather_picture(op, n, y);
        if (op->mix.data == NULL)
            continue;
        mix_in(op, partner, y);
        partner_labels[n] = image_labels[indices[partner]];
    }
    return STATUS_OK;
}
