/* Dropout: the mask is a number of kernels.h's formula, so which elements fall is exact. */
#include "kernels/kernel_test.h"

#include <math.h>

#define CASE(case_name, case_sizes, case_probability, case_layer)                                  \
    {                                                                                              \
        .name = case_name, .sizes = case_sizes, .attributes.dropout = {                            \
            .probability = case_probability,                                                       \
            .seed = 0x123456789abcdef0u,                                                           \
            .layer = case_layer                                                                    \
        }                                                                                          \
    }

static const struct kernel_case cases[] = {
    CASE("tenth", "N5 .4x4x16", 0.1, 3),
    CASE("half, odd rows", "N7 .3x5x7", 0.5, 0xabcdef),
    CASE("nothing", "N3 .9", 0.0, 0),
    CASE("almost everything", "N3 .1001", 0.999, 1),
    CASE("one element", "N1 .1", 0.5, 1),
    CASE("no row shape", "N9", 0.5, 1),
    CASE("many that need the low bits", "N64 .4099", 0.7654321, 2),
    {.name = "huge",
     .sizes = "N3 .33",
     .fill = FILL_HUGE,
     .attributes.dropout = {.probability = 0.3}},
    {.name = "resnet20 stage 1",
     .sizes = "N128 .32x32x16",
     .attributes.dropout = {.probability = 0.1},
     .is_for_bench = true},
};

static void refine(const struct kernel_case *test_case, union op_any *op,
                   struct random_stream *stream)
{
    int32_t *samples = op->dropout.samples.data;

    (void)test_case;
    for (int64_t n = 0; n < op->dropout.samples.shape[0]; n++)
        samples[n] = stream_below(stream, 50000);
    *(int32_t *)op->dropout.epoch.data = 7;
}

/* The counter spelled out, not random_block, which the backends use. */
static struct philox_block draw(const struct dropout *op, int64_t n, uint32_t block)
{
    struct philox_block counter = {{block, (uint32_t)((const int32_t *)op->samples.data)[n],
                                    (uint32_t)((const int32_t *)op->epoch.data)[0],
                                    3u << 24 | op->layer}};

    return philox4x32(counter, (uint32_t)op->seed, (uint32_t)(op->seed >> 32));
}

static bool is_kept(const struct dropout *op, int64_t n, int64_t e)
{
    uint32_t word = draw(op, n, (uint32_t)(e / 8)).words[e / 2 % 4];
    uint64_t bits = e % 2 == 0 ? word & 0xffff : word >> 16;

    bits = bits << 32 | draw(op, n, (uint32_t)(2147483648 + e / 4)).words[e % 4];
    return (double)bits / 281474976710656.0 >= op->probability;
}

static void expect(struct expectation *expected)
{
    enum { Y = 3 };
    const struct dropout *op = &expected->op.dropout;
    int64_t n_elements = tensor_elements(&op->x) / op->x.shape[0];

    expected->terms[Y] = 2;
    for (int64_t i = 0; i < tensor_elements(&op->x); i++) {
        if (!is_kept(op, i / n_elements, i % n_elements))
            continue; /* exactly zero */
        reals(&op->y)[i] = reals(&op->x)[i] / (1.0 - op->probability);
        expected->magnitude[Y][i] = fabs(reals(&op->y)[i]);
    }
}

const struct kernel_test test_dropout = {
    .cases = cases, .n_cases = sizeof cases / sizeof *cases, .refine = refine, .expect = expect};
