/* Philox 4×32-10, the counter-based generator all randomness comes from. Header-only so that
 * kernels can use it; C and C++ both read this file. Source: Salmon, Moraes, Dror, Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef BASE_PHILOX_H
#define BASE_PHILOX_H

#include <stdint.h>

#ifndef PHILOX_FUNCTION /* code for other processors says first how it declares its functions */
#define PHILOX_FUNCTION static inline
#endif

struct philox_block {
    uint32_t words[4];
};

/* What a number is for: two purposes never share numbers. Values are part of a run's identity:
 * append only. */
enum random_purpose {
    RANDOM_INITIAL_VALUES = 1,
    RANDOM_SHUFFLE = 2,
    RANDOM_DROPOUT = 3,
    RANDOM_AUGMENTATION = 4,
    RANDOM_EVALUATION = 5,
    RANDOM_SYNTHESIS = 6,
    RANDOM_PRUNE = 7,
    RANDOM_SWEEP = 8,   /* points of random and sobol sweeps */
    RANDOM_SPLIT = 9,   /* which images are for validation */
    RANDOM_FORGET = 10, /* which images are forgotten */
    RANDOM_MIXUP = 11,
    RANDOM_RELABEL = 12, /* labels of a phase that makes them up */
};

PHILOX_FUNCTION struct philox_block philox4x32(struct philox_block counter, uint32_t key0,
                                               uint32_t key1)
{
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * counter.words[0];
        uint64_t b = (uint64_t)0xCD9E8D57u * counter.words[2];
        struct philox_block next = {{(uint32_t)(b >> 32) ^ counter.words[1] ^ key0, (uint32_t)b,
                                     (uint32_t)(a >> 32) ^ counter.words[3] ^ key1, (uint32_t)a}};
        counter = next;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

/* Where a random number stands. The counter is (block, sample, epoch, purpose·2^24 + layer), the
 * key is the seed. */
struct random_key {
    uint64_t seed;
    enum random_purpose purpose;
    uint32_t layer;  /* < 2^24 */
    uint32_t epoch;  /* or step */
    uint32_t sample; /* index of the image in its data set */
};

/* Block `block` of four words at a place; element e of a layer is word e % 4 of block e / 4. */
PHILOX_FUNCTION struct philox_block random_block(const struct random_key *key, uint32_t block)
{
    struct philox_block counter = {
        {block, key->sample, key->epoch, ((uint32_t)key->purpose << 24) | key->layer}};
    return philox4x32(counter, (uint32_t)key->seed, (uint32_t)(key->seed >> 32));
}

#endif
