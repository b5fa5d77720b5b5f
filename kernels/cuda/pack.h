/* Elements that lie side by side and travel in one access: 16 bytes where memory is aligned, one
 * element where it is not. Arithmetic is in float32. C++ only. */
#ifndef KERNELS_CUDA_PACK_H
#define KERNELS_CUDA_PACK_H

#include "kernels/cuda/launch.h"

template <typename T, int WIDTH> struct alignas(sizeof(T) * WIDTH) pack {
    T at[WIDTH];
};

constexpr int WIDE = 4; /* floats in 16 bytes */

/* WIDTH elements, or the first `left` of them if those are fewer; the others are zero. */
template <int WIDTH, typename T>
static __device__ __forceinline__ pack<T, WIDTH> load(const T *from, int64_t left = WIDTH)
{
    pack<T, WIDTH> values;

    if constexpr (WIDTH > 1)
        if (left < WIDTH) {
            UNROLL
            for (int i = 0; i < WIDTH; i++)
                values.at[i] = i < left ? from[i] : T(0);
            return values;
        }
    return *reinterpret_cast<const pack<T, WIDTH> *>(from);
}

template <int WIDTH, typename T>
static __device__ __forceinline__ void store(T *to, const pack<T, WIDTH> &values,
                                             int64_t left = WIDTH)
{
    if constexpr (WIDTH > 1)
        if (left < WIDTH) {
            UNROLL
            for (int i = 0; i < WIDTH; i++)
                if (i < left)
                    to[i] = values.at[i];
            return;
        }
    *reinterpret_cast<pack<T, WIDTH> *>(to) = values;
}

template <int WIDTH> static inline unsigned blocks_for_packs(int64_t n_elements)
{
    return blocks_for((n_elements + WIDTH - 1) / WIDTH);
}

/* Whether tensors may be accessed `bytes` at a time; absent ones do not matter. */
static inline bool is_aligned(const struct tensor *tensor, size_t bytes)
{
    return reinterpret_cast<uintptr_t>(tensor->data) % bytes == 0;
}

template <typename... Tensors> static inline bool are_wide(const Tensors &...tensors)
{
    return (is_aligned(&tensors, sizeof(float) * WIDE) && ...);
}

#endif
