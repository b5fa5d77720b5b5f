/* Random numbers as a pure function of (seed, purpose, layer, epoch, sample, element). No state, no
 * order. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/philox.h"

#include <stdint.h>

double random_uniform(const struct random_key *key,
                      uint32_t element); /* [0, 1), 53 bits, words 2e and 2e+1 */
double random_normal(const struct random_key *key,
                     uint32_t element); /* Box-Muller on uniforms 2e, 2e+1 */
/* Beta(a, b), a and b above 0, from two gamma variables X / (X + Y) drawn under the key's layer and
 * the next one: exact, by rejection (Marsaglia & Tsang, "A simple method for generating gamma
 * variables", ACM TOMS 26 (2000)), also where a and b are so small that X and Y are 0 in double. */
double random_beta(const struct random_key *key, double a, double b);
/* Uniform in [0, n) (rejection inside block `element`; bias below 2^-32). n >= 1. */
uint32_t random_below(const struct random_key *key, uint32_t element, uint32_t n);
/* Fisher-Yates, from the last item down; item i uses element i. */
void random_shuffle(const struct random_key *key, int32_t *items, int64_t n);

#endif
