/* Sobol's sequence with Owen's scrambling. The first 2^k points of every dimension meet each of the
 * 2^k equal parts of [0, 1) once, and pairs of dimensions are spread as evenly as can be.
 * Directions: S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better two-dimensional
 * projections", SIAM J. Sci. Comput. 30 (2008), table new-joe-kuo-6.21201, its first 64 dimensions.
 * Scrambling: A. B. Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences", 1995: a digit is
 * flipped or not by chance, independently for every digit and everything in front of it. */
#include "sweep/sobol.h"

#include "base/random.h"

#include <assert.h>

enum { BITS = 32, MOST_DEGREE = 9 };

/* The primitive polynomial's degree and inner coefficients, and the first direction numbers. The
 * first dimension, van der Corput's, has none. */
static const struct direction_row {
    uint8_t degree, coefficients;
    uint16_t first[MOST_DEGREE];
} table[SOBOL_DIMENSIONS - 1] = {
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
    {7, 7, {1, 1, 3, 13, 7, 35, 63}},
    {7, 8, {1, 3, 5, 9, 1, 25, 53}},
    {7, 14, {1, 3, 1, 13, 9, 35, 107}},
    {7, 19, {1, 3, 1, 5, 27, 61, 31}},
    {7, 21, {1, 1, 5, 11, 19, 41, 61}},
    {7, 28, {1, 3, 5, 3, 3, 13, 69}},
    {7, 31, {1, 1, 7, 13, 1, 19, 1}},
    {7, 32, {1, 3, 7, 5, 13, 19, 59}},
    {7, 37, {1, 1, 3, 9, 25, 29, 41}},
    {7, 41, {1, 3, 5, 13, 23, 1, 55}},
    {7, 42, {1, 3, 7, 3, 13, 59, 17}},
    {7, 50, {1, 3, 1, 3, 5, 53, 69}},
    {7, 55, {1, 1, 5, 5, 23, 33, 13}},
    {7, 56, {1, 1, 7, 7, 1, 61, 123}},
    {7, 59, {1, 1, 7, 9, 13, 61, 49}},
    {7, 62, {1, 3, 3, 5, 3, 55, 33}},
    {8, 14, {1, 3, 1, 15, 31, 13, 49, 245}},
    {8, 21, {1, 3, 5, 15, 31, 59, 63, 97}},
    {8, 22, {1, 3, 1, 11, 11, 11, 77, 249}},
    {8, 38, {1, 3, 1, 11, 27, 43, 71, 9}},
    {8, 47, {1, 1, 7, 15, 21, 11, 81, 45}},
    {8, 49, {1, 3, 7, 3, 25, 31, 65, 79}},
    {8, 50, {1, 3, 1, 1, 19, 11, 3, 205}},
    {8, 52, {1, 1, 5, 9, 19, 21, 29, 157}},
    {8, 56, {1, 3, 7, 11, 1, 33, 89, 185}},
    {8, 67, {1, 3, 3, 3, 15, 9, 79, 71}},
    {8, 70, {1, 3, 7, 11, 15, 39, 119, 27}},
    {8, 84, {1, 1, 3, 1, 11, 31, 97, 225}},
    {8, 97, {1, 1, 1, 3, 23, 43, 57, 177}},
    {8, 103, {1, 3, 7, 7, 17, 17, 37, 71}},
    {8, 115, {1, 3, 1, 5, 27, 63, 123, 213}},
    {8, 122, {1, 1, 3, 5, 11, 43, 53, 133}},
    {9, 8, {1, 3, 5, 5, 29, 17, 47, 173, 479}},
    {9, 13, {1, 3, 3, 11, 3, 1, 109, 9, 69}},
    {9, 16, {1, 1, 1, 5, 17, 39, 23, 5, 343}},
    {9, 22, {1, 3, 1, 5, 25, 15, 31, 103, 499}},
    {9, 25, {1, 1, 1, 11, 11, 17, 63, 105, 183}},
    {9, 44, {1, 1, 5, 11, 9, 29, 97, 231, 363}},
    {9, 47, {1, 1, 5, 15, 19, 45, 41, 7, 383}},
    {9, 52, {1, 3, 7, 7, 31, 19, 83, 137, 221}},
    {9, 55, {1, 1, 1, 3, 23, 15, 111, 223, 83}},
    {9, 59, {1, 1, 5, 13, 31, 15, 55, 25, 161}},
    {9, 62, {1, 1, 3, 13, 25, 47, 39, 87, 257}},
};

static void fill_directions(int dimension, uint32_t directions[BITS])
{
    if (dimension == 0) {
        for (int i = 0; i < BITS; i++)
            directions[i] = (uint32_t)1 << (BITS - 1 - i);
        return;
    }
    const struct direction_row *row = &table[dimension - 1];
    int degree = row->degree;
    assert(degree >= 1 && degree <= MOST_DEGREE);
    for (int i = 0; i < degree; i++)
        directions[i] = (uint32_t)row->first[i] << (BITS - 1 - i);
    for (int i = degree; i < BITS; i++) {
        uint32_t value = directions[i - degree] ^ (directions[i - degree] >> degree);
        for (int k = 1; k < degree; k++)
            if ((row->coefficients >> (degree - 1 - k)) & 1)
                value ^= directions[i - k];
        directions[i] = value;
    }
}

uint32_t sobol_point(int dimension, uint32_t index)
{
    uint32_t directions[BITS] = {0}, point = 0;

    assert(dimension >= 0 && dimension < SOBOL_DIMENSIONS);
    fill_directions(dimension, directions);
    for (int bit = 0; index >> bit != 0; bit++)
        if ((index >> bit) & 1)
            point ^= directions[bit];
    return point;
}

/* The digits in front of digit i are its place: its flip is word i of what they draw. */
uint32_t sobol_scrambled(uint32_t point, uint64_t seed)
{
    uint32_t flips = 0;

    for (int i = 0; i < BITS; i++) {
        uint32_t front = i == 0 ? 0 : point >> (BITS - i);
        const struct random_key key = {
            .seed = seed, .purpose = RANDOM_SWEEP, .layer = (uint32_t)i + 1, .sample = front};
        struct philox_block block = random_block(&key, 0);
        flips |= (block.words[0] >> (BITS - 1)) << (BITS - 1 - i);
    }
    return point ^ flips;
}
