/* The factor that limits a gradient's norm, against its formula with the sum in extended precision.
 */
#include "kernels/kernel_test.h"

#include <math.h>
#include <string.h>

enum { SCALE = 2, NO_MASK = 1 << 1 };

#define CLIP(case_name, n, without, most, ...)                                                     \
    {                                                                                              \
        .name = case_name, .sizes = n, .absent = without, .attributes.clip_scale.limit = most,     \
        __VA_ARGS__                                                                                \
    }

static const struct kernel_case cases[] = {
    CLIP("limited", "N1021", NO_MASK, 1),
    CLIP("mask", "N1021", 0, 1),
    CLIP("within the limit", "N77", 0, 1000),
    CLIP("one element", "N1", NO_MASK, 1e-3),
    CLIP("short of a chunk", "N17", 0, 1e-3),
    CLIP("several blocks", "N5003", 0, 1),
    CLIP("huge", "N65", 0, 1, .fill = FILL_HUGE),
    CLIP("tiny", "N65", 0, 1e-20, .fill = FILL_TINY),
    CLIP("zeros", "N65", NO_MASK, 1, .fill = FILL_ZERO),
    CLIP("nan", "N1021", 0, 1),
    CLIP("inf", "N1021", 0, 1),
    CLIP("-inf", "N77", NO_MASK, 1e300),
    CLIP("held nan", "N1021", 0, 1),
    CLIP("all held", "N33", 0, 1),
    CLIP("resnet20", "N269722", 0, 1, .is_for_bench = true),
    CLIP("resnet20, no mask", "N269722", NO_MASK, 1, .is_for_bench = true),
    CLIP("resnet18", "N11173962", NO_MASK, 1, .is_for_bench = true),
};

static double bad_value(const char *name)
{
    return strstr(name, "nan") != NULL ? (double)NAN
           : strcmp(name, "inf") == 0  ? (double)INFINITY
           : strcmp(name, "-inf") == 0 ? -(double)INFINITY
                                       : 0;
}

static void refine(const struct kernel_case *test_case, union op_any *any,
                   struct random_stream *stream)
{
    const struct clip_scale *op = &any->clip_scale;
    uint8_t *mask = op->mask.data;
    int64_t n = op->gradient.shape[0], bad = n - n / 3;
    bool is_held = strstr(test_case->name, "held") != NULL;
    double value = bad_value(test_case->name);

    for (int64_t i = 0; mask != NULL && i < n; i++)
        mask[i] = (uint8_t)(stream_below(stream, 2) * !(is_held && value == 0));
    if (value == 0)
        return;
    reals(&op->gradient)[bad] = value;
    if (mask != NULL)
        mask[bad] = !is_held;
}

static void expect(struct expectation *expected)
{
    const struct clip_scale *op = &expected->op.clip_scale;
    const uint8_t *mask = op->mask.data;
    int64_t n = op->gradient.shape[0];
    long double sum = 0;

    for (int64_t i = 0; i < n; i++)
        if (mask == NULL || mask[i] != 0)
            sum += (long double)reals(&op->gradient)[i] * reals(&op->gradient)[i];
    double scale = (double)(op->limit / (sqrtl(sum) + 1e-6L));
    *reals(&op->scale) = isfinite((double)sum) ? fmin(1, scale) : (double)NAN;
    expected->terms[SCALE] = 0;
    /* each of n sums, all of them of positive numbers, rounds once; a root halves what they err */
    expected->magnitude[SCALE][0] = scale >= 1 ? 0 : fabs(scale) * ((double)n + 8);
}

const struct kernel_test test_clip_scale = {
    .cases = cases, .n_cases = sizeof cases / sizeof *cases, .refine = refine, .expect = expect};
