/* Which elements dropout keeps, the same ones on every backend: an element has 48 random bits, and
 * is kept when the number they make is at least probability · 2^48. C and C++ both read this file.
 */
#ifndef KERNELS_KEEP_RULE_H
#define KERNELS_KEEP_RULE_H

#include <math.h>
#include <stdint.h>

/* Elements whose high 16 bits are `least_high` are kept when their low 32 are at least `least_low`,
 * those above always. */
struct keep_rule {
    uint32_t least_high; /* next to 1 more than any 16 bits */
    uint32_t least_low;
    float factor; /* of what is kept */
};

/* In integers, and exact: doubles scale by 2^48 without rounding. */
static inline struct keep_rule keep_rule_of(double probability)
{
    uint64_t least = (uint64_t)ceil(ldexp(probability, 48));
    struct keep_rule rule;

    rule.least_high = (uint32_t)(least >> 32);
    rule.least_low = (uint32_t)least;
    rule.factor = (float)(1.0 / (1.0 - probability));
    return rule;
}

#endif
