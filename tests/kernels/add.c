/* a + factor·b and factor·x. */
#include "kernels/kernel_test.h"

#include <math.h>

#define CASE(case_name, case_sizes, case_fill, op, case_factor)                                    \
    {                                                                                              \
        .name = case_name, .sizes = case_sizes, .fill = case_fill, .attributes.op = {              \
            .factor = case_factor                                                                  \
        }                                                                                          \
    }
#define CASES(op)                                                                                  \
    CASE("plain", ".3x5x7x9", FILL_NORMAL, op, 1.0),                                               \
        CASE("one element", ".1", FILL_NORMAL, op, 2),                                             \
        CASE("odd", ".1021", FILL_NORMAL, op, -0.3), CASE("ties", ".4x33", FILL_TIES, op, -1.0),   \
        CASE("zero factor", ".4x33", FILL_NORMAL, op, 0.0), CASE("huge", ".77", FILL_HUGE, op, 3), \
        CASE("tiny", ".77", FILL_TINY, op, 0.1), CASE("many", ".3x33x33x17", FILL_NORMAL, op, 2),  \
    {                                                                                              \
        .name = "resnet20 stage 1", .sizes = ".128x32x32x16", .attributes.op = {.factor = 1},      \
        .is_for_bench = true                                                                       \
    }

static const struct kernel_case add_cases[] = {CASES(add)};
static const struct kernel_case scale_cases[] = {CASES(scale)};

static void expect_add(struct expectation *expected)
{
    enum { Y = 2 };
    const struct add *op = &expected->op.add;

    expected->terms[Y] = 2;
    for (int64_t i = 0; i < tensor_elements(&op->a); i++) {
        double term = op->factor * reals(&op->b)[i];
        reals(&op->y)[i] = reals(&op->a)[i] + term;
        expected->magnitude[Y][i] = fabs(reals(&op->a)[i]) + fabs(term);
    }
}

static void expect_scale(struct expectation *expected)
{
    enum { Y = 1 };
    const struct scale *op = &expected->op.scale;

    for (int64_t i = 0; i < tensor_elements(&op->x); i++) {
        reals(&op->y)[i] = op->factor * reals(&op->x)[i];
        expected->magnitude[Y][i] = fabs(reals(&op->y)[i]);
    }
}

const struct kernel_test test_add = {
    .cases = add_cases, .n_cases = sizeof add_cases / sizeof *add_cases, .expect = expect_add};
const struct kernel_test test_scale = {.cases = scale_cases,
                                       .n_cases = sizeof scale_cases / sizeof *scale_cases,
                                       .expect = expect_scale};
