/* Layer norm, against its definition in extended precision; the gradient by differences. */
#include "kernels/kernel_test.h"

#include <math.h>

enum { Y = 3, MEAN = 4, INVERSE = 5, RESIDUAL = 6, SUM = 7 }; /* of forward */
enum { D_X = 5, D_WEIGHT = 6, D_BIAS = 7, ADDEND = 8 };       /* of backward */
enum { NO_SUM = 1 << RESIDUAL | 1 << SUM, NO_MOMENTS = 1 << MEAN | 1 << INVERSE };

#define WITH_EPSILON .attributes = {.layer_norm_forward = {.epsilon = 1e-6}}
#define PLAIN WITH_EPSILON, .absent = NO_SUM

static const struct kernel_case forward_cases[] = {
    {.name = "tokens", .sizes = ".2x5 C24", PLAIN},
    {.name = "sum", .sizes = ".2x5 C24", WITH_EPSILON},
    {.name = "odd sum", .sizes = ".7 C33", WITH_EPSILON},
    {.name = "one element", .sizes = ".1 C1", PLAIN},
    {.name = "one channel", .sizes = ".9 C1", PLAIN},
    {.name = "two channels", .sizes = ".9 C2", PLAIN},
    {.name = "odd", .sizes = ".3x7 C47", PLAIN},
    {.name = "many", .sizes = ".5x67 C81", PLAIN},
    {.name = "evaluation", .sizes = ".5 C19", WITH_EPSILON, .absent = NO_SUM | NO_MOMENTS},
    {.name = "zeros", .sizes = ".4 C10", PLAIN, .fill = FILL_ZERO},
    {.name = "ties", .sizes = ".9 C3", PLAIN, .fill = FILL_TIES},
    {.name = "far from zero", .sizes = ".9 C40", PLAIN, .fill = FILL_OFFSET},
    {.name = "huge", .sizes = ".6 C20", PLAIN, .fill = FILL_HUGE},
    {.name = "huge channel", .sizes = ".6 C1", PLAIN, .fill = FILL_HUGE},
    {.name = "tiny", .sizes = ".6 C20", PLAIN, .fill = FILL_TINY},
    {.name = "simple_vit", .sizes = ".128x64 C384", PLAIN, .is_for_bench = true},
    {.name = "simple_vit sum", .sizes = ".128x64 C384", WITH_EPSILON, .is_for_bench = true},
};

static const struct kernel_case backward_cases[] = {
    {.name = "tokens", .sizes = ".2x5 C24"},
    {.name = "odd", .sizes = ".3x7 C47"},
    {.name = "one element", .sizes = ".1 C1"},
    {.name = "one channel", .sizes = ".9 C1"},
    {.name = "many", .sizes = ".5x211 C19"},
    {.name = "no addend", .sizes = ".7 C33", .absent = 1 << ADDEND},
    {.name = "frozen", .sizes = ".7 C33", .absent = 1 << D_WEIGHT | 1 << D_BIAS},
    {.name = "lowest", .sizes = ".7 C33", .absent = 1 << D_X | 1 << ADDEND},
    {.name = "zeros", .sizes = ".4 C10", .fill = FILL_ZERO},
    {.name = "ties", .sizes = ".9 C3", .fill = FILL_TIES},
    {.name = "huge", .sizes = ".6 C20", .fill = FILL_HUGE},
    {.name = "tiny", .sizes = ".6 C20", .fill = FILL_TINY},
    {.name = "simple_vit", .sizes = ".128x64 C384", .is_for_bench = true},
    {.name = "simple_vit frozen",
     .sizes = ".128x64 C384",
     .absent = 1 << D_WEIGHT | 1 << D_BIAS,
     .is_for_bench = true},
};

static void expect_row(struct expectation *expected, int64_t row)
{
    const struct layer_norm_forward *op = &expected->op.layer_norm_forward;
    int64_t n = tensor_columns(&op->x);
    const double *s = reals(op->sum.data != NULL ? &op->sum : &op->x) + row * n;
    long double mean = 0, variance = 0, size = 0;

    for (int64_t c = 0; c < n; c++) {
        mean += s[c] / (long double)n;
        size += fabs(s[c]) / (long double)n;
    }
    for (int64_t c = 0; c < n; c++)
        variance += (s[c] - mean) * (s[c] - mean) / (long double)n;
    long double inverse = 1 / sqrtl(variance + op->epsilon);
    for (int64_t c = 0; c < n; c++) {
        double weight = reals(&op->weight)[c], bias = reals(&op->bias)[c];
        reals(&op->y)[row * n + c] = (double)((s[c] - mean) * inverse * weight + bias);
        expected->magnitude[Y][row * n + c] =
            (double)((fabs(s[c]) + size) * inverse * fabs(weight) + fabs(bias));
    }
    if (op->mean.data == NULL)
        return;
    reals(&op->mean)[row] = (double)mean;
    reals(&op->inverse_deviation)[row] = (double)inverse;
    expected->magnitude[MEAN][row] = (double)size;
    expected->magnitude[INVERSE][row] = (double)(inverse + inverse * inverse * size);
}

static void expect_forward(struct expectation *expected)
{
    const struct layer_norm_forward *op = &expected->op.layer_norm_forward;

    for (int64_t i = 0; op->sum.data != NULL && i < tensor_elements(&op->x); i++) {
        double x = reals(&op->x)[i], residual = reals(&op->residual)[i];
        /* what is normalised is what was stored */
        reals(&op->sum)[i] = x + residual;
        expected->magnitude[SUM][i] = fabs(x) + fabs(residual);
    }
    for (int64_t row = 0; row < tensor_rows(&op->x); row++)
        expect_row(expected, row);
    expected->terms[Y] = expected->terms[MEAN] = expected->terms[INVERSE] =
        (double)tensor_columns(&op->x) + 4;
}

/* A row's inverse deviation is positive and undoes the size of x. */
static void refine_backward(const struct kernel_case *test_case, union op_any *op,
                            struct random_stream *stream)
{
    const struct tensor *inverse = &op->layer_norm_backward.inverse_deviation;
    double size = test_case->fill == FILL_HUGE ? 1e15 : test_case->fill == FILL_TINY ? 1e-15 : 1;

    for (int64_t i = 0; i < tensor_elements(inverse); i++)
        reals(inverse)[i] = (0.5 + fabs(stream_normal(stream))) / size;
}

static void expect_gradient_row(struct expectation *expected, int64_t row)
{
    const struct layer_norm_backward *op = &expected->op.layer_norm_backward;
    int64_t n = tensor_columns(&op->x);
    double mean = reals(&op->mean)[row], inverse = reals(&op->inverse_deviation)[row];
    long double g_mean = 0, gx_mean = 0, g_size = 0, gx_size = 0;

    for (int64_t c = 0; c < n; c++) {
        int64_t i = row * n + c;
        double normal = (reals(&op->x)[i] - mean) * inverse, d_y = reals(&op->d_y)[i];
        double size = (fabs(reals(&op->x)[i]) + fabs(mean)) * inverse;
        double g = d_y * reals(&op->weight)[c];
        g_mean += g / (long double)n;
        gx_mean += g * normal / (long double)n;
        g_size += fabs(g) / (long double)n;
        gx_size += fabs(g) * size / (long double)n;
        if (op->d_weight.data == NULL)
            continue;
        reals(&op->d_weight)[c] += d_y * normal;
        reals(&op->d_bias)[c] += d_y;
        expected->magnitude[D_WEIGHT][c] += fabs(d_y) * size;
        expected->magnitude[D_BIAS][c] += fabs(d_y);
    }
    for (int64_t c = 0; op->d_x.data != NULL && c < n; c++) {
        int64_t i = row * n + c;
        double normal = (reals(&op->x)[i] - mean) * inverse;
        double size = (fabs(reals(&op->x)[i]) + fabs(mean)) * inverse;
        double g = reals(&op->d_y)[i] * reals(&op->weight)[c];
        double addend = op->addend.data != NULL ? reals(&op->addend)[i] : 0;
        reals(&op->d_x)[i] = (double)(inverse * (g - g_mean - normal * gx_mean) + addend);
        expected->magnitude[D_X][i] =
            (double)(inverse * (fabs(g) + g_size + size * gx_size) + fabs(addend));
    }
}

static void expect_backward(struct expectation *expected)
{
    const struct layer_norm_backward *op = &expected->op.layer_norm_backward;

    expected->terms[D_X] = (double)tensor_columns(&op->x) + 4;
    expected->terms[D_WEIGHT] = expected->terms[D_BIAS] = (double)tensor_rows(&op->x) + 4;
    for (int64_t row = 0; row < tensor_rows(&op->x); row++)
        expect_gradient_row(expected, row);
}

/* Σ y³ / 3: a square's gradient would be nothing, rows have one length */
static double third_cube(void *context)
{
    const union op_any *op = context;
    const struct tensor *y = &op->layer_norm_forward.y;
    double sum = 0;

    run_ref(OP_layer_norm_forward, op);
    for (int64_t i = 0; i < tensor_elements(y); i++)
        sum += pow(reals(y)[i], 3) / 3;
    return sum;
}

static void check_gradient(void)
{
    enum { ROWS = 3, N = 5 };
    double x[ROWS * N], y[ROWS * N], d_y[ROWS * N], d_x[ROWS * N], wanted[ROWS * N];
    double weight[N], bias[N], mean[ROWS], inverse[ROWS], d_weight[N], d_bias[N], wanted_one[N];
    struct random_stream stream = test_stream(OP_layer_norm_backward, 2000);
    struct tensor map = {x, DTYPE_F64, 2, {ROWS, N}}, y_map = {y, DTYPE_F64, 2, {ROWS, N}};
    struct tensor d_map = {d_y, DTYPE_F64, 2, {ROWS, N}}, dx_map = {d_x, DTYPE_F64, 2, {ROWS, N}};
    union op_any forward = {
        .layer_norm_forward = {.x = map,
                               .weight = {weight, DTYPE_F64, 1, {N}},
                               .bias = {bias, DTYPE_F64, 1, {N}},
                               .y = y_map,
                               .mean = {mean, DTYPE_F64, 1, {ROWS}},
                               .inverse_deviation = {inverse, DTYPE_F64, 1, {ROWS}},
                               .epsilon = 1e-6}};
    union op_any backward = {
        .layer_norm_backward = {.x = map,
                                .d_y = d_map,
                                .mean = forward.layer_norm_forward.mean,
                                .inverse_deviation = forward.layer_norm_forward.inverse_deviation,
                                .weight = forward.layer_norm_forward.weight,
                                .d_x = dx_map,
                                .d_weight = {d_weight, DTYPE_F64, 1, {N}},
                                .d_bias = {d_bias, DTYPE_F64, 1, {N}}}};

    stream_fill(&stream, FILL_NORMAL, x, ROWS * N);
    stream_fill(&stream, FILL_NORMAL, weight, N);
    stream_fill(&stream, FILL_NORMAL, bias, N);
    run_ref(OP_layer_norm_forward, &forward);
    for (int i = 0; i < ROWS * N; i++)
        d_y[i] = y[i] * y[i];
    run_ref(OP_layer_norm_backward, &backward);
    central_difference(third_cube, &forward, x, ROWS * N, wanted);
    check_gradients(d_x, wanted, ROWS * N, "layer_norm_backward d_x");
    central_difference(third_cube, &forward, weight, N, wanted_one);
    check_gradients(d_weight, wanted_one, N, "layer_norm_backward d_weight");
    central_difference(third_cube, &forward, bias, N, wanted_one);
    check_gradients(d_bias, wanted_one, N, "layer_norm_backward d_bias");
}

const struct kernel_test test_layer_norm_forward = {.cases = forward_cases,
                                                    .n_cases = sizeof forward_cases /
                                                               sizeof *forward_cases,
                                                    .expect = expect_forward};
const struct kernel_test test_layer_norm_backward = {.cases = backward_cases,
                                                     .n_cases = sizeof backward_cases /
                                                                sizeof *backward_cases,
                                                     .refine = refine_backward,
                                                     .expect = expect_backward,
                                                     .check_gradient = check_gradient};
