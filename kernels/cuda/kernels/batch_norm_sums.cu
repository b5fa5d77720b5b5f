/* Batch norm's sums over rows: statistics, and the two sums of the gradient. Every block writes its
 * sums in float64; a second kernel adds those of all blocks, a warp for each channel. */
#include "kernels/cuda/kernels/columns.h"

constexpr int LEAST_ROWS = 4; /* of a thread: fewer would make more sums to add than rows */

static size_t sums_bytes(const struct columns *columns)
{
    return (size_t)(2 * columns->n_channels * columns->n_blocks) * sizeof(double);
}

/* Workspace: [2][channel][block], so that a warp reads the blocks of a channel side by side. `sums`
 * begins with all first sums, then come all second ones. */
template <int WIDTH>
static __device__ __forceinline__ void write_sums(const struct columns &columns,
                                                  double (&sums)[2 * WIDTH], double *workspace)
{
    double sum = sum_over_rows(sums);
    int lanes = (int)blockDim.x, thread = (int)(threadIdx.y * blockDim.x + threadIdx.x);
    int quantity = thread / lanes / WIDTH, j = thread / lanes % WIDTH;
    int64_t c = ((int64_t)blockIdx.y * lanes + thread % lanes) * WIDTH + j;

    if (quantity < 2 && c < columns.n_channels)
        workspace[(quantity * columns.n_channels + c) * columns.n_blocks + blockIdx.x] = sum;
}

struct totals {
    double first, second;
};

/* The totals of the channel that this thread's warp has, in all of its lanes. */
static __device__ __forceinline__ struct totals totals_of(const double *workspace, int64_t c,
                                                          int64_t n_channels, unsigned n_blocks)
{
    struct totals totals = {0.0, 0.0};

    for (unsigned i = threadIdx.x % WARP_LANES; i < n_blocks; i += WARP_LANES) {
        totals.first += workspace[c * n_blocks + i];
        totals.second += workspace[(n_channels + c) * n_blocks + i];
    }
    for (int offset = WARP_LANES / 2; offset > 0; offset /= 2) {
        totals.first += __shfl_xor_sync(ALL_LANES, totals.first, offset);
        totals.second += __shfl_xor_sync(ALL_LANES, totals.second, offset);
    }
    return totals;
}

static __device__ __forceinline__ int64_t channel_of_warp()
{
    return first_item() / WARP_LANES;
}

static unsigned blocks_for_channels(int64_t n_channels)
{
    return (unsigned)((n_channels + THREADS / WARP_LANES - 1) / (THREADS / WARP_LANES));
}

/* ---- statistics ---- */

/* Σ (x − x₀) and Σ (x − x₀)², where x₀ is the tensor's first row: shifted, so that a mean far from
 * zero costs no digits. */
template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    batch_norm_statistics_kernel(struct columns columns, const T *x, double *workspace)
{
    int64_t c = first_channel<WIDTH>(), end = end_row(columns);
    double sums[2 * WIDTH] = {};

    if (c < columns.n_channels) {
        pack<float, WIDTH> shift = load<WIDTH>(x + c);
        UNROLL_BY(LEAST_ROWS)
        for (int64_t row = first_row(columns); row < end; row += blockDim.y) {
            pack<float, WIDTH> values = load<WIDTH>(x + row * columns.n_channels + c);
            UNROLL
            for (int j = 0; j < WIDTH; j++) {
                double value = (double)(values.at[j] - shift.at[j]);
                sums[j] += value;
                sums[WIDTH + j] += value * value;
            }
        }
    }
    write_sums<WIDTH>(columns, sums, workspace);
}

template <typename T> struct statistics {
    const T *x;
    float *mean, *variance;
    float *running_mean, *running_variance; /* or NULL, both */
    double momentum;
};

static __device__ __forceinline__ void run_on(float *running, double value, double momentum)
{
    *running = (float)((1.0 - momentum) * (double)*running + momentum * value);
}

template <typename T>
static __global__ void __launch_bounds__(THREADS)
    batch_norm_statistics_totals_kernel(struct columns columns, struct statistics<T> op,
                                        const double *workspace)
{
    int64_t c = channel_of_warp();
    double n_rows = (double)columns.n_rows;

    if (c >= columns.n_channels)
        return;
    struct totals totals = totals_of(workspace, c, columns.n_channels, columns.n_blocks);
    if (threadIdx.x % WARP_LANES != 0)
        return;
    double mean = (double)widened(op.x[c]) + totals.first / n_rows;
    double squares = totals.second - totals.first * totals.first / n_rows;
    squares = squares < 0.0 ? 0.0 : squares; /* NaN stays */
    op.mean[c] = (float)mean;
    op.variance[c] = (float)(squares / n_rows);
    if (op.running_mean != nullptr) {
        run_on(&op.running_mean[c], mean, op.momentum);
        run_on(&op.running_variance[c], squares / (n_rows - 1.0), op.momentum);
    }
}

template <typename T, int WIDTH>
static enum status sum_up(struct gpu_stream *stream, const struct batch_norm_statistics *op)
{
    struct columns columns = columns_of_tensor(&op->x, WIDTH, LEAST_ROWS);
    double *workspace = static_cast<double *>(op->workspace.data);
    struct statistics<T> statistics = {
        data_of<T>(&op->x), data_of<float>(&op->mean), data_of<float>(&op->variance),
            data_of<float>(&op->running_mean), data_of<float>(&op->running_variance), op->momentum,
    };
    enum status status =
        LAUNCH((batch_norm_statistics_kernel<T, WIDTH>), columns_grid(&columns),
               columns_block(&columns), 0, stream, columns, statistics.x, workspace);

    if (status != STATUS_OK)
        return status;
    return LAUNCH(batch_norm_statistics_totals_kernel<T>, blocks_for_channels(columns.n_channels),
                  THREADS, 0, stream, columns, statistics, workspace);
}

/* Tensors may move to where accesses are narrower; enough for both. */
template <typename T> static size_t workspace_of(const struct tensor *x)
{
    struct columns wide = columns_of_tensor(x, WIDE<T>, LEAST_ROWS);
    struct columns narrow = columns_of_tensor(x, 1, LEAST_ROWS);
    size_t wide_bytes = sums_bytes(&wide), narrow_bytes = sums_bytes(&narrow);

    return wide_bytes > narrow_bytes ? wide_bytes : narrow_bytes;
}

extern "C" size_t cuda_batch_norm_statistics_workspace(const struct batch_norm_statistics *op)
{
    return op->x.dtype == DTYPE_BF16 ? workspace_of<bf16>(&op->x) : workspace_of<float>(&op->x);
}

template <typename T>
static enum status sum_up(struct gpu_stream *stream, const struct batch_norm_statistics *op)
{
    return are_columns_wide<T>(op->x) ? sum_up<T, WIDE<T>>(stream, op) : sum_up<T, 1>(stream, op);
}

extern "C" enum status cuda_batch_norm_statistics_launch(struct gpu_stream *stream,
                                                         const struct batch_norm_statistics *op)
{
    return BY_TYPE(op->x, sum_up);
}

/* ---- gradient ---- */

template <typename T> struct gradient_sums {
    const T *x, *d_y;
    const T *y, *addend; /* or NULL: no ReLU, d_y in one part */
    T *d;                /* or NULL */
    const float *mean, *variance;
    float *d_weight, *d_bias;
    double epsilon;
};

/* d of one pack: d_y + addend where the ReLU let through, as memory will hold it. */
template <int WIDTH, typename T>
static __device__ __forceinline__ pack<float, WIDTH>
whole_gradient(const struct gradient_sums<T> &op, int64_t at)
{
    pack<float, WIDTH> d = load<WIDTH>(op.d_y + at), addend = {}, y = {};

    if (op.addend != nullptr)
        addend = load<WIDTH>(op.addend + at);
    if (op.y != nullptr)
        y = load<WIDTH>(op.y + at);
    UNROLL
    for (int j = 0; j < WIDTH; j++) {
        if (op.addend != nullptr)
            d.at[j] = widened(rounded<T>(d.at[j] + addend.at[j]));
        if (op.y != nullptr)
            d.at[j] = y.at[j] > 0.0f ? d.at[j] : 0.0f;
    }
    return d;
}

/* Σ d·(x − mean) and Σ d */
template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    batch_norm_gradient_sums_kernel(struct columns columns, struct gradient_sums<T> op,
                                    double *workspace)
{
    int64_t c = first_channel<WIDTH>(), end = end_row(columns);
    double sums[2 * WIDTH] = {};

    if (c < columns.n_channels) {
        pack<float, WIDTH> mean = load<WIDTH>(op.mean + c);
        UNROLL_BY(2)
        for (int64_t row = first_row(columns); row < end; row += blockDim.y) {
            int64_t at = row * columns.n_channels + c;
            pack<float, WIDTH> x = load<WIDTH>(op.x + at), d = whole_gradient<WIDTH>(op, at);
            if (op.d != nullptr)
                store(op.d + at, d);
            UNROLL
            for (int j = 0; j < WIDTH; j++) {
                sums[j] += (double)(d.at[j] * (x.at[j] - mean.at[j]));
                sums[WIDTH + j] += (double)d.at[j];
            }
        }
    }
    write_sums<WIDTH>(columns, sums, workspace);
}

template <typename T>
static __global__ void __launch_bounds__(THREADS)
    batch_norm_gradient_sums_totals_kernel(struct columns columns, struct gradient_sums<T> op,
                                           const double *workspace)
{
    int64_t c = channel_of_warp();

    if (c >= columns.n_channels)
        return;
    struct totals totals = totals_of(workspace, c, columns.n_channels, columns.n_blocks);
    if (threadIdx.x % WARP_LANES != 0)
        return;
    op.d_weight[c] = (float)(totals.first / sqrt((double)op.variance[c] + op.epsilon));
    op.d_bias[c] = (float)totals.second;
}

template <typename T, int WIDTH>
static enum status sum_up(struct gpu_stream *stream, const struct batch_norm_gradient_sums *op)
{
    struct columns columns = columns_of_tensor(&op->x, WIDTH, LEAST_ROWS);
    double *workspace = static_cast<double *>(op->workspace.data);
    struct gradient_sums<T> sums = {
        data_of<T>(&op->x), data_of<T>(&op->d_y), data_of<T>(&op->y), data_of<T>(&op->addend),
            data_of<T>(&op->d), data_of<float>(&op->mean), data_of<float>(&op->variance),
            data_of<float>(&op->d_weight), data_of<float>(&op->d_bias), op->epsilon,
    };
    enum status status = LAUNCH((batch_norm_gradient_sums_kernel<T, WIDTH>), columns_grid(&columns),
                                columns_block(&columns), 0, stream, columns, sums, workspace);

    if (status != STATUS_OK)
        return status;
    return LAUNCH(batch_norm_gradient_sums_totals_kernel<T>,
                  blocks_for_channels(columns.n_channels), THREADS, 0, stream, columns, sums,
                  workspace);
}

template <typename T>
static enum status sum_up(struct gpu_stream *stream, const struct batch_norm_gradient_sums *op)
{
    bool is_wide = are_columns_wide<T>(op->x, op->d_y, op->mean, op->y, op->addend, op->d);

    return is_wide ? sum_up<T, WIDE<T>>(stream, op) : sum_up<T, 1>(stream, op);
}

extern "C" size_t cuda_batch_norm_gradient_sums_workspace(const struct batch_norm_gradient_sums *op)
{
    return op->x.dtype == DTYPE_BF16 ? workspace_of<bf16>(&op->x) : workspace_of<float>(&op->x);
}

extern "C" enum status
cuda_batch_norm_gradient_sums_launch(struct gpu_stream *stream,
                                     const struct batch_norm_gradient_sums *op)
{
    return BY_TYPE(op->x, sum_up);
}
