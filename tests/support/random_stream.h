/* Seeded numbers for test inputs. */
#ifndef SUPPORT_RANDOM_STREAM_H
#define SUPPORT_RANDOM_STREAM_H

#include "base/random.h"

#include <stdint.h>

enum fill {
    FILL_NORMAL,
    FILL_ZERO,
    FILL_TIES,    /* −1, 0 or 1 */
    FILL_HUGE,    /* about 1e15: products stay below float32's limit */
    FILL_TINY,    /* about 1e-15: products stay above float32's least normal number */
    FILL_OFFSET,  /* 100 ± 0.1: what a one-pass variance in float32 loses */
    FILL_SPECIAL, /* NaN, infinities, signed zeros */
};

struct random_stream {
    struct random_key key;
    uint32_t next; /* element */
};

struct random_stream random_stream_at(uint64_t seed, uint32_t stream);
double stream_normal(struct random_stream *stream);
int32_t stream_below(struct random_stream *stream, uint32_t n); /* uniform in [0, n) */
void stream_fill(struct random_stream *stream, enum fill fill, double *values, int64_t n);

#endif
