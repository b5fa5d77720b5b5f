/* Sixteen floats at a time, for loops that the compiler would not make vectors of by itself. Tiles
 * go by address: how vectors are passed by value depends on the processor. */
#ifndef KERNELS_CPU_TILE_H
#define KERNELS_CPU_TILE_H

#include "kernels/cpu/cpu.h"

#include <string.h>

enum { TILE = 16 };
typedef float tile_f32 __attribute__((vector_size(TILE * sizeof(float))));
typedef int32_t tile_i32 __attribute__((vector_size(TILE * sizeof(int32_t))));
typedef uint32_t tile_u32 __attribute__((vector_size(TILE * sizeof(uint32_t))));
typedef float half_f32 __attribute__((vector_size(TILE / 2 * sizeof(float))));
typedef double half_f64 __attribute__((vector_size(TILE / 2 * sizeof(double))));

/* The other lanes become 0. */
INLINED void tile_load(tile_f32 *to, const float *from, int lanes)
{
    *to = (tile_f32){0};
    memcpy(to, from, (size_t)lanes * sizeof *from);
}

INLINED void tile_store(float *to, const tile_f32 *from, int lanes)
{
    memcpy(to, from, (size_t)lanes * sizeof *to);
}

/* to = where the condition holds (all bits set) ? a : b */
INLINED void tile_choose(tile_f32 *to, const tile_i32 *holds, const tile_f32 *a, const tile_f32 *b)
{
    *to = (tile_f32)(((tile_i32)*a & *holds) | ((tile_i32)*b & ~*holds));
}

/* x = exp(x) for x <= 0, to a unit in the last place; below the least normal number 0. x = n·ln 2 +
 * r, exp(r) by a polynomial (minimax on |r| <= 0.35, relative error 3.3e-9), 2^n by its bits. NaN
 * stays NaN. */
INLINED void tile_exp(tile_f32 *x)
{
    const float whole = 0x1.8p23f; /* adding it rounds to an integer, in the low bits */
    const float ln2_high = 0x1.62ep-1f, ln2_low = 0x1.0bfbe8p-15f;
    tile_f32 least = (tile_f32){0} - 87.33654f; /* exp of it is the least normal number */
    tile_f32 zero = {0};
    tile_i32 is_tiny = *x < least;

    tile_choose(x, &is_tiny, &least, x);
    tile_f32 shifted = *x * 0x1.715476p0f + whole;
    tile_f32 n = shifted - whole;
    tile_f32 r = *x - n * ln2_high - n * ln2_low;
    tile_f32 y = r * 1.3813221422e-3f + 8.3694301349e-3f;
    y = y * r + 4.1668456630e-2f;
    y = y * r + 1.6666514702e-1f;
    y = y * r + 4.9999993048e-1f;
    y = y * (r * r) + r + 1.0f;
    tile_u32 power = (((tile_u32)shifted) << 23) + (127u << 23);
    y = y * (tile_f32)power;
    tile_choose(x, &is_tiny, &zero, &y);
}

/* 0, 16, …: the first lanes of each tile of n values, and in lanes_ how many it has; whole tiles
 * as a constant, so that they compile to whole vectors. */
#define FOR_TILES_OF(n, body)                                                                      \
    do {                                                                                           \
        int64_t c_ = 0;                                                                            \
        for (; c_ + TILE <= (n); c_ += TILE)                                                       \
            body(c_, TILE);                                                                        \
        if (c_ < (n))                                                                              \
            body(c_, (int)((n)-c_));                                                               \
    } while (0)

#endif
