/* Patches to tokens: sums of three numbers, and the bias' gradient. */
#include "kernels/kernel_test.h"

#include <math.h>

enum { Y = 3, D_X = 1, D_BIAS = 2 };

#define SIZES                                                                                      \
    {.name = "square", .sizes = "N3 P4 Q4 T16 K6"}, {.name = "wide", .sizes = "N2 P2 Q5 T10 K7"},  \
        {.name = "one token", .sizes = "N3 P1 Q1 T1 K5"},                                          \
        {.name = "one element", .sizes = "N1 P1 Q1 T1 K1"},                                        \
        {.name = "odd", .sizes = "N5 P3 Q3 T9 K33"},                                               \
        {.name = "huge", .sizes = "N2 P2 Q2 T4 K5", .fill = FILL_HUGE},                            \
        {.name = "tiny", .sizes = "N2 P2 Q2 T4 K5", .fill = FILL_TINY},                            \
    {                                                                                              \
        .name = "simple_vit", .sizes = "N128 P8 Q8 T64 K384", .is_for_bench = true                 \
    }

static const struct kernel_case forward_cases[] = {SIZES};
static const struct kernel_case backward_cases[] = {
    SIZES,
    {.name = "many", .sizes = "N17 P9 Q8 T72 K5"},
    {.name = "bias alone", .sizes = "N3 P2 Q2 T4 K6", .absent = 1 << D_X},
    {.name = "map alone", .sizes = "N3 P2 Q2 T4 K6", .absent = 1 << D_BIAS}};

static void expect_forward(struct expectation *expected)
{
    const struct patch_tokens_forward *op = &expected->op.patch_tokens_forward;
    int64_t n = tensor_columns(&op->y), n_tokens = op->y.shape[1];

    expected->terms[Y] = 3;
    for (int64_t i = 0; i < tensor_elements(&op->y); i++) {
        double x = reals(&op->x)[i], bias = reals(&op->bias)[i % n];
        double position = reals(&op->position)[i / n % n_tokens * n + i % n];
        reals(&op->y)[i] = x + bias + position;
        expected->magnitude[Y][i] = fabs(x) + fabs(bias) + fabs(position);
    }
}

static void expect_backward(struct expectation *expected)
{
    const struct patch_tokens_backward *op = &expected->op.patch_tokens_backward;
    int64_t n = tensor_columns(&op->d_y);

    expected->terms[D_BIAS] = (double)tensor_rows(&op->d_y);
    for (int64_t i = 0; i < tensor_elements(&op->d_y); i++) {
        double d_y = reals(&op->d_y)[i];
        if (op->d_x.data != NULL)
            reals(&op->d_x)[i] = d_y;
        if (op->d_bias.data == NULL)
            continue;
        reals(&op->d_bias)[i % n] += d_y;
        expected->magnitude[D_BIAS][i % n] += fabs(d_y);
    }
}

const struct kernel_test test_patch_tokens_forward = {.cases = forward_cases,
                                                      .n_cases = sizeof forward_cases /
                                                                 sizeof *forward_cases,
                                                      .expect = expect_forward};
const struct kernel_test test_patch_tokens_backward = {.cases = backward_cases,
                                                       .n_cases = sizeof backward_cases /
                                                                  sizeof *backward_cases,
                                                       .expect = expect_backward};
