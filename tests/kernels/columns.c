/* Columns taken out and added to: no arithmetic but one addition. */
#include "kernels/kernel_test.h"

#include <math.h>

#define CASES(type)                                                                                \
    {.name = "first", .sizes = ".5 C9 K3", .attributes = {.type = {.first = 0}}},                  \
        {.name = "last", .sizes = ".2x5 C9 K3", .attributes = {.type = {.first = 6}}},             \
        {.name = "all", .sizes = ".4 C5 K5", .attributes = {.type = {.first = 0}}},                \
        {.name = "one", .sizes = ".1 C1 K1", .attributes = {.type = {.first = 0}}},                \
        {.name = "many", .sizes = ".3x67 C99 K33", .attributes = {.type = {.first = 33}}},         \
        {.name = "special",                                                                        \
         .sizes = ".7 C9 K4",                                                                      \
         .fill = FILL_SPECIAL,                                                                     \
         .attributes = {.type = {.first = 2}}},                                                    \
    {                                                                                              \
        .name = "simple_vit", .sizes = ".128x64 C1152 K384",                                       \
        .attributes = {.type = {.first = 384}}, .is_for_bench = true                               \
    }

static const struct kernel_case add_cases[] = {CASES(columns_add)};
static const struct kernel_case take_cases[] = {CASES(columns_take)};

static void expect_add(struct expectation *expected)
{
    enum { Y = 2 };
    const struct columns_add *op = &expected->op.columns_add;
    int64_t n_all = tensor_columns(&op->x), n_part = tensor_columns(&op->part);

    for (int64_t i = 0; i < tensor_elements(&op->x); i++)
        reals(&op->y)[i] = reals(&op->x)[i];
    for (int64_t i = 0; i < tensor_elements(&op->part); i++) {
        int64_t at = i / n_part * n_all + op->first + i % n_part;
        reals(&op->y)[at] += reals(&op->part)[i];
        expected->magnitude[Y][at] = fabs(reals(&op->x)[at]) + fabs(reals(&op->part)[i]);
    }
}

static void expect_take(struct expectation *expected)
{
    const struct columns_take *op = &expected->op.columns_take;
    int64_t n_all = tensor_columns(&op->x), n_part = tensor_columns(&op->y);

    for (int64_t row = 0; row < tensor_rows(&op->x); row++)
        for (int64_t k = 0; k < n_part; k++)
            reals(&op->y)[row * n_part + k] = reals(&op->x)[row * n_all + op->first + k];
}

const struct kernel_test test_columns_add = {
    .cases = add_cases, .n_cases = sizeof add_cases / sizeof *add_cases, .expect = expect_add};
const struct kernel_test test_columns_take = {
    .cases = take_cases, .n_cases = sizeof take_cases / sizeof *take_cases, .expect = expect_take};
