/* Bytes to normalised pixels, against the sentence in kernels.h. */
#include "kernels/kernel_test.h"

#include <math.h>

enum { IMAGES, IMAGE_LABELS, INDICES, OFFSETS, Y, LABELS, HOLES, MIX, PARTNER_LABELS };
enum { UNMIXED = 1 << MIX | 1 << PARTNER_LABELS, PLAIN = 1 << HOLES | UNMIXED };

#define CIFAR(side)                                                                                \
    {                                                                                              \
        .image_gather = {                                                                          \
            .mean = {0.4914, 0.4822, 0.4465},                                                      \
            .std = {0.2471, 0.2435, 0.2616},                                                       \
            .hole = side                                                                           \
        }                                                                                          \
    }
#define GATHER(case_name, shape, without, side, ...)                                               \
    {                                                                                              \
        .name = case_name, .sizes = shape, .absent = without, .attributes = CIFAR(side),           \
        __VA_ARGS__                                                                                \
    }

static const struct kernel_case cases[] = {
    GATHER("plain", "M5 N7 C3 H8 W8", 1 << OFFSETS | PLAIN, 0),
    GATHER("crops and flips", "M5 N16 C3 H9 W7", PLAIN, 0),
    GATHER("one pixel", "M1 N1 C1 H1 W1", PLAIN, 0),
    {.name = "four channels",
     .sizes = "M2 N3 C4 H5 W5",
     .absent = PLAIN,
     .attributes.image_gather = {.mean = {0, 0.5, 1, 0.1}, .std = {1, 0.5, 2, 0.001}}},
    GATHER("cifar batch", "M16 N33 C3 H32 W32", PLAIN, 0),
    GATHER("even holes", "M5 N16 C3 H9 W7", UNMIXED, 4),
    GATHER("odd holes", "M5 N16 C3 H9 W7", 1 << OFFSETS | UNMIXED, 3),
    GATHER("holes of one pixel", "M5 N16 C1 H3 W3", UNMIXED, 1),
    GATHER("holes larger than images", "M3 N5 C3 H4 W6", UNMIXED, 64),
    GATHER("mixed", "M5 N16 C3 H9 W7", 1 << HOLES, 0, .factor = 0.3),
    GATHER("mixed, first alone", "M5 N6 C3 H9 W7", 1 << HOLES, 0, .factor = 1),
    GATHER("mixed, second alone", "M5 N6 C3 H9 W7", 1 << HOLES, 0, .factor = 0),
    GATHER("mixed with itself", "M5 N1 C3 H8 W8", 1 << HOLES | 1 << OFFSETS, 0, .factor = 0.3),
    GATHER("mixed, with holes", "M16 N33 C3 H32 W32", 0, 16, .factor = 0.7),
    GATHER("cifar bench", "M512 N128 C3 H32 W32", PLAIN, 0, .is_for_bench = true),
    GATHER("cifar bench, holes", "M512 N128 C3 H32 W32", UNMIXED, 16, .is_for_bench = true),
    GATHER("cifar bench, mixed", "M512 N128 C3 H32 W32", 1 << HOLES, 0, .factor = 0.7,
           .is_for_bench = true),
};

static void refine(const struct kernel_case *test_case, union op_any *op,
                   struct random_stream *stream)
{
    struct image_gather *gather = &op->image_gather;
    uint8_t *bytes = gather->images.data;
    int32_t *image_labels = gather->image_labels.data, *indices = gather->indices.data;
    int32_t *offsets = gather->offsets.data, *holes = gather->holes.data;
    const int64_t *size = gather->y.shape + 1;
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
    for (int64_t i = 0; holes != NULL && i < 2 * n; i++) /* the last is far from its image */
        holes[i] = i == 2 * n - 2 ? -INT32_MAX : stream_below(stream, (uint32_t)size[i % 2]);
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

static bool is_cut(const struct image_gather *op, int64_t n, const int64_t at[3])
{
    bool is_inside = op->holes.data != NULL;
    const int32_t *centre = is_inside ? (const int32_t *)op->holes.data + 2 * n : NULL;

    for (int i = 0; is_inside && i < 2; i++) { /* an even side has more before its centre */
        int64_t distance = at[i] - centre[i];
        is_inside = -distance <= op->hole / 2 && distance <= (op->hole - 1) / 2;
    }
    return is_inside;
}

static void expect_value(struct expectation *expected, int64_t n, const int64_t at[3], int64_t i)
{
    const struct image_gather *op = &expected->op.image_gather;
    int64_t n_images = op->y.shape[0];
    double mix = op->mix.data != NULL ? *reals(&op->mix) : 1;
    const struct {
        int64_t image;
        double share;
    } parts[] = {{n, mix}, {n > 0 ? n - 1 : n_images - 1, 1 - mix}};

    for (int part = 0; part < 2; part++) {
        double mean = op->mean[at[2]], std = op->std[at[2]];
        double pixel = expected_pixel(op, parts[part].image, at);
        if (parts[part].share == 0 || is_cut(op, parts[part].image, at))
            continue;
        reals(&op->y)[i] += parts[part].share * ((pixel - mean) / std);
        expected->magnitude[Y][i] += parts[part].share * (pixel + fabs(mean)) / std;
    }
}

static int32_t label_of(const struct image_gather *op, int64_t n)
{
    return ((const int32_t *)op->image_labels.data)[((const int32_t *)op->indices.data)[n]];
}

static void expect(struct expectation *expected)
{
    struct image_gather *op = &expected->op.image_gather;
    const int64_t *shape = op->y.shape;
    int32_t *partner_labels = op->partner_labels.data;
    int64_t i = 0;

    expected->terms[Y] = op->mix.data != NULL ? 6 : 3;
    for (int64_t n = 0; n < shape[0]; n++) {
        for (int64_t h = 0; h < shape[1]; h++)
            for (int64_t w = 0; w < shape[2]; w++)
                for (int64_t c = 0; c < shape[3]; c++, i++)
                    expect_value(expected, n, (const int64_t[]){h, w, c}, i);
        ((int32_t *)op->labels.data)[n] = label_of(op, n);
        if (partner_labels != NULL)
            partner_labels[n] = label_of(op, n > 0 ? n - 1 : shape[0] - 1);
    }
}

/* By hand: two images of one row, a hole of two columns in the second, mixed. */
static void check_example(struct device *device)
{
    uint8_t images[2][4] = {{0, 51, 102, 255}, {255, 204, 153, 0}};
    int32_t image_labels[2] = {7, 8}, indices[2] = {0, 1}, holes[2][2] = {{9, 9}, {0, 2}};
    int32_t labels[2] = {0}, partners[2] = {0};
    double y[2][4] = {{0}}, mix = 0.75;
    /* normalised: −1 −0.6 −0.2 1 and 1 0 0 −1 */
    const double wanted[2][4] = {{-0.5, -0.45, -0.15, 0.5}, {0.5, -0.15, -0.05, -0.5}};
    union op_any op = {.image_gather = {.images = {images, DTYPE_U8, 4, {2, 1, 1, 4}},
                                        .image_labels = {image_labels, DTYPE_I32, 1, {2}},
                                        .indices = {indices, DTYPE_I32, 1, {2}},
                                        .y = {y, DTYPE_F64, 4, {2, 1, 4, 1}},
                                        .labels = {labels, DTYPE_I32, 1, {2}},
                                        .holes = {holes, DTYPE_I32, 2, {2, 2}},
                                        .mix = {&mix, DTYPE_F64, 1, {1}},
                                        .partner_labels = {partners, DTYPE_I32, 1, {2}},
                                        .mean = {0.5},
                                        .std = {0.5},
                                        .hole = 2}};

    (void)run_on(device, OP_image_gather, &op);
    for (int n = 0; n < 2; n++) {
        for (int w = 0; w < 4; w++)
            check_near(y[n][w], wanted[n][w],
                       number_rounding(device_map(device)) + 4 * arithmetic_epsilon(device), "y");
        check_near(labels[n], image_labels[n], 0, "label");
        check_near(partners[n], image_labels[1 - n], 0, "partner's label");
    }
}

const struct kernel_test test_image_gather = {.cases = cases,
                                              .n_cases = sizeof cases / sizeof *cases,
                                              .refine = refine,
                                              .expect = expect,
                                              .check_device = check_example};
