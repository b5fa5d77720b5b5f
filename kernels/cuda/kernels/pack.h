/* Elements that lie side by side and travel in one access: 16 bytes where memory is aligned, one
 * element where it is not. Maps are float32 or bf16; arithmetic is in float32. C++ only. */
#ifndef KERNELS_CUDA_KERNELS_PACK_H
#define KERNELS_CUDA_KERNELS_PACK_H

#include "kernels/cuda/kernels/bf16.h"
#include "kernels/cuda/kernels/launch.h"

constexpr size_t ACCESS_BYTES = 16; /* the most that one instruction loads or stores */
/* elements of such an access */
template <typename T> constexpr int WIDE = (int)(ACCESS_BYTES / sizeof(T));

constexpr size_t alignment_of(size_t bytes)
{
    return bytes < ACCESS_BYTES ? bytes : ACCESS_BYTES;
}

template <typename T, int WIDTH> struct alignas(alignment_of(sizeof(T) * WIDTH)) pack {
    T at[WIDTH];
};

/* WIDTH elements, or the first `left` of them if those are fewer; the others are zero. */
template <int WIDTH, typename T>
static __device__ __forceinline__ pack<T, WIDTH> load_plain(const T *from, int64_t left = WIDTH)
{
    pack<T, WIDTH> values;

    if constexpr (WIDTH > 1)
        if (left < WIDTH) {
            UNROLL
            for (int i = 0; i < WIDTH; i++)
                values.at[i] = i < left ? from[i] : T{};
            return values;
        }
    return *reinterpret_cast<const pack<T, WIDTH> *>(from);
}

template <int WIDTH, typename T>
static __device__ __forceinline__ void store_plain(T *to, const pack<T, WIDTH> &values,
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

/* Of an optional vector of flags those of elements i … i + WIDTH − 1; absent: all are 1. */
template <int WIDTH>
static __device__ __forceinline__ pack<uint8_t, WIDTH> flags_of(const uint8_t *flags, int64_t i,
                                                                int64_t left)
{
    pack<uint8_t, WIDTH> values;

    if (flags != nullptr)
        return load_plain<WIDTH>(flags + i, left);
    UNROLL
    for (int j = 0; j < WIDTH; j++)
        values.at[j] = 1;
    return values;
}

/* Elements, widened to float32; and rounded back to what memory holds. */
template <int WIDTH, typename T>
static __device__ __forceinline__ pack<float, WIDTH> load(const T *from, int64_t left = WIDTH)
{
    pack<T, WIDTH> narrow = load_plain<WIDTH>(from, left);
    pack<float, WIDTH> values;

    UNROLL
    for (int i = 0; i < WIDTH; i++)
        values.at[i] = widened(narrow.at[i]);
    return values;
}

template <int WIDTH, typename T>
static __device__ __forceinline__ void store(T *to, const pack<float, WIDTH> &values,
                                             int64_t left = WIDTH)
{
    pack<T, WIDTH> narrow;

    UNROLL
    for (int i = 0; i < WIDTH; i++)
        narrow.at[i] = rounded<T>(values.at[i]);
    store_plain(to, narrow, left);
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
    return (is_aligned(&tensors, ACCESS_BYTES) && ...);
}

/* function<T>(stream, op), where T is what the tensor holds */
#define BY_TYPE(tensor, function)                                                                  \
    ((tensor).dtype == DTYPE_BF16 ? function<bf16>(stream, op) : function<float>(stream, op))

#endif
