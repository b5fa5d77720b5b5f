/* bf16, the upper half of a float32: the type and its conversions, which round to nearest, ties to
 * even. C++ only. */
#ifndef KERNELS_CUDA_KERNELS_BF16_H
#define KERNELS_CUDA_KERNELS_BF16_H

#include "kernels/cuda/kernels/launch.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>

using bf16 = __nv_bfloat16;

static __device__ __forceinline__ float widened(bf16 value)
{
    return __bfloat162float(value);
}

static __device__ __forceinline__ bf16 bf16_of(float value)
{
    return __float2bfloat16_rn(value);
}
#else
#include "kernels/bf16_bits.h"

struct bf16 {
    uint16_t bits;
};

static inline float widened(bf16 value)
{
    return bf16_value(value.bits);
}

static inline bf16 bf16_of(float value)
{
    return {bf16_bits(value)};
}
#endif

static __device__ __forceinline__ float widened(float value)
{
    return value;
}

template <typename T> static __device__ __forceinline__ T rounded(float value)
{
    if constexpr (sizeof(T) == sizeof(float))
        return value;
    else
        return bf16_of(value);
}

#endif
