/* Distributions by inversion: the same fraction gives the same value whether it came by chance or
 * from Sobol's sequence. */
#include "sweep/spec/draw.h"

#include "base/normal.h"
#include "base/random.h"
#include "sweep/spec/sobol.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A setting's dimension of Sobol's sequence is its place here, then in the table of settings. Early
 * dimensions are spread best, so what is searched most stands first. Append only: a place that
 * changes changes the points of every sobol sweep. */
static const char *const first_dimensions[] = {
    "train.lr",           "prune.sparsity",
    "lora.rank",          "train.epochs",
    "lora.alpha",         "lora.dropout",
    "train.weight_decay", "forget.class",
    "train.batch_size",   "unlearn.method",
    "base.train.lr",      "base.train.epochs",
    "train.momentum",     "base.train.weight_decay",
};
enum { N_FIRST = sizeof first_dimensions / sizeof *first_dimensions };

/* Settings that came since stand behind all others, wherever the table has them. Append only, as
 * above: every new setting goes here. */
static const char *const last_dimensions[] = {"unlearn.prune", "unlearn.adapt", "unlearn.relabel",
                                              "batch_norm"};
enum { N_LAST = sizeof last_dimensions / sizeof *last_dimensions };

static int find_in(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static bool is_listed(const char *name)
{
    return find_in(first_dimensions, N_FIRST, name) >= 0 ||
           find_in(last_dimensions, N_LAST, name) >= 0;
}

/* Settings that sweeps could do without once, which have a neutral value, come behind all others.
 */
static int dimension_of(const struct setting *setting)
{
    int dimension = find_in(first_dimensions, N_FIRST, setting->name);
    int last = find_in(last_dimensions, N_LAST, setting->name);
    int index = setting_find(setting->name);
    bool is_late = setting->neutral != NULL;

    if (dimension >= 0)
        return dimension;
    if (last >= 0)
        return setting_count() - N_LAST + last;
    dimension = N_FIRST;
    for (int i = 0; i < setting_count(); i++) {
        bool is_before = is_late == (setting_at(i)->neutral != NULL) ? i < index : is_late;
        dimension += is_before && !is_listed(setting_at(i)->name);
    }
    return dimension;
}

/* FNV-1a, 64 bits: each name has numbers of its own. */
static uint64_t seed_of(const char *name)
{
    uint64_t seed = 0xCBF29CE484222325u;

    for (; *name != '\0'; name++)
        seed = (seed ^ (unsigned char)*name) * 0x100000001B3u;
    return seed;
}

struct draw_stream draw_stream_of(enum draw_method method, const struct setting *setting)
{
    return (struct draw_stream){method, seed_of(setting->name), dimension_of(setting)};
}

double draw_fraction(const struct draw_stream *stream, int64_t index)
{
    uint32_t digits = 0;

    if (stream->method == DRAW_BY_SOBOL) {
        digits = sobol_scrambled(sobol_point(stream->dimension, (uint32_t)index), stream->seed);
    } else {
        const struct random_key key = {
            .seed = stream->seed, .purpose = RANDOM_SWEEP, .sample = (uint32_t)index};
        digits = random_block(&key, 0).words[0];
    }
    return (digits + 0.5) * 0x1p-32;
}

static double exact_number(const struct draw *draw, double fraction)
{
    switch (draw->kind) {
    case DRAW_UNIFORM:
        return draw->min + fraction * (draw->max - draw->min);
    case DRAW_LOG_UNIFORM:
        return exp(log(draw->min) + fraction * (log(draw->max) - log(draw->min)));
    case DRAW_NORMAL:
        return draw->mu + draw->sigma * normal_quantile(fraction);
    case DRAW_LOG_NORMAL:
        return exp(draw->mu + draw->sigma * normal_quantile(fraction));
    case DRAW_INT_UNIFORM:
        return draw->min + floor(fraction * (draw->max - draw->min + 1));
    case DRAW_CATEGORICAL:
        break;
    }
    return 0;
}

static double rounded(double number, int digits)
{
    char buffer[40];
    double result = number;

    snprintf(buffer, sizeof buffer, "%.*g", digits, number);
    (void)text_to_double(buffer, &result);
    return result + 0.0; /* −0 is 0 */
}

/* The nearest multiple of q; the outermost multiples inside when there are bounds. */
static double quantised(const struct draw *draw, double number)
{
    double steps = rint(number / draw->q);

    if (draw->kind != DRAW_NORMAL && draw->kind != DRAW_LOG_NORMAL) {
        steps = fmax(steps, ceil(draw->min / draw->q * (1 - 1e-12)));
        steps = fmin(steps, floor(draw->max / draw->q * (1 + 1e-12)));
    }
    return rounded(steps * draw->q, 12);
}

double draw_number(const struct draw *draw, double fraction)
{
    double number = exact_number(draw, fraction);

    if (draw->kind == DRAW_INT_UNIFORM)
        return number;
    if (draw->q > 0)
        return quantised(draw, number);
    number = rounded(number, 6);
    if (draw->kind == DRAW_NORMAL || draw->kind == DRAW_LOG_NORMAL)
        return number;
    return fmin(fmax(number, draw->min), draw->max);
}

int64_t draw_index(const struct draw *draw, double fraction, int64_t n)
{
    double below = 0;
    int64_t last = 0;

    if (draw == NULL || draw->probabilities == NULL)
        return (int64_t)(fraction * (double)n);
    for (int64_t i = 0; i < n; i++) {
        below += draw->probabilities[i];
        if (fraction < below)
            return i;
        last = draw->probabilities[i] > 0 ? i : last;
    }
    return last; /* rounding left a sum below the fraction */
}
