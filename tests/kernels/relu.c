/* ReLU: exact, so every bound is zero. */
#include "kernels/kernel_test.h"

#include <math.h>

#define SIZES                                                                                      \
    {.name = "normal", .sizes = ".3x5x7x9"}, {.name = "one element", .sizes = ".1"},               \
        {.name = "odd", .sizes = ".1021"}, {.name = "ties", .sizes = ".4x33", .fill = FILL_TIES},  \
        {.name = "huge", .sizes = ".77", .fill = FILL_HUGE},                                       \
        {.name = "tiny", .sizes = ".77", .fill = FILL_TINY},                                       \
        {.name = "zeros", .sizes = ".13", .fill = FILL_ZERO},                                      \
        {.name = "special", .sizes = ".203", .fill = FILL_SPECIAL},                                \
        {.name = "many", .sizes = ".3x33x33x17"},                                                  \
    {                                                                                              \
        .name = "resnet20 stage 1", .sizes = ".128x32x32x16", .is_for_bench = true                 \
    }

static const struct kernel_case cases[] = {SIZES};

static void expect_forward(struct expectation *expected)
{
    const struct relu_forward *op = &expected->op.relu_forward;

    for (int64_t i = 0; i < tensor_elements(&op->x); i++) {
        double x = reals(&op->x)[i];
        reals(&op->y)[i] = isnan(x) ? x : fmax(x, 0.0);
    }
}

static void expect_backward(struct expectation *expected)
{
    const struct relu_backward *op = &expected->op.relu_backward;

    for (int64_t i = 0; i < tensor_elements(&op->y); i++)
        reals(&op->d_x)[i] = reals(&op->y)[i] > 0.0 ? reals(&op->d_y)[i] : 0.0;
}

/* Σ relu(x)² / 2 */
static double half_square(void *context)
{
    const union op_any *op = context;
    const struct tensor *y = &op->relu_forward.y;

    run_ref(OP_relu_forward, op);
    return dot(reals(y), reals(y), tensor_elements(y)) / 2;
}

static void check_gradient(void)
{
    enum { N = 24 };
    double x[N], y[N], d_x[N], wanted[N];
    struct random_stream stream = test_stream(OP_relu_backward, 2000);
    struct tensor shape = {NULL, DTYPE_F64, 1, {N}};
    union op_any forward = {.relu_forward = {.x = shape, .y = shape}};
    union op_any backward = {.relu_backward = {.y = shape, .d_y = shape, .d_x = shape}};

    stream_fill(&stream, FILL_NORMAL, x, N);
    for (int i = 0; i < N; i++)
        x[i] += x[i] < 0 ? -0.1 : 0.1; /* away from the kink by more than the step */
    forward.relu_forward.x.data = x;
    forward.relu_forward.y.data = y;
    central_difference(half_square, &forward, x, N, wanted);
    run_ref(OP_relu_forward, &forward);
    backward.relu_backward.y.data = y;
    backward.relu_backward.d_y.data = y;
    backward.relu_backward.d_x.data = d_x;
    run_ref(OP_relu_backward, &backward);
    check_gradients(d_x, wanted, N, "relu_backward");
}

const struct kernel_test test_relu_forward = {
    .cases = cases, .n_cases = sizeof cases / sizeof *cases, .expect = expect_forward};
const struct kernel_test test_relu_backward = {.cases = cases,
                                               .n_cases = sizeof cases / sizeof *cases,
                                               .expect = expect_backward,
                                               .check_gradient = check_gradient};
