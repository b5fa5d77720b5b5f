/* [rows, channels] dealt to a grid of blocks: threads side by side take neighbouring channels, the
 * block's other dimension and the grid take rows. A thread keeps its channels, so what belongs to a
 * channel is loaded once; sums over rows are taken by thread, warp, block and grid, in an order
 * that depends on the shape alone. C++ only. */
#ifndef KERNELS_CUDA_KERNELS_COLUMNS_H
#define KERNELS_CUDA_KERNELS_COLUMNS_H

#include "kernels/cuda/kernels/pack.h"

struct columns {
    int64_t n_rows, n_channels, rows_per_block;
    int lanes;                   /* threads along channels: a power of two, at most a warp */
    unsigned n_blocks, n_slices; /* the grid: along rows, along channels */
};

/* Packs of `width` channels; every thread gets at least `least_rows` rows, if there are that many.
 */
static inline struct columns columns_of(int64_t n_rows, int64_t n_channels, int width,
                                        int64_t least_rows)
{
    struct columns columns = {n_rows, n_channels, 0, 1, 1, 1};
    int64_t n_packs = (n_channels + width - 1) / width;

    while (columns.lanes < n_packs && columns.lanes < WARP_LANES)
        columns.lanes *= 2;
    int64_t n_slices = (n_packs + columns.lanes - 1) / columns.lanes;
    int64_t rows_at_once = THREADS / columns.lanes;
    int64_t n_blocks = (n_rows + least_rows * rows_at_once - 1) / (least_rows * rows_at_once);
    int64_t most_blocks = (MOST_BLOCKS / 2 + n_slices - 1) / n_slices;
    n_blocks = n_blocks < most_blocks ? n_blocks : most_blocks;
    columns.rows_per_block = (n_rows + n_blocks - 1) / n_blocks;
    columns.n_blocks = (unsigned)((n_rows + columns.rows_per_block - 1) / columns.rows_per_block);
    columns.n_slices = (unsigned)n_slices;
    return columns;
}

static inline dim3 columns_grid(const struct columns *columns)
{
    return dim3(columns->n_blocks, columns->n_slices);
}

static inline dim3 columns_block(const struct columns *columns)
{
    return dim3((unsigned)columns->lanes, (unsigned)(THREADS / columns->lanes));
}

static inline struct columns columns_of_tensor(const struct tensor *x, int width,
                                               int64_t least_rows)
{
    int64_t n_channels = x->shape[x->n_dims - 1];

    return columns_of(tensor_elements(x) / n_channels, n_channels, width, least_rows);
}

/* Whether channels of type T can be taken WIDE<T> at a time. */
template <typename T, typename... Tensors>
static inline bool are_columns_wide(const struct tensor &x, const Tensors &...others)
{
    return x.shape[x.n_dims - 1] % WIDE<T> == 0 && are_wide(x, others...);
}

/* ---- inside a kernel ---- */

/* This thread's first channel; it has none when that is not below n_channels. */
template <int WIDTH> static __device__ __forceinline__ int64_t first_channel()
{
    return ((int64_t)blockIdx.y * blockDim.x + threadIdx.x) * WIDTH;
}

static __device__ __forceinline__ int64_t first_row(const struct columns &columns)
{
    return blockIdx.x * columns.rows_per_block + threadIdx.y;
}

static __device__ __forceinline__ int64_t end_row(const struct columns &columns)
{
    int64_t end = (blockIdx.x + 1) * columns.rows_per_block;

    return end < columns.n_rows ? end : columns.n_rows;
}

/* Sums `values` over the threads of the block that have the same channels. Afterwards thread t (in
 * the order of the warps) of the first N · blockDim.x holds, in the result, the sum of
 * values[t / blockDim.x] for channel lane t % blockDim.x; of the others the result means nothing.
 * To be called by the whole block, once in a kernel; N · blockDim.x <= THREADS. */
template <typename T, int N> static __device__ __forceinline__ T sum_over_rows(T (&values)[N])
{
    constexpr int N_WARPS = THREADS / WARP_LANES;
    SHARED(T, sums, N_WARPS * N * WARP_LANES);
    int lanes = (int)blockDim.x, thread = (int)(threadIdx.y * blockDim.x + threadIdx.x);
    int warp = thread / WARP_LANES;

    for (int offset = lanes; offset < WARP_LANES; offset *= 2) {
        UNROLL
        for (int j = 0; j < N; j++)
            values[j] += __shfl_xor_sync(ALL_LANES, values[j], offset);
    }
    if (thread % WARP_LANES < lanes) {
        UNROLL
        for (int j = 0; j < N; j++)
            sums[(warp * N + j) * WARP_LANES + thread % WARP_LANES] = values[j];
    }
    __syncthreads();
    T sum = 0;
    if (thread < N * lanes) {
        UNROLL
        for (int w = 0; w < N_WARPS; w++)
            sum += sums[(w * N + thread / lanes) * WARP_LANES + thread % lanes];
    }
    return sum;
}

/* What sum_of_columns leaves in a thread. */
struct column_sum {
    float value;
    int64_t channel; /* −1: the thread has none */
};

/* Σ over all rows of x [rows, channels], by one block per slice of channels. To be called by the
 * whole block, once in a kernel. */
template <int WIDTH, typename T>
static __device__ __forceinline__ struct column_sum sum_of_columns(const struct columns &columns,
                                                                   const T *x)
{
    int64_t c = first_channel<WIDTH>();
    float sums[WIDTH] = {};

    if (c < columns.n_channels) {
        UNROLL_BY(4)
        for (int64_t row = threadIdx.y; row < columns.n_rows; row += blockDim.y) {
            pack<float, WIDTH> values = load<WIDTH>(x + row * columns.n_channels + c);
            UNROLL
            for (int j = 0; j < WIDTH; j++)
                sums[j] += values.at[j];
        }
    }
    float sum = sum_over_rows(sums);
    int lanes = (int)blockDim.x, thread = (int)(threadIdx.y * blockDim.x + threadIdx.x);
    c = ((int64_t)blockIdx.y * lanes + thread % lanes) * WIDTH + thread / lanes;
    return {sum, thread < WIDTH * lanes && c < columns.n_channels ? c : -1};
}

#endif
