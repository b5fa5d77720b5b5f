/* The gradient of an adapter's second weight: d_weight[k, c] = factor · Σ_rows d_y[row, k] · x[row,
 * c]. Every block writes its sums; a second kernel adds those of all blocks. */
#include "kernels/cuda/low_rank.h"

#include "kernels/cuda/kernels/columns.h"

constexpr int LEAST_ROWS =
    16;                    /* of a thread: the fewer, the more sums there are to write and add */
constexpr int AT_ONCE = 4; /* inputs whose sums are added up together */
constexpr int N_WARPS = THREADS / WARP_LANES;

template <typename T> struct low_rank_weight {
    const T *x, *d_y;
    float *sums; /* [blocks, K, C] */
    int n_inputs;
};

/* sums[j, c] of this thread's channels over its rows */
template <typename T, int WIDTH, int INPUTS, int X_WIDTH>
static __device__ __forceinline__ void sum_rows(const struct columns &columns,
                                                const struct low_rank_weight<T> &op, int64_t k,
                                                float (&sums)[WIDTH][INPUTS])
{
    int64_t end = end_row(columns);

    UNROLL_BY(2)
    for (int64_t row = first_row(columns); row < end; row += blockDim.y) {
        pack<float, WIDTH> values = load<WIDTH>(op.d_y + row * columns.n_channels + k);
        UNROLL
        for (int c = 0; c < INPUTS; c += X_WIDTH) {
            if (c >= op.n_inputs)
                break;
            pack<float, X_WIDTH> x = load<X_WIDTH>(op.x + row * op.n_inputs + c);
            UNROLL
            for (int i = 0; i < WIDTH * X_WIDTH; i++)
                sums[i / X_WIDTH][c + i % X_WIDTH] += values.at[i / X_WIDTH] * x.at[i % X_WIDTH];
        }
    }
}

/* Adds the sums of AT_ONCE inputs from c on over the block's rows, and writes them. */
template <typename T, int WIDTH, int INPUTS>
static __device__ __forceinline__ void write_sums(const struct columns &columns,
                                                  const struct low_rank_weight<T> &op, int c,
                                                  const float (&sums)[WIDTH][INPUTS], float *parts)
{
    constexpr int N = WIDTH * AT_ONCE;
    int lanes = (int)blockDim.x, thread = (int)(threadIdx.y * blockDim.x + threadIdx.x);
    float *out = op.sums + blockIdx.x * columns.n_channels * op.n_inputs;

    if (thread % WARP_LANES < lanes) {
        UNROLL
        for (int i = 0; i < N; i++)
            parts[(thread / WARP_LANES * N + i) * WARP_LANES + thread % WARP_LANES] =
                sums[i / AT_ONCE][c + i % AT_ONCE];
    }
    __syncthreads();
    for (int i = thread; i < N * lanes; i += THREADS) {
        int64_t k = ((int64_t)blockIdx.y * lanes + i % lanes) * WIDTH + i / lanes / AT_ONCE;
        int input = c + i / lanes % AT_ONCE;
        float total = 0;
        UNROLL
        for (int w = 0; w < N_WARPS; w++)
            total += parts[(w * N + i / lanes) * WARP_LANES + i % lanes];
        if (k < columns.n_channels && input < op.n_inputs)
            out[k * op.n_inputs + input] = total;
    }
}

template <typename T, int WIDTH, int INPUTS, int X_WIDTH>
static __global__ void __launch_bounds__(THREADS)
    low_rank_weight_kernel(struct columns columns, struct low_rank_weight<T> op)
{
    SHARED(float, parts, N_WARPS *WIDTH *AT_ONCE *WARP_LANES);
    int64_t k = first_channel<WIDTH>();
    float sums[WIDTH][INPUTS] = {};

    if (k < columns.n_channels)
        sum_rows<T, WIDTH, INPUTS, X_WIDTH>(columns, op, k, sums);
    for (int offset = (int)blockDim.x; offset < WARP_LANES; offset *= 2) {
        UNROLL
        for (int i = 0; i < WIDTH * INPUTS; i++)
            sums[i / INPUTS][i % INPUTS] +=
                __shfl_xor_sync(ALL_LANES, sums[i / INPUTS][i % INPUTS], offset);
    }
    UNROLL
    for (int c = 0; c < INPUTS; c += AT_ONCE) {
        if (c > 0)
            __syncthreads();
        write_sums(columns, op, c, sums, parts);
    }
}

template <int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    low_rank_weight_total_kernel(struct columns columns, const float *sums, float factor,
                                 float *d_weight)
{
    struct column_sum sum = sum_of_columns<WIDTH>(columns, sums);

    if (sum.channel >= 0)
        d_weight[sum.channel] = factor * sum.value;
}

/* Channels of a thread: their sums are to stay in registers. */
template <int INPUTS> constexpr int CHANNELS = INPUTS <= 16 ? 4 : 2;

static bool is_wide(const struct conv2d_backward_weight *op)
{
    return tensor_columns(&op->d_y) % 4 == 0 && are_wide(op->d_y);
}

static struct columns columns_of_op(const struct conv2d_backward_weight *op)
{
    int width = !is_wide(op) ? 1 : tensor_columns(&op->x) <= 16 ? CHANNELS<16> : CHANNELS<32>;

    return columns_of_tensor(&op->d_y, width, LEAST_ROWS);
}

extern "C" size_t cuda_low_rank_backward_weight_workspace(const struct conv2d_backward_weight *op)
{
    return columns_of_op(op).n_blocks * (size_t)tensor_elements(&op->d_weight) * sizeof(float);
}

template <typename T, int WIDTH, int INPUTS>
static enum status parts(struct gpu_stream *stream, const struct conv2d_backward_weight *op)
{
    struct columns columns = columns_of_op(op);
    const struct low_rank_weight<T> weight = {
        data_of<T>(&op->x), data_of<T>(&op->d_y), static_cast<float *>(op->workspace.data),
            (int)tensor_columns(&op->x)
    };

    if (op->x.shape[3] % 4 == 0 && are_wide(op->x))
        return LAUNCH((low_rank_weight_kernel<T, WIDTH, INPUTS, 4>), columns_grid(&columns),
                      columns_block(&columns), 0, stream, columns, weight);
    return LAUNCH((low_rank_weight_kernel<T, WIDTH, INPUTS, 1>), columns_grid(&columns),
                  columns_block(&columns), 0, stream, columns, weight);
}

template <typename T, int INPUTS>
static enum status parts(struct gpu_stream *stream, const struct conv2d_backward_weight *op)
{
    return is_wide(op) ? parts<T, CHANNELS<INPUTS>, INPUTS>(stream, op)
                       : parts<T, 1, INPUTS>(stream, op);
}

template <typename T>
static enum status parts(struct gpu_stream *stream, const struct conv2d_backward_weight *op)
{
    int64_t n_inputs = tensor_columns(&op->x);

    return n_inputs <= 8    ? parts<T, 8>(stream, op)
           : n_inputs <= 16 ? parts<T, 16>(stream, op)
                            : parts<T, 32>(stream, op);
}

template <int WIDTH>
static enum status total(struct gpu_stream *stream, const struct conv2d_backward_weight *op)
{
    int64_t n_rows = columns_of_op(op).n_blocks;
    struct columns columns = columns_of(n_rows, tensor_elements(&op->d_weight), WIDTH, n_rows);

    return LAUNCH(low_rank_weight_total_kernel<WIDTH>, columns_grid(&columns),
                  columns_block(&columns), 0, stream, columns,
                  static_cast<const float *>(op->workspace.data), (float)op->factor,
                  data_of<float>(&op->d_weight));
}

extern "C" enum status cuda_low_rank_backward_weight_launch(struct gpu_stream *stream,
                                                            const struct conv2d_backward_weight *op)
{
    enum status status = BY_TYPE(op->d_y, parts);

    if (status != STATUS_OK)
        return status;
    return tensor_elements(&op->d_weight) % WIDE<float> == 0 ? total<WIDE<float>>(stream, op)
                                                             : total<1>(stream, op);
}
