/* Global average pooling. */
#include "kernels/kernel_test.h"

#include <math.h>

static const struct kernel_case cases[] = {
    {.name = "plain", .sizes = "N3 .4x5 C6"},
    {.name = "one element", .sizes = "N1 .1x1 C1"},
    {.name = "one pixel", .sizes = "N2 .1x1 C5"},
    {.name = "resnet20", .sizes = "N3 .8x8 C64"},
    {.name = "odd", .sizes = "N2 .7x3 C33"},
    {.name = "resnet50", .sizes = "N2 .4x4 C512"},
    {.name = "tokens", .sizes = "N3 .7 C18"},
    {.name = "ties", .sizes = "N2 .4x4 C5", .fill = FILL_TIES},
    {.name = "huge", .sizes = "N2 .4x4 C5", .fill = FILL_HUGE},
    {.name = "tiny", .sizes = "N2 .4x4 C5", .fill = FILL_TINY},
    {.name = "resnet20 batch", .sizes = "N128 .8x8 C64", .is_for_bench = true},
};

static void expect_forward(struct expectation *expected)
{
    enum { Y = 1 };
    const struct global_average_pool_forward *op = &expected->op.global_average_pool_forward;
    int64_t n_pixels = tensor_rows(&op->x) / op->x.shape[0], n_channels = op->y.shape[1];

    expected->terms[Y] = (double)n_pixels;
    for (int64_t i = 0; i < tensor_elements(&op->y); i++) {
        const double *x = reals(&op->x) + i / n_channels * n_pixels * n_channels + i % n_channels;
        for (int64_t pixel = 0; pixel < n_pixels; pixel++) {
            reals(&op->y)[i] += x[pixel * n_channels] / (double)n_pixels;
            expected->magnitude[Y][i] += fabs(x[pixel * n_channels]) / (double)n_pixels;
        }
    }
}

static void expect_backward(struct expectation *expected)
{
    expect_linear(OP_global_average_pool_backward, expected, 1);
}

static const struct adjoint adjoint = {OP_global_average_pool_forward, 0, 1, 0, 1, NULL};

const struct kernel_test test_global_average_pool_forward = {
    .cases = cases, .n_cases = sizeof cases / sizeof *cases, .expect = expect_forward};
const struct kernel_test test_global_average_pool_backward = {.cases = cases,
                                                              .n_cases =
                                                                  sizeof cases / sizeof *cases,
                                                              .expect = expect_backward,
                                                              .adjoint = &adjoint};
