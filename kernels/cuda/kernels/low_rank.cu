/* An adapter's product, added to what it adapts, and the gradient of its input. */
#include "kernels/cuda/low_rank.h"

#include "kernels/cuda/kernels/columns.h"

/* ---- y[row, k] = addend[row, k] + Σ_c x[row, c] · factor · weight[k, c] ---- */

constexpr int ROWS = 4; /* of a thread, whose loads are under way together */

template <typename T> struct low_rank_sum {
    const T *x, *weight, *addend; /* addend: NULL for zeros */
    T *y;
    float factor;
    int n_inputs;
};

/* right[c, k] = factor · weight[k, c] of the block's channels */
template <typename T>
static __device__ __forceinline__ void load_right(const struct low_rank_sum<T> &op, int64_t first,
                                                  int64_t n_channels, int n_right, float *right)
{
    int thread = (int)(threadIdx.y * blockDim.x + threadIdx.x);

    for (int i = thread; i < n_right * op.n_inputs; i += THREADS) {
        int k = i / op.n_inputs, c = i % op.n_inputs;
        float value = first + k < n_channels ? widened(op.weight[first * op.n_inputs + i]) : 0.0f;
        right[c * n_right + k] = op.factor * value;
    }
}

/* Neighbouring threads have neighbouring channels: they share x, and the wide map is read and
 * written as it lies. */
template <typename T, int WIDTH, int X_WIDTH>
static __global__ void __launch_bounds__(THREADS)
    low_rank_sum_kernel(struct columns columns, struct low_rank_sum<T> op)
{
    DYNAMIC_SHARED(float, right);
    int n_right = (int)blockDim.x * WIDTH;
    int64_t k = first_channel<WIDTH>(), step = blockDim.y, end = end_row(columns);

    load_right(op, (int64_t)blockIdx.y * n_right, columns.n_channels, n_right, right);
    __syncthreads();
    if (k >= columns.n_channels)
        return;
    for (int64_t row = first_row(columns); row < end; row += ROWS * step) {
        pack<float, WIDTH> sums[ROWS] = {};
        UNROLL
        for (int i = 0; i < ROWS; i++)
            if (op.addend != nullptr && row + i * step < end)
                sums[i] = load<WIDTH>(op.addend + (row + i * step) * columns.n_channels + k);
        for (int c = 0; c < op.n_inputs; c += X_WIDTH) {
            pack<float, X_WIDTH> x[ROWS] = {};
            UNROLL
            for (int i = 0; i < ROWS; i++)
                if (row + i * step < end)
                    x[i] = load<X_WIDTH>(op.x + (row + i * step) * op.n_inputs + c);
            UNROLL
            for (int j = 0; j < X_WIDTH; j++) {
                pack<float, WIDTH> weights =
                    load<WIDTH>(right + (c + j) * n_right + (int)threadIdx.x * WIDTH);
                UNROLL
                for (int i = 0; i < ROWS * WIDTH; i++)
                    sums[i / WIDTH].at[i % WIDTH] += x[i / WIDTH].at[j] * weights.at[i % WIDTH];
            }
        }
        UNROLL
        for (int i = 0; i < ROWS; i++)
            if (row + i * step < end)
                store(op.y + (row + i * step) * columns.n_channels + k, sums[i]);
    }
}

template <typename T, int WIDTH, int X_WIDTH>
static enum status sum(struct gpu_stream *stream, const struct conv2d_forward *op)
{
    struct columns columns = columns_of_tensor(&op->y, WIDTH, ROWS);
    const struct low_rank_sum<T> sum = {
        data_of<T>(&op->x), data_of<T>(&op->weight), data_of<T>(&op->addend), data_of<T>(&op->y),
            (float)op->factor, (int)tensor_columns(&op->x)
    };
    size_t shared_bytes = (size_t)(columns.lanes * WIDTH * sum.n_inputs) * sizeof(float);

    return LAUNCH((low_rank_sum_kernel<T, WIDTH, X_WIDTH>), columns_grid(&columns),
                  columns_block(&columns), shared_bytes, stream, columns, sum);
}

template <typename T>
static enum status sum(struct gpu_stream *stream, const struct conv2d_forward *op)
{
    bool is_wide = are_columns_wide<T>(op->y, op->addend);
    bool is_x_wide = op->x.shape[3] % 4 == 0 && are_wide(op->x);

    return is_wide     ? is_x_wide ? sum<T, WIDE<T>, 4>(stream, op) : sum<T, WIDE<T>, 1>(stream, op)
               : is_x_wide ? sum<T, 1, 4>(stream, op)
                       : sum<T, 1, 1>(stream, op);
}

extern "C" enum status cuda_low_rank_forward_launch(struct gpu_stream *stream,
                                                    const struct conv2d_forward *op)
{
    return BY_TYPE(op->x, sum);
}

/* ---- d_x[row, c] = factor · Σ_k d_y[row, k] · weight[k, c] ---- */

/* Eight threads side by side read a row's channels and have all its sums, as many as 64 of some
 * rows; four groups of them are a warp. Where rows are few, groups take parts of the channels. */
constexpr int LANES = 8, SUMS = 64, GROUPS = THREADS / LANES;
constexpr int RIGHT_FLOATS = 8192;     /* of the weight at a time, in shared memory */
constexpr int RIGHT_PADDING = 4;       /* spreads the inputs of a channel over the banks */
constexpr int64_t ENOUGH_BLOCKS = 264; /* two for each of 132 multiprocessors */

template <int INPUTS> constexpr int CHANNELS = RIGHT_FLOATS / INPUTS; /* at a time */
template <int INPUTS> constexpr int RIGHT_STRIDE = CHANNELS<INPUTS> + RIGHT_PADDING;

template <typename T> struct low_rank_gradient {
    const T *d_y, *weight;
    T *d_x;
    float factor;
    int n_inputs, n_parts; /* of the channels, each with groups of its own: a power of two */
    int n_outputs;
    int64_t n_rows;
};

/* right[c, k] = weight[first + k, c], zero where there is no input c. */
template <typename T, int INPUTS>
static __device__ __forceinline__ void load_right(const struct low_rank_gradient<T> &op, int first,
                                                  int n_right, float *right)
{
    int thread = (int)(threadIdx.y * LANES + threadIdx.x);

    for (int i = thread; i < n_right * INPUTS; i += THREADS) {
        int k = i / INPUTS, c = i % INPUTS;
        right[c * RIGHT_STRIDE<INPUTS> + k] =
            c < op.n_inputs
                ? widened(op.weight[(int64_t)first * op.n_inputs + (k * op.n_inputs + c)])
                : 0.0f;
    }
}

/* Of SUMS / INPUTS rows from `row` on, over this thread's channels. */
template <typename T, int WIDTH, int INPUTS>
static __device__ __forceinline__ void add_products(const struct low_rank_gradient<T> &op,
                                                    int64_t row, int first, const float *right,
                                                    float (&sums)[SUMS])
{
    constexpr int N_ROWS = SUMS / INPUTS;
    int part = (int)threadIdx.y % op.n_parts, step = op.n_parts * LANES * WIDTH;
    int left = op.n_outputs - first;
    int n = left < CHANNELS<INPUTS> ? left : CHANNELS<INPUTS>;
    int n_rows = row + N_ROWS <= op.n_rows ? N_ROWS : (int)(op.n_rows - row);
    const T *d_y = op.d_y + row * op.n_outputs + first;

    for (int k = (part * LANES + (int)threadIdx.x) * WIDTH; k < n; k += step) {
        pack<float, WIDTH> values[N_ROWS] = {};
        UNROLL
        for (int i = 0; i < N_ROWS; i++)
            if (i < n_rows)
                values[i] = load<WIDTH>(d_y + (i * op.n_outputs + k));
        UNROLL
        for (int c = 0; c < INPUTS; c++) {
            pack<float, WIDTH> weights = load<WIDTH>(right + c * RIGHT_STRIDE<INPUTS> + k);
            UNROLL
            for (int i = 0; i < N_ROWS * WIDTH; i++)
                sums[i / WIDTH * INPUTS + c] +=
                    values[i / WIDTH].at[i % WIDTH] * weights.at[i % WIDTH];
        }
    }
}

/* Adds a neighbour's sums; of two threads each keeps a half. */
template <int HALF> static __device__ __forceinline__ void fold(float (&sums)[SUMS], int offset)
{
    bool is_upper = (threadIdx.x & (unsigned)offset) != 0;

    UNROLL
    for (int i = 0; i < HALF; i++) {
        float sent = is_upper ? sums[i] : sums[i + HALF];
        float kept = is_upper ? sums[i + HALF] : sums[i];
        sums[i] = kept + __shfl_xor_sync(ALL_LANES, sent, offset);
    }
}

/* Sums over the lanes, of which each is left with SUMS / LANES: lane l's are those from l · SUMS /
 * LANES on. Then over the parts, into the first of them. */
static __device__ __forceinline__ void add_up(int n_parts, float (&sums)[SUMS])
{
    constexpr int LEFT = SUMS / LANES;
    SHARED(float, totals, GROUPS *SUMS);
    int place = (int)(threadIdx.y * LANES + threadIdx.x) * LEFT;

    fold<SUMS / 2>(sums, 4);
    fold<SUMS / 4>(sums, 2);
    fold<SUMS / 8>(sums, 1);
    if (n_parts == 1)
        return;
    UNROLL
    for (int i = 0; i < LEFT; i++)
        totals[place + i] = sums[i];
    __syncthreads();
    if ((int)threadIdx.y % n_parts != 0)
        return;
    for (int part = 1; part < n_parts; part++) {
        UNROLL
        for (int i = 0; i < LEFT; i++)
            sums[i] += totals[place + part * SUMS + i];
    }
}

template <typename T, int WIDTH, int INPUTS>
static __global__ void __launch_bounds__(THREADS)
    low_rank_gradient_kernel(struct low_rank_gradient<T> op)
{
    constexpr int N_ROWS = SUMS / INPUTS, LEFT = SUMS / LANES;
    SHARED(float, right, RIGHT_STRIDE<INPUTS> *INPUTS);
    int64_t group =
        (int64_t)blockIdx.x * (GROUPS / op.n_parts) + threadIdx.y / (unsigned)op.n_parts;
    int64_t row = group * N_ROWS;
    float sums[SUMS] = {};

    for (int first = 0; first < op.n_outputs; first += CHANNELS<INPUTS>) {
        int left = op.n_outputs - first;
        if (first > 0)
            __syncthreads();
        load_right<T, INPUTS>(op, first, left < CHANNELS<INPUTS> ? left : CHANNELS<INPUTS>, right);
        __syncthreads();
        add_products<T, WIDTH, INPUTS>(op, row, first, right, sums);
    }
    add_up(op.n_parts, sums);
    row += (int)threadIdx.x * LEFT / INPUTS;
    int c = (int)threadIdx.x * LEFT % INPUTS;
    if ((int)threadIdx.y % op.n_parts != 0 || row >= op.n_rows)
        return;
    UNROLL
    for (int i = 0; i < LEFT; i++)
        if (c + i < op.n_inputs)
            op.d_x[row * op.n_inputs + c + i] = rounded<T>(op.factor * sums[i]);
}

/* Rows of a block; more parts have fewer. */
template <int INPUTS> static int64_t rows_of(int n_parts)
{
    return GROUPS / n_parts * (SUMS / INPUTS);
}

template <typename T, int WIDTH, int INPUTS>
static enum status gradient(struct gpu_stream *stream, const struct conv2d_backward_data *op)
{
    int64_t n_rows = tensor_rows(&op->d_y), n_outputs = tensor_columns(&op->d_y);
    int64_t most_channels = n_outputs < CHANNELS<INPUTS> ? n_outputs : CHANNELS<INPUTS>;
    int n_parts = 1;

    while (n_parts < GROUPS && 2 * n_parts * LANES * WIDTH <= most_channels &&
           n_rows < ENOUGH_BLOCKS * rows_of<INPUTS>(n_parts))
        n_parts *= 2;
    const struct low_rank_gradient<T> gradient = {
        data_of<T>(&op->d_y), data_of<T>(&op->weight), data_of<T>(&op->d_x), (float)op->factor,
            (int)tensor_columns(&op->d_x), n_parts, (int)n_outputs, n_rows
    };
    int64_t n_blocks = (n_rows + rows_of<INPUTS>(n_parts) - 1) / rows_of<INPUTS>(n_parts);
    return LAUNCH((low_rank_gradient_kernel<T, WIDTH, INPUTS>), (unsigned)n_blocks,
                  dim3(LANES, GROUPS), 0, stream, gradient);
}

template <typename T, int WIDTH>
static enum status gradient(struct gpu_stream *stream, const struct conv2d_backward_data *op)
{
    int64_t n_inputs = tensor_columns(&op->d_x);

    return n_inputs <= 8    ? gradient<T, WIDTH, 8>(stream, op)
           : n_inputs <= 16 ? gradient<T, WIDTH, 16>(stream, op)
                            : gradient<T, WIDTH, 32>(stream, op);
}

template <typename T>
static enum status gradient(struct gpu_stream *stream, const struct conv2d_backward_data *op)
{
    bool is_wide = tensor_columns(&op->d_y) % 4 == 0 && are_wide(op->d_y);

    return is_wide ? gradient<T, 4>(stream, op) : gradient<T, 1>(stream, op);
}

extern "C" enum status cuda_low_rank_backward_data_launch(struct gpu_stream *stream,
                                                          const struct conv2d_backward_data *op)
{
    return BY_TYPE(op->d_y, gradient);
}
