/* Convolution: forward against a sum per output element, the adjoints against ref and each other.
 */
#include "kernels/kernel_test.h"

#include <math.h>
#include <string.h>

/* name, sizes, fill, stride, padding, whether only --bench runs it */
/* clang-format off */
#define SIZES(list) \
    list("1x1",                   "N2 H5 W5 C7 K9 R1 S1 P5 Q5",         FILL_NORMAL, 1, 0, false) \
    list("1x1 stride 2",          "N2 H5 W6 C4 K3 R1 S1 P3 Q3",         FILL_NORMAL, 2, 0, false) \
    list("3x3",                   "N2 H6 W5 C4 K5 R3 S3 P6 Q5",         FILL_NORMAL, 1, 1, false) \
    list("3x3 stride 2",          "N2 H8 W7 C3 K5 R3 S3 P4 Q4",         FILL_NORMAL, 2, 1, false) \
    list("no padding",            "N1 H5 W4 C2 K3 R3 S2 P3 Q3",         FILL_NORMAL, 1, 0, false) \
    list("one element",           "N1 H1 W1 C1 K1 R1 S1 P1 Q1",         FILL_NORMAL, 1, 0, false) \
    list("one pixel under 3x3",   "N3 H1 W1 C5 K2 R3 S3 P1 Q1",         FILL_NORMAL, 1, 1, false) \
    list("stem",                  "N2 H32 W32 C3 K16 R3 S3 P32 Q32",    FILL_NORMAL, 1, 1, false) \
    list("16 channels",           "N3 H16 W16 C16 K16 R3 S3 P16 Q16",   FILL_NORMAL, 1, 1, false) \
    list("16 to 32",              "N2 H16 W16 C16 K32 R3 S3 P8 Q8",     FILL_NORMAL, 2, 1, false) \
    list("64 channels",           "N2 H8 W8 C64 K64 R3 S3 P8 Q8",       FILL_NORMAL, 1, 1, false) \
    list("adapter down",          "N2 H8 W8 C32 K8 R3 S3 P8 Q8",        FILL_NORMAL, 1, 1, false) \
    list("adapter up",            "N2 H8 W8 C8 K32 R1 S1 P8 Q8",        FILL_NORMAL, 1, 0, false) \
    list("odd channels",          "N2 H7 W9 C17 K33 R3 S3 P7 Q9",       FILL_NORMAL, 1, 1, false) \
    list("shortcut 1x1 stride 2", "N2 H8 W8 C64 K128 R1 S1 P4 Q4",      FILL_NORMAL, 2, 0, false) \
    list("zeros",                 "N2 H4 W4 C3 K4 R3 S3 P4 Q4",         FILL_ZERO,   1, 1, false) \
    list("ties",                  "N2 H4 W4 C3 K4 R3 S3 P4 Q4",         FILL_TIES,   1, 1, false) \
    list("huge",                  "N2 H6 W6 C8 K8 R3 S3 P6 Q6",         FILL_HUGE,   1, 1, false) \
    list("tiny",                  "N2 H6 W6 C8 K8 R3 S3 P6 Q6",         FILL_TINY,   1, 1, false) \
    list("resnet20 stage 1",      "N128 H32 W32 C16 K16 R3 S3 P32 Q32", FILL_NORMAL, 1, 1, true) \
    list("resnet20 stage 2",      "N128 H16 W16 C32 K32 R3 S3 P16 Q16", FILL_NORMAL, 1, 1, true) \
    list("resnet20 stage 3",      "N128 H8 W8 C64 K64 R3 S3 P8 Q8",     FILL_NORMAL, 1, 1, true)
/* clang-format on */

/* Plain ones have no addend. */
enum { NO_ADDEND = 1 << 3 };

#define FORWARD(case_name, case_sizes, case_fill, stride_, padding_, is_bench)                     \
    {.name = case_name,                                                                            \
     .sizes = case_sizes,                                                                          \
     .absent = NO_ADDEND,                                                                          \
     .fill = case_fill,                                                                            \
     .is_for_bench = is_bench,                                                                     \
     .attributes.conv2d_forward = {.factor = 1, .stride = stride_, .padding = padding_}},          \
        {.name = case_name " frozen",                                                              \
         .sizes = case_sizes,                                                                      \
         .absent = NO_ADDEND,                                                                      \
         .fill = case_fill,                                                                        \
         .is_for_bench = is_bench,                                                                 \
         .attributes.conv2d_forward = {                                                            \
             .factor = 1, .stride = stride_, .padding = padding_, .is_weight_frozen = true}},
#define BACKWARD_DATA(case_name, case_sizes, case_fill, stride_, padding_, is_bench)               \
    {.name = case_name,                                                                            \
     .sizes = case_sizes,                                                                          \
     .fill = case_fill,                                                                            \
     .is_for_bench = is_bench,                                                                     \
     .attributes.conv2d_backward_data = {.factor = 1, .stride = stride_, .padding = padding_}},    \
        {.name = case_name " frozen",                                                              \
         .sizes = case_sizes,                                                                      \
         .fill = case_fill,                                                                        \
         .is_for_bench = is_bench,                                                                 \
         .attributes.conv2d_backward_data = {                                                      \
             .factor = 1, .stride = stride_, .padding = padding_, .is_weight_frozen = true}},
#define BACKWARD_WEIGHT(case_name, case_sizes, case_fill, stride_, padding_, is_bench)             \
    {.name = case_name,                                                                            \
     .sizes = case_sizes,                                                                          \
     .fill = case_fill,                                                                            \
     .is_for_bench = is_bench,                                                                     \
     .attributes.conv2d_backward_weight = {.factor = 1, .stride = stride_, .padding = padding_}},

/* Frozen, with zero filters that may be left out; refine() makes them. */
#define PRUNED_SIZES(list)                                                                         \
    list("half", "N2 H8 W8 C16 K64 R3 S3 P8 Q8", 1,                                                \
         1) list("third", "N2 H8 W8 C16 K64 R3 S3 P8 Q8", 1,                                       \
                 1) list("all", "N2 H8 W8 C16 K64 R3 S3 P8 Q8", 1, 1)                              \
        list("half of few", "N3 H9 W8 C16 K16 R3 S3 P9 Q8", 1, 1)                                  \
            list("half of 37", "N2 H7 W7 C17 K37 R3 S3 P4 Q4", 2, 1)                               \
                list("half, 1x1", "N2 H8 W8 C256 K64 R1 S1 P4 Q4", 2, 0)                           \
                    list("half of wide", "N1 H6 W5 C72 K128 R3 S3 P6 Q5", 1, 1)                    \
                        list("half of wide, 1x1", "N1 H4 W5 C512 K64 R1 S1 P4 Q5", 1, 0)           \
                            list("third of wide", "N1 H5 W4 C96 K100 R3 S3 P5 Q4", 1, 1)           \
                                list("half of widest", "N1 H4 W3 C256 K64 R3 S3 P4 Q3", 1, 1)      \
                                    list("all of widest", "N1 H4 W3 C512 K64 R3 S3 P4 Q3", 1, 1)
#define PRUNED_FORWARD(share, case_sizes, stride_, padding_)                                       \
    {.name = "zero filters: " share,                                                               \
     .sizes = case_sizes,                                                                          \
     .absent = NO_ADDEND,                                                                          \
     .attributes.conv2d_forward = {                                                                \
         .factor = 1, .stride = stride_, .padding = padding_, .is_weight_frozen = true}},
#define PRUNED_BACKWARD_DATA(share, case_sizes, stride_, padding_)                                 \
    {.name = "zero filters: " share,                                                               \
     .sizes = case_sizes,                                                                          \
     .attributes.conv2d_backward_data = {                                                          \
         .factor = 1, .stride = stride_, .padding = padding_, .is_weight_frozen = true}},

/* Products with a factor: the second half of an adapter. */
/* clang-format off */
#define MULTIPLE_SIZES(list) \
    list("8 to 32",         "N2 H8 W8 C8 K32 R1 S1 P8 Q8",             FILL_NORMAL, 2.0, false) \
    list("8 to 16",         "N3 H9 W8 C8 K16 R1 S1 P9 Q8",             FILL_NORMAL, 0.7, false) \
    list("16 to 100",       "N2 H7 W9 C16 K100 R1 S1 P7 Q9",           FILL_NORMAL, 1.5, false) \
    list("32 to 64",        "N1 H9 W7 C32 K64 R1 S1 P9 Q7",            FILL_NORMAL, 0.5, false) \
    list("5 to 37",         "N2 H5 W7 C5 K37 R1 S1 P5 Q7",             FILL_NORMAL, 3.0, false) \
    list("20 to 33",        "N1 H4 W7 C20 K33 R1 S1 P4 Q7",            FILL_NORMAL, 1.0, false) \
    list("33 to 48",        "N2 H4 W5 C33 K48 R1 S1 P4 Q5",            FILL_NORMAL, 1.3, false) \
    list("1 to 1",          "N1 H1 W1 C1 K1 R1 S1 P1 Q1",              FILL_NORMAL, 2.0, false) \
    list("2 to 300",        "N1 H2 W3 C2 K300 R1 S1 P2 Q3",            FILL_NORMAL, 2.0, false) \
    list("many rows",       "N2 H33 W31 C8 K20 R1 S1 P33 Q31",         FILL_NORMAL, 0.3, false) \
    list("wide",            "N1 H3 W3 C8 K1500 R1 S1 P3 Q3",           FILL_NORMAL, 2.0, false) \
    list("huge",            "N2 H4 W4 C8 K16 R1 S1 P4 Q4",             FILL_HUGE,   2.0, false) \
    list("tiny",            "N2 H4 W4 C8 K16 R1 S1 P4 Q4",             FILL_TINY,   2.0, false) \
    list("ties",            "N2 H4 W4 C8 K16 R1 S1 P4 Q4",             FILL_TIES,   2.0, false) \
    list("resnet20",        "N128 H32 W32 C8 K16 R1 S1 P32 Q32",       FILL_NORMAL, 2.0, true) \
    list("resnet50",        "N128 H16 W16 C8 K512 R1 S1 P16 Q16",      FILL_NORMAL, 2.0, true) \
    list("resnet50, last",  "N128 H4 W4 C8 K2048 R1 S1 P4 Q4",         FILL_NORMAL, 2.0, true)
/* clang-format on */
#define MULTIPLE_FORWARD(case_name, case_sizes, case_fill, factor_, is_bench)                      \
    {.name = "added: " case_name,                                                                  \
     .sizes = case_sizes,                                                                          \
     .fill = case_fill,                                                                            \
     .is_for_bench = is_bench,                                                                     \
     .attributes.conv2d_forward = {.factor = -(factor_), .stride = 1}},                            \
        {.name = "multiple: " case_name,                                                           \
         .sizes = case_sizes,                                                                      \
         .fill = case_fill,                                                                        \
         .absent = NO_ADDEND,                                                                      \
         .is_for_bench = is_bench,                                                                 \
         .attributes.conv2d_forward = {.factor = factor_, .stride = 1, .is_weight_frozen = true}},
#define MULTIPLE_BACKWARD_DATA(case_name, case_sizes, case_fill, factor_, is_bench)                \
    {.name = "multiple: " case_name,                                                               \
     .sizes = case_sizes,                                                                          \
     .fill = case_fill,                                                                            \
     .is_for_bench = is_bench,                                                                     \
     .attributes.conv2d_backward_data = {.factor = factor_, .stride = 1}},                         \
        {.name = "multiple, frozen: " case_name,                                                   \
         .sizes = case_sizes,                                                                      \
         .fill = case_fill,                                                                        \
         .is_for_bench = is_bench,                                                                 \
         .attributes.conv2d_backward_data = {                                                      \
             .factor = factor_, .stride = 1, .is_weight_frozen = true}},
#define MULTIPLE_BACKWARD_WEIGHT(case_name, case_sizes, case_fill, factor_, is_bench)              \
    {.name = "multiple: " case_name,                                                               \
     .sizes = case_sizes,                                                                          \
     .fill = case_fill,                                                                            \
     .is_for_bench = is_bench,                                                                     \
     .attributes.conv2d_backward_weight = {.factor = factor_, .stride = 1}},

static const struct kernel_case forward_cases[] = {SIZES(FORWARD) PRUNED_SIZES(PRUNED_FORWARD)
                                                       MULTIPLE_SIZES(MULTIPLE_FORWARD)};
static const struct kernel_case backward_data_cases[] = {
    SIZES(BACKWARD_DATA) PRUNED_SIZES(PRUNED_BACKWARD_DATA) MULTIPLE_SIZES(MULTIPLE_BACKWARD_DATA)};
static const struct kernel_case backward_weight_cases[] = {
    SIZES(BACKWARD_WEIGHT) MULTIPLE_SIZES(MULTIPLE_BACKWARD_WEIGHT)};

static void zero_filters(const struct kernel_case *test_case, const struct tensor *weight)
{
    const char *share = strstr(test_case->name, "zero filters: ");
    int64_t n = tensor_elements(weight) / weight->shape[0];

    if (share == NULL)
        return;
    share += strlen("zero filters: ");
    int64_t period = share[0] == 't' ? 3 : 2;
    for (int64_t k = 0; k < weight->shape[0]; k++)
        if (share[0] == 'a' || k * 7 % period == 1)
            memset(reals(weight) + k * n, 0, (size_t)n * sizeof(double));
}

static void refine_forward(const struct kernel_case *test_case, union op_any *op,
                           struct random_stream *stream)
{
    (void)stream;
    zero_filters(test_case, &op->conv2d_forward.weight);
}

static void refine_backward_data(const struct kernel_case *test_case, union op_any *op,
                                 struct random_stream *stream)
{
    (void)stream;
    zero_filters(test_case, &op->conv2d_backward_data.weight);
}

static void expect_element(const struct conv2d_forward *op, const int64_t at[4], double *value,
                           double *magnitude)
{
    const int64_t *x = op->x.shape, *weight = op->weight.shape;

    for (int64_t c = 0; c < x[3]; c++)
        for (int64_t r = 0; r < weight[1]; r++)
            for (int64_t s = 0; s < weight[2]; s++) {
                int64_t h = at[1] * op->stride + r - op->padding;
                int64_t w = at[2] * op->stride + s - op->padding;
                if (h < 0 || h >= x[1] || w < 0 || w >= x[2])
                    continue;
                double term =
                    op->factor * reals(&op->x)[((at[0] * x[1] + h) * x[2] + w) * x[3] + c] *
                    reals(&op->weight)[((at[3] * weight[1] + r) * weight[2] + s) * x[3] + c];
                *value += term;
                *magnitude += fabs(term);
            }
}

static void expect_forward(struct expectation *expected)
{
    enum { Y = 2 };
    const struct conv2d_forward *op = &expected->op.conv2d_forward;
    const int64_t *shape = op->y.shape;

    expected->terms[Y] = (double)(op->weight.shape[1] * op->weight.shape[2] * op->weight.shape[3]);
    expected->terms[Y] += op->addend.data != NULL;
    for (int64_t i = 0; i < tensor_elements(&op->y); i++) {
        const int64_t at[4] = {i / (shape[1] * shape[2] * shape[3]),
                               i / (shape[2] * shape[3]) % shape[1], i / shape[3] % shape[2],
                               i % shape[3]};
        if (op->addend.data != NULL) {
            reals(&op->y)[i] = reals(&op->addend)[i];
            expected->magnitude[Y][i] = fabs(reals(&op->addend)[i]);
        }
        expect_element(op, at, &reals(&op->y)[i], &expected->magnitude[Y][i]);
    }
}

static void expect_backward_data(struct expectation *expected)
{
    const int64_t *weight = expected->op.conv2d_backward_data.weight.shape;

    expect_linear(OP_conv2d_backward_data, expected, (double)(weight[0] * weight[1] * weight[2]));
}

static void expect_backward_weight(struct expectation *expected)
{
    const int64_t *d_y = expected->op.conv2d_backward_weight.d_y.shape;

    expect_linear(OP_conv2d_backward_weight, expected, (double)(d_y[0] * d_y[1] * d_y[2]));
}

static void copy_from_data(const union op_any *backward, union op_any *forward)
{
    forward->conv2d_forward.factor = backward->conv2d_backward_data.factor;
    forward->conv2d_forward.stride = backward->conv2d_backward_data.stride;
    forward->conv2d_forward.padding = backward->conv2d_backward_data.padding;
}

static void copy_from_weight(const union op_any *backward, union op_any *forward)
{
    forward->conv2d_forward.factor = backward->conv2d_backward_weight.factor;
    forward->conv2d_forward.stride = backward->conv2d_backward_weight.stride;
    forward->conv2d_forward.padding = backward->conv2d_backward_weight.padding;
}

static double forward_flops(const union op_any *op)
{
    return product_flops(&op->conv2d_forward.weight, &op->conv2d_forward.y);
}

static double backward_data_flops(const union op_any *op)
{
    return product_flops(&op->conv2d_backward_data.weight, &op->conv2d_backward_data.d_y);
}

static double backward_weight_flops(const union op_any *op)
{
    return product_flops(&op->conv2d_backward_weight.d_weight, &op->conv2d_backward_weight.d_y);
}

static const struct adjoint data_adjoint = {OP_conv2d_forward, 0, 2, 0, 2, copy_from_data};
static const struct adjoint weight_adjoint = {OP_conv2d_forward, 1, 2, 1, 2, copy_from_weight};

const struct kernel_test test_conv2d_forward = {
    .cases = forward_cases,
    .n_cases = sizeof forward_cases / sizeof *forward_cases,
    .refine = refine_forward,
    .expect = expect_forward,
    .flops = forward_flops,
};
const struct kernel_test test_conv2d_backward_data = {
    .cases = backward_data_cases,
    .n_cases = sizeof backward_data_cases / sizeof *backward_data_cases,
    .refine = refine_backward_data,
    .expect = expect_backward_data,
    .adjoint = &data_adjoint,
    .flops = backward_data_flops,
};
const struct kernel_test test_conv2d_backward_weight = {
    .cases = backward_weight_cases,
    .n_cases = sizeof backward_weight_cases / sizeof *backward_weight_cases,
    .expect = expect_backward_weight,
    .adjoint = &weight_adjoint,
    .flops = backward_weight_flops,
};
