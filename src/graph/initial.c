/* Initial values by Philox. The layer of a parameter's numbers comes from its name, so adding or
 * freezing other parameters changes nothing. */
#include "graph/initial.h"

#include "base/hash.h"
#include "base/normal.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

uint32_t initial_layer(const char *name)
{
    return crc32_bytes(name, strlen(name)) & 0xFFFFFFu;
}

/* A normal distribution cut at ±2 of its deviations, by its quantiles, with variance 1. */
static double truncated_normal(double u)
{
    const double deviation = 0.87962566103423978; /* of what is left after the cut */
    double least = normal_distribution(-2), most = normal_distribution(2);

    return normal_quantile_middle(least + u * (most - least)) / deviation;
}

/* Row y·width + x of the grid = sines and cosines of x, then of y, at d/4 frequencies from 1 to
 * 1/10000. */
static double position_value(const struct param *row, int64_t e)
{
    int64_t width = row->shape[1], quarter = width / 4, token = e / width, c = e % width;
    int64_t at = c / quarter < 2 ? token % row->fan_in : token / row->fan_in;
    double frequency = pow(10000, -(double)(c % quarter) / ((double)quarter - 1));

    return c / quarter % 2 == 0 ? sin((double)at * frequency) : cos((double)at * frequency);
}

void initial_values(const struct param *row, uint64_t seed, double *values, int64_t n)
{
    struct random_key key = {
        .seed = seed, .purpose = RANDOM_INITIAL_VALUES, .layer = initial_layer(row->name)};
    double fan_in = (double)row->fan_in;

    for (int64_t e = 0; e < n; e++)
        switch (row->init) {
        case INIT_ZERO:
            values[e] = 0;
            break;
        case INIT_ONE:
            values[e] = 1;
            break;
        case INIT_UNIFORM_FAN_IN:
            values[e] = (2 * random_uniform(&key, (uint32_t)e) - 1) / sqrt(fan_in);
            break;
        case INIT_NORMAL_FAN_IN:
            values[e] = random_normal(&key, (uint32_t)e) * sqrt(2 / fan_in);
            break;
        case INIT_TRUNCATED_NORMAL:
            values[e] = truncated_normal(random_uniform(&key, (uint32_t)e)) / sqrt(fan_in);
            break;
        case INIT_UNIFORM_VARIANCE:
            values[e] = (2 * random_uniform(&key, (uint32_t)e) - 1) * sqrt(3 / fan_in);
            break;
        case INIT_XAVIER:
            values[e] = (2 * random_uniform(&key, (uint32_t)e) - 1) *
                        sqrt(6 / (fan_in + (double)row->shape[0]));
            break;
        case INIT_NORMAL_TINY:
            values[e] = random_normal(&key, (uint32_t)e) * 1e-6;
            break;
        case INIT_POSITION:
            values[e] = position_value(row, e);
            break;
        }
}
