/* Initial values by Philox. The layer of a parameter's numbers comes from its name, so adding or
 * freezing other parameters changes nothing. */
#include "graph/initial.h"

#include "base/hash.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

uint32_t initial_layer(const char *name)
{
    return crc32_bytes(name, strlen(name)) & 0xFFFFFFu;
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
        }
}
