/* Distributions on top of Philox. */
#include "base/random.h"

#include <math.h>

double random_uniform(const struct random_key *key, uint32_t element)
{
    struct philox_block block = random_block(key, element / 2);
    uint64_t high = block.words[element % 2 * 2], low = block.words[element % 2 * 2 + 1];

    return (double)((high << 32 | low) >> 11) * 0x1p-53;
}

double random_normal(const struct random_key *key, uint32_t element)
{
    double u = 1.0 - random_uniform(key, 2 * element); /* (0, 1]: the logarithm is finite */
    double v = random_uniform(key, 2 * element + 1);

    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}

/* Logarithm of a Gamma(shape) variable. Attempt i takes uniforms 4i to 4i + 2; below 1, Gamma(shape
 * + 1) is multiplied by U^(1 / shape), U the uniform 3. */
static double random_log_gamma(const struct random_key *key, double shape)
{
    double at_least_1 = shape < 1 ? shape + 1 : shape;
    double d = at_least_1 - 1.0 / 3, c = 1 / sqrt(9 * d);
    double boost = shape < 1 ? log(1.0 - random_uniform(key, 3)) / shape : 0;

    for (uint32_t i = 0;; i++) { /* 19 of 20 attempts are taken */
        double x = random_normal(key, 2 * i), v = 1 + c * x;
        double u = 1.0 - random_uniform(key, 4 * i + 2);
        if (v <= 0)
            continue;
        double log_v = 3 * log(v);
        if (log(u) < 0.5 * x * x + d * (1 - v * v * v + log_v))
            return log(d) + log_v + boost;
    }
}

double random_beta(const struct random_key *key, double a, double b)
{
    struct random_key other = *key;

    other.layer++;
    return 1 / (1 + exp(random_log_gamma(&other, b) - random_log_gamma(key, a)));
}

uint32_t random_below(const struct random_key *key, uint32_t element, uint32_t n)
{
    struct philox_block block = random_block(key, element);
    uint32_t limit = (uint32_t)(-n) % n; /* 2^32 mod n: products below it are over-represented */

    for (int word = 0; word < 4; word++) {
        uint64_t product = (uint64_t)block.words[word] * n;
        if ((uint32_t)product >= limit)
            return (uint32_t)(product >> 32);
    }
    /* Four rejections: at most 2^-4 for the worst n, 1e-20 for n of a data set. 64 bits make the
     * bias 2^-32. */
    uint64_t wide = (uint64_t)block.words[0] << 32 | block.words[1];
    return (uint32_t)(((unsigned __int128)wide * n) >> 64);
}

void random_shuffle(const struct random_key *key, int32_t *items, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t j = random_below(key, (uint32_t)i, (uint32_t)i + 1);
        int32_t item = items[i];
        items[i] = items[j];
        items[j] = item;
    }
}
