/* What every kernel file begins with: how kernels are started, what they are started with, and the
 * words in which CUDA C for a GPU and for the host (host/cuda_language.h) differ. C++ only. */
#ifndef KERNELS_CUDA_KERNELS_LAUNCH_H
#define KERNELS_CUDA_KERNELS_LAUNCH_H

#include "kernels/cuda/gpu.h"

#ifdef __CUDACC__
#define UNROLL _Pragma("unroll")
#define UNROLL_BY(n) PRAGMA(unroll n)
#define PRAGMA(text) _Pragma(#text)
/* n elements for the block, which begin undefined; the name is an array here, a pointer there. */
#define SHARED(type, name, n) __shared__ type name[n]
/* As many bytes as the launch said. */
#define DYNAMIC_SHARED(type, name)                                                                 \
    extern __shared__ __align__(16) unsigned char dynamic_shared[];                                \
    type *const name = reinterpret_cast<type *>(dynamic_shared)
/* An enum status. A kernel with commas in its name goes in parentheses. */
#define LAUNCH(kernel, n_blocks, n_threads, shared_bytes, stream, ...)                             \
    (kernel<<<(n_blocks), (n_threads), (shared_bytes),                                             \
              static_cast<cudaStream_t>(gpu_stream_native(stream))>>>(__VA_ARGS__),                \
     gpu_launched(#kernel))
#else
#include "kernels/cuda/host/cuda_language.h"
#endif

constexpr int WARP_LANES = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;
constexpr int THREADS = 256; /* of a block: eight warps, of which a multiprocessor takes eight */
constexpr int64_t MOST_BLOCKS = 2112;          /* twice what 132 multiprocessors take at once */
constexpr int64_t MOST_ROWS_OF_BLOCKS = 65535; /* a grid's limit in y; rows beyond share blocks */

/* Blocks for n items of one thread each; beyond MOST_BLOCKS threads take several. Depends on n
 * alone, so that sums have one order on every GPU. */
static inline unsigned blocks_for(int64_t n_items)
{
    int64_t n_blocks = (n_items + THREADS - 1) / THREADS;

    return (unsigned)(n_blocks < 1 ? 1 : n_blocks < MOST_BLOCKS ? n_blocks : MOST_BLOCKS);
}

/* This thread's first item in a grid of one dimension, and how far the next is. */
static __device__ __forceinline__ int64_t first_item()
{
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

static __device__ __forceinline__ int64_t item_stride()
{
    return (int64_t)gridDim.x * blockDim.x;
}

template <typename T> static inline T *data_of(const struct tensor *tensor)
{
    return static_cast<T *>(tensor->data);
}

#endif
