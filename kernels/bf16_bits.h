/* bf16 on the host: the upper half of a float32, rounded to nearest, ties to even; NaN becomes what
 * a GPU's conversion makes of it. C and C++ both read this file. */
#ifndef KERNELS_BF16_BITS_H
#define KERNELS_BF16_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint16_t bf16_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U)
        return 0x7FFF;
    return (uint16_t)((bits + 0x7FFFU + (bits >> 16 & 1)) >> 16);
}

static inline float bf16_value(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
