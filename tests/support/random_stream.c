/* A Philox key and a counter: the same numbers on every machine. */
#include "support/random_stream.h"

#include <float.h>
#include <math.h>

struct random_stream random_stream_at(uint64_t seed, uint32_t stream)
{
    return (struct random_stream){
        .key = {.seed = seed, .purpose = RANDOM_SYNTHESIS, .sample = stream}};
}

double stream_normal(struct random_stream *stream)
{
    return random_normal(&stream->key, stream->next++);
}

int32_t stream_below(struct random_stream *stream, uint32_t n)
{
    return (int32_t)random_below(&stream->key, stream->next++, n);
}

static double value_of(struct random_stream *stream, enum fill fill)
{
    static const double special[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1.0, -1.0, FLT_MIN};

    switch (fill) {
    case FILL_NORMAL:
        return stream_normal(stream);
    case FILL_ZERO:
        return 0.0;
    case FILL_TIES:
        return (double)stream_below(stream, 3) - 1.0;
    case FILL_HUGE:
        return 1e15 * stream_normal(stream);
    case FILL_TINY:
        return 1e-15 * stream_normal(stream);
    case FILL_OFFSET:
        return 100.0 + 0.1 * stream_normal(stream);
    case FILL_SPECIAL:
        break;
    }
    return special[stream_below(stream, sizeof special / sizeof *special)];
}

void stream_fill(struct random_stream *stream, enum fill fill, double *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        values[i] = value_of(stream, fill);
}
