/* Dropout without a stored mask: the random numbers are computed again for the gradient. */
#include "kernels/cpu/cpu.h"

#include "base/philox.h"

#include <math.h>

enum { LANES = 16, GROUP = 4 * LANES, SEGMENT = 64 * GROUP }; /* elements at a time; per task */

/* Part of a row: elements [first, first + n), first a multiple of GROUP. */
struct stretch {
    const float *x;
    float *y;
    int64_t first, n;
};

struct keep_rule {
    uint32_t least; /* words from here on are kept */
    float factor;
};

/* The words of GROUP elements from block `block` on, in the order of the elements. */
VECTORISED static void random_words(const struct random_key *place, uint32_t block, uint32_t *words)
{
    struct random_key key = *place; /* a copy, which no word can overwrite */
    for (int i = 0; i < LANES; i++) {
        struct philox_block random = random_block(&key, block + (uint32_t)i);
        words[4 * i] = random.words[0];
        words[4 * i + 1] = random.words[1];
        words[4 * i + 2] = random.words[2];
        words[4 * i + 3] = random.words[3];
    }
}

VECTORISED static void keep_range(const struct keep_rule *rule, const uint32_t *words,
                                  const float *x, float *y, int64_t n)
{
    uint32_t least = rule->least;
    float factor = rule->factor;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = words[i] >= least ? x[i] * factor : 0.0f;
}

static void drop_stretch(const struct random_key *key, const struct keep_rule *rule,
                         const struct stretch *stretch)
{
    uint32_t words[GROUP];

    for (int64_t i = 0; i < stretch->n; i += GROUP) {
        int64_t n = stretch->n - i < GROUP ? stretch->n - i : GROUP;
        random_words(key, (uint32_t)((stretch->first + i) / 4), words);
        keep_range(rule, words, stretch->x + i, stretch->y + i, n);
    }
}

enum status cpu_dropout_prepare(struct device *device, const struct dropout *op,
                                struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

/* word / 2^32 >= probability in integers; exact, since doubles scale by 2^32 without rounding. */
static struct keep_rule keep_rule_of(double probability)
{
    double least = ceil(ldexp(probability, 32));
    if (least > (double)UINT32_MAX) /* no word is that large */
        return (struct keep_rule){0, 0.0f};
    return (struct keep_rule){(uint32_t)least, (float)(1.0 / (1.0 - probability))};
}

enum status cpu_dropout_run(struct device *device, struct prepared *prepared,
                            const struct dropout *op)
{
    (void)prepared;
    const int32_t *samples = op->samples.data;
    const float *x = op->x.data;
    float *y = op->y.data;
    int64_t n_elements = tensor_elements(&op->x), row = n_elements / op->x.shape[0];
    int64_t segments_per_row = (row + SEGMENT - 1) / SEGMENT;
    struct keep_rule rule = keep_rule_of(op->probability);
    uint32_t epoch = (uint32_t) * (const int32_t *)op->epoch.data;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(device, n_elements))
    for (int64_t i = 0; i < op->x.shape[0] * segments_per_row; i++) {
        int64_t n = i / segments_per_row, first = i % segments_per_row * SEGMENT;
        struct random_key key = {op->seed, RANDOM_DROPOUT, op->layer, epoch, (uint32_t)samples[n]};
        struct stretch stretch = {x + n * row + first, y + n * row + first, first,
                                  row - first < SEGMENT ? row - first : SEGMENT};
        drop_stretch(&key, &rule, &stretch);
    }
    return STATUS_OK;
}
