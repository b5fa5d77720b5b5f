/* y = x, in what maps hold. */
#include "kernels/kernel_test.h"

#include <math.h>

static const struct kernel_case cases[] = {
    {.name = "plain", .sizes = ".3x5x7x9"},
    {.name = "one element", .sizes = ".1"},
    {.name = "odd", .sizes = ".1021"},
    {.name = "ties", .sizes = ".4x33", .fill = FILL_TIES},
    {.name = "huge", .sizes = ".77", .fill = FILL_HUGE},
    {.name = "tiny", .sizes = ".77", .fill = FILL_TINY},
    {.name = "many", .sizes = ".3x33x33x17"},
    {.name = "parameters of resnet50", .sizes = ".23500000", .is_for_bench = true},
};

static void expect(struct expectation *expected)
{
    enum { Y = 1 };
    const struct convert *op = &expected->op.convert;

    expected->terms[Y] = 0; /* no arithmetic but the rounding of what is written */
    for (int64_t i = 0; i < tensor_elements(&op->x); i++) {
        reals(&op->y)[i] = reals(&op->x)[i];
        expected->magnitude[Y][i] = fabs(reals(&op->x)[i]);
    }
}

const struct kernel_test test_convert = {
    .cases = cases, .n_cases = sizeof cases / sizeof *cases, .expect = expect};
