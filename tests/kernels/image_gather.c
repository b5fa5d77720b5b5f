/* Bytes to normalised pixels, against the sentence in kernels.h. */
#include "kernels/kernel_test.h"

#include <math.h>

enum { IMAGES, IMAGE_LABELS, INDICES, OFFSETS, Y, LABELS };

#define CIFAR                                                                                      \
    {                                                                                              \
        .image_gather = {.mean = {0.4914, 0.4822, 0.4465}, .std = {0.2471, 0.2435, 0.2616} }       \
    }

static const struct kernel_case cases[] = {
    {.name = "plain", .sizes = "M5 N7 C3 H8 W8", .absent = 1 << OFFSETS, .attributes = CIFAR},
    {.name = "crops and flips", .sizes = "M5 N16 C3 H9 W7", .attributes = CIFAR},
    {.name = "one pixel", .sizes = "M1 N1 C1 H1 W1", .attributes = CIFAR},
    {.name = "four channels",
     .sizes = "M2 N3 C4 H5 W5",
     .attributes.image_gather = {.mean = {0, 0.5, 1, 0.1}, .std = {1, 0.5, 2, 0.001}}},
    {.name = "cifar batch", .sizes = "M16 N33 C3 H32 W32", .attributes = CIFAR},
    {.name = "cifar bench",
     .sizes = "M512 N128 C3 H32 W32",
     .attributes = CIFAR,
     .is_for_bench = true},
};

static void refine(const struct kernel_case *test_case, union op_any *op,
                   struct random_stream *stream)
{
    struct image_gather *gather = &op->image_gather;
    uint8_t *bytes = gather->images.data;
    int32_t *image_labels = gather->image_labels.data, *indices = gather->indices.data;
    int32_t *offsets = gather->offsets.data;
    int64_t n_images = gather->images.shape[0], n = gather->indices.shape[0];

    (void)test_case;
    for (int64_t i = 0; i < tensor_elements(&gather->images); i++)
        bytes[i] = (uint8_t)stream_below(stream, 256);
    bytes[0] = 255;
    for (int64_t i = 0; i < n_images; i++)
        image_labels[i] = stream_below(stream, 100);
    for (int64_t i = 0; i < n; i++) /* the last image and the first for sure, the others repeat */
        indices[i] = i == 0 ? (int32_t)n_images - 1 : stream_below(stream, (uint32_t)n_images);
    for (int64_t i = 0; offsets != NULL && i < n; i++) {
        offsets[3 * i] = i == 1 ? 1000 : stream_below(stream, 9) - 4; /* 1000: all black */
        offsets[3 * i + 1] = i == 2 ? -1000 : stream_below(stream, 9) - 4;
        offsets[3 * i + 2] = stream_below(stream, 2);
    }
}

/* Builds the padded image first, then cuts the crop out of it, then mirrors: the order in which
 * the recipe says it. */
static double expected_pixel(const struct image_gather *op, int64_t n, const int64_t at[3])
{
    const int64_t *shape = op->images.shape;
    const int32_t *offsets = op->offsets.data;
    int64_t dy = offsets != NULL ? offsets[3 * n] : 0,
            dx = offsets != NULL ? offsets[3 * n + 1] : 0;
    int64_t row = at[0] + dy, column = at[1] + dx;
    int64_t image = ((const int32_t *)op->indices.data)[n];

    if (offsets != NULL && offsets[3 * n + 2] != 0)
        column = shape[3] - 1 - at[1] + dx;
    if (row < 0 || row >= shape[2] || column < 0 || column >= shape[3])
        return 0.0;
    return ((const uint8_t *)op->images
                .data)[((image * shape[1] + at[2]) * shape[2] + row) * shape[3] + column] /
           255.0;
}

static void expect(struct expectation *expected)
{
    struct image_gather *op = &expected->op.image_gather;
    const int64_t *shape = op->y.shape;
    int64_t i = 0;

    expected->terms[Y] = 3;
    for (int64_t n = 0; n < shape[0]; n++) {
        for (int64_t h = 0; h < shape[1]; h++)
            for (int64_t w = 0; w < shape[2]; w++)
                for (int64_t c = 0; c < shape[3]; c++, i++) {
                    double pixel = expected_pixel(op, n, (const int64_t[]){h, w, c});
                    reals(&op->y)[i] = (pixel - op->mean[c]) / op->std[c];
                    expected->magnitude[Y][i] = (pixel + fabs(op->mean[c])) / op->std[c];
                }
        ((int32_t *)op->labels.data)[n] =
            ((const int32_t *)op->image_labels.data)[((const int32_t *)op->indices.data)[n]];
    }
}

const struct kernel_test test_image_gather = {
    .cases = cases, .n_cases = sizeof cases / sizeof *cases, .refine = refine, .expect = expect};
