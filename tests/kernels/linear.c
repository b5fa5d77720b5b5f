/* Matrix products of the classifier and its adapters. */
#include "kernels/kernel_test.h"

#include <math.h>

#define SIZES                                                                                      \
    {.name = "head", .sizes = ".7 C64 K10"}, {.name = "one element", .sizes = ".1 C1 K1"},         \
        {.name = "odd", .sizes = ".5 C17 K33"}, {.name = "small", .sizes = ".3 C5 K4"},            \
        {.name = "wide", .sizes = ".4 C512 K10"}, {.name = "tokens", .sizes = ".3x5 C24 K7"},      \
        {.name = "zeros", .sizes = ".3 C5 K4", .fill = FILL_ZERO},                                 \
        {.name = "ties", .sizes = ".3 C9 K4", .fill = FILL_TIES},                                  \
        {.name = "huge", .sizes = ".3 C9 K4", .fill = FILL_HUGE},                                  \
        {.name = "tiny", .sizes = ".3 C9 K4", .fill = FILL_TINY},                                  \
        {.name = "resnet20 head", .sizes = ".128 C64 K10", .is_for_bench = true},                  \
        {.name = "simple_vit mlp", .sizes = ".128x64 C384 K1536", .is_for_bench = true},           \
    {                                                                                              \
        .name = "simple_vit in_proj", .sizes = ".128x64 C384 K1152", .is_for_bench = true          \
    }

static const struct kernel_case backward_data_cases[] = {SIZES};
static const struct kernel_case forward_cases[] = {
    SIZES,
    {.name = "many tokens", .sizes = ".5x211 C6 K19"},
    {.name = "many tokens, no bias", .sizes = ".5x211 C6 K19", .absent = 1 << 2},
    {.name = "no bias", .sizes = ".7 C64 K10", .absent = 1 << 2}};
static const struct kernel_case backward_weight_cases[] = {
    SIZES,
    {.name = "many tokens", .sizes = ".5x211 C6 K19"},
    {.name = "no bias", .sizes = ".7 C64 K10", .absent = 1 << 3}};

static void expect_forward(struct expectation *expected)
{
    enum { Y = 3 };
    const struct linear_forward *op = &expected->op.linear_forward;
    int64_t n_inputs = tensor_columns(&op->x), n_outputs = tensor_columns(&op->y);

    expected->terms[Y] = (double)n_inputs + 1;
    for (int64_t i = 0; i < tensor_elements(&op->y); i++) {
        int64_t n = i / n_outputs, k = i % n_outputs;
        double bias = op->bias.data != NULL ? reals(&op->bias)[k] : 0.0, sum = 0.0, size = 0.0;
        for (int64_t c = 0; c < n_inputs; c++) {
            double term = reals(&op->x)[n * n_inputs + c] * reals(&op->weight)[k * n_inputs + c];
            sum += term;
            size += fabs(term);
        }
        reals(&op->y)[i] = sum + bias;
        expected->magnitude[Y][i] = size + fabs(bias);
    }
}

static void expect_backward_data(struct expectation *expected)
{
    expect_linear(OP_linear_backward_data, expected,
                  (double)tensor_columns(&expected->op.linear_backward_data.d_y));
}

static void expect_backward_weight(struct expectation *expected)
{
    expect_linear(OP_linear_backward_weight, expected,
                  (double)tensor_rows(&expected->op.linear_backward_weight.d_y));
}

static double forward_flops(const union op_any *op)
{
    return product_flops(&op->linear_forward.weight, &op->linear_forward.y);
}

static double backward_data_flops(const union op_any *op)
{
    return product_flops(&op->linear_backward_data.weight, &op->linear_backward_data.d_y);
}

static double backward_weight_flops(const union op_any *op)
{
    return product_flops(&op->linear_backward_weight.d_weight, &op->linear_backward_weight.d_y);
}

static const struct adjoint data_adjoint = {OP_linear_forward, 0, 3, 0, 2, NULL};
static const struct adjoint weight_adjoint = {OP_linear_forward, 1, 3, 1, 2, NULL};

/* d_bias is the adjoint of the bias, the only other input. */
static double bias_output(void *context)
{
    const union op_any *op = context;

    run_ref(OP_linear_forward, op);
    return dot(reals(&op->linear_forward.y), reals(&op->linear_forward.y),
               tensor_elements(&op->linear_forward.y)) /
           2;
}

static void check_bias_gradient(void)
{
    double x[6] = {1, -2, 3, 0.5, 0.25, -1}, weight[6] = {0.3, -0.7, 0.1, 1.5, -0.2, 0.4};
    double bias[2] = {0.5, -0.25}, y[6], d_weight[6], d_bias[2], wanted[2];
    union op_any forward = {.linear_forward = {.x = {x, DTYPE_F64, 2, {3, 2}},
                                               .weight = {weight, DTYPE_F64, 2, {2, 2}},
                                               .bias = {bias, DTYPE_F64, 1, {2}},
                                               .y = {y, DTYPE_F64, 2, {3, 2}}}};

    central_difference(bias_output, &forward, bias, 2, wanted);
    run_ref(OP_linear_forward, &forward);
    union op_any backward = {
        .linear_backward_weight = {.x = forward.linear_forward.x,
                                   .d_y = forward.linear_forward.y,
                                   .d_weight = {d_weight, DTYPE_F64, 2, {2, 2}},
                                   .d_bias = {d_bias, DTYPE_F64, 1, {2}}}};
    run_ref(OP_linear_backward_weight, &backward); /* d(½ Σ y²) = y */
    check_gradients(d_bias, wanted, 2, "linear bias");
}

const struct kernel_test test_linear_forward = {
    .cases = forward_cases,
    .n_cases = sizeof forward_cases / sizeof *forward_cases,
    .expect = expect_forward,
    .flops = forward_flops,
};
const struct kernel_test test_linear_backward_data = {
    .cases = backward_data_cases,
    .n_cases = sizeof backward_data_cases / sizeof *backward_data_cases,
    .expect = expect_backward_data,
    .adjoint = &data_adjoint,
    .flops = backward_data_flops,
};
const struct kernel_test test_linear_backward_weight = {
    .cases = backward_weight_cases,
    .n_cases = sizeof backward_weight_cases / sizeof *backward_weight_cases,
    .expect = expect_backward_weight,
    .adjoint = &weight_adjoint,
    .check_gradient = check_bias_gradient,
    .flops = backward_weight_flops,
};
