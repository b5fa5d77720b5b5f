/* A set of whole numbers below 128, as bits: two with the same members are the same bytes. */
#ifndef BASE_SMALL_SET_H
#define BASE_SMALL_SET_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum { SMALL_SET_LIMIT = 128 };

struct small_set {
    uint64_t words[SMALL_SET_LIMIT / 64];
};

static inline bool small_set_has(const struct small_set *set, int64_t member)
{
    return member >= 0 && member < SMALL_SET_LIMIT &&
           (set->words[member / 64] >> (member % 64) & 1) != 0;
}

/* member in [0, SMALL_SET_LIMIT). */
static inline void small_set_add(struct small_set *set, int64_t member)
{
    assert(member >= 0 && member < SMALL_SET_LIMIT);
    set->words[member / 64] |= (uint64_t)1 << (member % 64);
}

static inline int small_set_count(const struct small_set *set)
{
    int n = 0;

    for (int i = 0; i < SMALL_SET_LIMIT / 64; i++)
        n += __builtin_popcountll(set->words[i]);
    return n;
}

/* The smallest member, or −1 of an empty set. */
static inline int small_set_first(const struct small_set *set)
{
    for (int i = 0; i < SMALL_SET_LIMIT; i++)
        if (small_set_has(set, i))
            return i;
    return -1;
}

#endif
