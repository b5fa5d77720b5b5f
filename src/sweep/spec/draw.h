/* What `random` and `sobol` draw: a parameter's distribution and its values. */
#ifndef SWEEP_DRAW_H
#define SWEEP_DRAW_H

#include "config/settings_table.h"

enum draw_kind {
    DRAW_CATEGORICAL, /* one of the values, by their probabilities */
    DRAW_INT_UNIFORM, /* integers of [min, max] */
    DRAW_UNIFORM,
    DRAW_LOG_UNIFORM, /* the bounds are values */
    DRAW_NORMAL,
    DRAW_LOG_NORMAL, /* mu and sigma of the logarithm */
};

struct draw {
    enum draw_kind kind;
    double min, max, mu, sigma;
    double q;                    /* 0, or the step that values are multiples of */
    const double *probabilities; /* [n_values] of CATEGORICAL, summing to 1; NULL: equal */
};

enum draw_method { DRAW_BY_CHANCE, DRAW_BY_SOBOL };

/* Where a setting's fractions come from: a function of method and name alone, so that another
 * parameter in the sweep changes nothing. */
struct draw_stream {
    enum draw_method method;
    uint64_t seed;
    int dimension; /* of Sobol's sequence */
};
struct draw_stream draw_stream_of(enum draw_method method, const struct setting *setting);
/* A number in (0, 1). */
double draw_fraction(const struct draw_stream *stream, int64_t index);
/* The value below which that fraction of the distribution lies. Six significant digits (twelve when
 * quantised), so that every machine and library agrees on it. */
double draw_number(const struct draw *draw, double fraction);
/* The index of one of n values, by their probabilities, or all equally likely. */
int64_t draw_index(const struct draw *draw, double fraction, int64_t n);

#endif
