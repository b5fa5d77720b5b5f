/* The "option A" shortcut: a copy, so exact. */
#include "kernels/kernel_test.h"

static const struct kernel_case cases[] = {
    {.name = "plain", .sizes = "N2 H8 W8 C4 P4 Q4 K8"},
    {.name = "odd map", .sizes = "N2 H7 W5 C3 P4 Q3 K5"},
    {.name = "one pixel", .sizes = "N1 H1 W1 C1 P1 Q1 K1"},
    {.name = "one pixel padded", .sizes = "N3 H1 W1 C2 P1 Q1 K6"},
    {.name = "no channels added", .sizes = "N2 H6 W6 C5 P3 Q3 K5"},
    {.name = "resnet20", .sizes = "N3 H32 W32 C16 P16 Q16 K32"},
    {.name = "huge", .sizes = "N2 H4 W4 C5 P2 Q2 K7", .fill = FILL_HUGE},
    {.name = "resnet20 batch", .sizes = "N128 H32 W32 C16 P16 Q16 K32", .is_for_bench = true},
};

static void expect_forward(struct expectation *expected)
{
    const struct shortcut_pad_forward *op = &expected->op.shortcut_pad_forward;
    const int64_t *x = op->x.shape, *y = op->y.shape;
    int64_t border = (y[3] - x[3]) / 2;

    for (int64_t i = 0; i < tensor_elements(&op->y); i++) {
        int64_t k = i % y[3] - border, q = i / y[3] % y[2], p = i / (y[3] * y[2]) % y[1];
        int64_t n = i / (y[3] * y[2] * y[1]);
        if (k >= 0 && k < x[3])
            reals(&op->y)[i] = reals(&op->x)[((n * x[1] + 2 * p) * x[2] + 2 * q) * x[3] + k];
    }
}

static void expect_backward(struct expectation *expected)
{
    expect_linear(OP_shortcut_pad_backward, expected, 1);
}

static const struct adjoint adjoint = {OP_shortcut_pad_forward, 0, 1, 0, 1, NULL};

const struct kernel_test test_shortcut_pad_forward = {
    .cases = cases, .n_cases = sizeof cases / sizeof *cases, .expect = expect_forward};
const struct kernel_test test_shortcut_pad_backward = {.cases = cases,
                                                       .n_cases = sizeof cases / sizeof *cases,
                                                       .expect = expect_backward,
                                                       .adjoint = &adjoint};
