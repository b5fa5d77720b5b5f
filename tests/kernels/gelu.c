/* GELU against erfc in extended precision. Near the end of float's range Φ is exp(−x²/2) times
 * little: rounding x² moves it by x²/2 roundings. */
#include "kernels/kernel_test.h"

#include <math.h>
#include <string.h>

static const struct kernel_case cases[] = {
    {.name = "normal", .sizes = ".3x5x7x9"},
    {.name = "one element", .sizes = ".1"},
    {.name = "odd", .sizes = ".1021"},
    {.name = "whole range", .sizes = ".4001"},
    {.name = "ties", .sizes = ".4x33", .fill = FILL_TIES},
    {.name = "huge", .sizes = ".77", .fill = FILL_HUGE},
    {.name = "tiny", .sizes = ".77", .fill = FILL_TINY},
    {.name = "zeros", .sizes = ".13", .fill = FILL_ZERO},
    {.name = "special", .sizes = ".203", .fill = FILL_SPECIAL},
    {.name = "many", .sizes = ".3x33x33x17"},
    {.name = "simple_vit mlp", .sizes = ".128x64x1536", .is_for_bench = true},
};

/* −16 … 16: from where exp(−x²/2) is no normal number to where Φ is 1 */
static void refine(const struct kernel_case *test_case, union op_any *op,
                   struct random_stream *stream)
{
    struct tensor *x = &op->gelu_forward.x; /* the first tensor of both */
    int64_t n = tensor_elements(x);

    (void)stream;
    for (int64_t i = 0; strcmp(test_case->name, "whole range") == 0 && i < n; i++)
        reals(x)[i] = -16 + 32 * (double)i / (double)(n - 1);
}

static double phi(double x)
{
    return (double)(0.5L * erfcl(-x / sqrtl(2)));
}

static double bell(double x)
{
    return (double)(expl(-(long double)x * x / 2) / sqrtl(2 * acosl(-1)));
}

static double spread(double x)
{
    return isfinite(x) ? 1 + fmin(x * x, 300) / 2 : 1;
}

static void expect_forward(struct expectation *expected)
{
    enum { Y = 1 };
    const struct gelu_forward *op = &expected->op.gelu_forward;

    for (int64_t i = 0; i < tensor_elements(&op->x); i++) {
        double x = reals(&op->x)[i];
        reals(&op->y)[i] = x * phi(x);
        expected->magnitude[Y][i] = fabs(x) * phi(x) * spread(x);
    }
    expected->terms[Y] = 4;
}

static void expect_backward(struct expectation *expected)
{
    enum { D_X = 2 };
    const struct gelu_backward *op = &expected->op.gelu_backward;

    for (int64_t i = 0; i < tensor_elements(&op->x); i++) {
        double x = reals(&op->x)[i], d_y = reals(&op->d_y)[i];
        reals(&op->d_x)[i] = d_y * (phi(x) + x * bell(x));
        expected->magnitude[D_X][i] = fabs(d_y) * (phi(x) + fabs(x) * bell(x)) * spread(x);
    }
    expected->terms[D_X] = 14; /* x times an exponential that is 0 below the least normal number */
}

/* Σ gelu(x)² / 2 */
static double half_square(void *context)
{
    const union op_any *op = context;
    const struct tensor *y = &op->gelu_forward.y;

    run_ref(OP_gelu_forward, op);
    return dot(reals(y), reals(y), tensor_elements(y)) / 2;
}

static void check_gradient(void)
{
    enum { N = 24 };
    double x[N], y[N], d_x[N], wanted[N];
    struct tensor shape = {NULL, DTYPE_F64, 1, {N}};
    union op_any forward = {.gelu_forward = {.x = shape, .y = shape}};
    union op_any backward = {.gelu_backward = {.x = shape, .d_y = shape, .d_x = shape}};

    for (int i = 0; i < N; i++)
        x[i] = -3.1 + 0.25 * i;
    forward.gelu_forward.x.data = x;
    forward.gelu_forward.y.data = y;
    central_difference(half_square, &forward, x, N, wanted);
    run_ref(OP_gelu_forward, &forward);
    backward.gelu_backward.x.data = x;
    backward.gelu_backward.d_y.data = y;
    backward.gelu_backward.d_x.data = d_x;
    run_ref(OP_gelu_backward, &backward);
    check_gradients(d_x, wanted, N, "gelu_backward");
}

const struct kernel_test test_gelu_forward = {.cases = cases,
                                              .n_cases = sizeof cases / sizeof *cases,
                                              .refine = refine,
                                              .expect = expect_forward};
const struct kernel_test test_gelu_backward = {.cases = cases,
                                               .n_cases = sizeof cases / sizeof *cases,
                                               .refine = refine,
                                               .expect = expect_backward,
                                               .check_gradient = check_gradient};
