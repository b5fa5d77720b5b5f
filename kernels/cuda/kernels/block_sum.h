/* Sums over the lanes of a warp and over the threads of a block, in an order that depends on
 * nothing but their numbers. C++ only. */
#ifndef KERNELS_CUDA_KERNELS_BLOCK_SUM_H
#define KERNELS_CUDA_KERNELS_BLOCK_SUM_H

#include "kernels/cuda/kernels/launch.h"

template <typename T> static __device__ __forceinline__ T warp_sum(T value)
{
    for (int offset = WARP_LANES / 2; offset > 0; offset /= 2)
        value += __shfl_xor_sync(ALL_LANES, value, offset);
    return value;
}

/* The sum over the block, in every thread; to be called once by all of them. */
template <typename T> static __device__ __forceinline__ T block_sum(T value)
{
    SHARED(T, sums, THREADS / WARP_LANES);
    T total = 0;

    value = warp_sum(value);
    if (threadIdx.x % WARP_LANES == 0)
        sums[threadIdx.x / WARP_LANES] = value;
    __syncthreads();
    UNROLL
    for (int i = 0; i < THREADS / WARP_LANES; i++)
        total += sums[i];
    return total;
}

#endif
