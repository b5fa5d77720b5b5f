/* Batch norm's two passes over the elements: y = f(x), and d_x of it. Slope and offset of a channel
 * are made by every thread that has it: cheaper than a launch that would make them once. */
#include "kernels/cuda/columns.h"

/* rows of a thread whose loads are under way together */
constexpr int ROWS = 2;

template <int WIDTH>
static __device__ __forceinline__ pack<float, WIDTH> inverse_deviation(const float *variance,
                                                                       float epsilon)
{
    pack<float, WIDTH> values = load<WIDTH>(variance);

    UNROLL
    for (int j = 0; j < WIDTH; j++)
        values.at[j] = 1.0f / sqrtf(values.at[j] + epsilon);
    return values;
}

struct apply {
    const float *x, *mean, *variance, *weight, *bias;
    const float *residual; /* or NULL */
    float *y;
    float epsilon;
    bool has_relu;
};

template <int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    batch_norm_apply_kernel(struct columns columns, struct apply op)
{
    int64_t c = first_channel<WIDTH>(), step = blockDim.y, end = end_row(columns);

    if (c >= columns.n_channels)
        return;
    pack<float, WIDTH> slope = inverse_deviation<WIDTH>(op.variance + c, op.epsilon);
    pack<float, WIDTH> weight = load<WIDTH>(op.weight + c), bias = load<WIDTH>(op.bias + c);
    pack<float, WIDTH> mean = load<WIDTH>(op.mean + c);
    UNROLL
    for (int j = 0; j < WIDTH; j++)
        slope.at[j] *= weight.at[j];
    for (int64_t row = first_row(columns); row < end; row += ROWS * step) {
        pack<float, WIDTH> x[ROWS] = {}, residual[ROWS] = {};
        UNROLL
        for (int i = 0; i < ROWS; i++) {
            int64_t at = (row + i * step) * columns.n_channels + c;
            if (row + i * step < end)
                x[i] = load<WIDTH>(op.x + at);
            if (row + i * step < end && op.residual != nullptr)
                residual[i] = load<WIDTH>(op.residual + at);
        }
        UNROLL
        for (int i = 0; i < ROWS; i++) {
            UNROLL
            for (int j = 0; j < WIDTH; j++) {
                float y = (x[i].at[j] - mean.at[j]) * slope.at[j] + bias.at[j];
                if (op.residual != nullptr)
                    y += residual[i].at[j];
                x[i].at[j] = op.has_relu && y <= 0.0f ? 0.0f : y; /* NaN stays */
            }
            if (row + i * step < end)
                store(op.y + (row + i * step) * columns.n_channels + c, x[i]);
        }
    }
}

template <int WIDTH>
static enum status forward(struct gpu_stream *stream, const struct batch_norm_apply *op)
{
    struct columns columns = columns_of_tensor(&op->x, WIDTH, ROWS);
    struct apply apply = {
        data_of<float>(&op->x),      data_of<float>(&op->mean), data_of<float>(&op->variance),
        data_of<float>(&op->weight), data_of<float>(&op->bias), data_of<float>(&op->residual),
        data_of<float>(&op->y),      (float)op->epsilon,        op->has_relu,
    };

    return LAUNCH(batch_norm_apply_kernel<WIDTH>, columns_grid(&columns), columns_block(&columns),
                  0, stream, columns, apply);
}

extern "C" enum status cuda_batch_norm_apply_launch(struct gpu_stream *stream,
                                                    const struct batch_norm_apply *op)
{
    bool is_wide =
        are_columns_wide(op->x, op->mean, op->variance, op->weight, op->bias, op->residual, op->y);

    return is_wide ? forward<WIDE>(stream, op) : forward<1>(stream, op);
}

struct gradient {
    const float *x, *d_y, *mean, *variance, *weight;
    const float *d_weight, *d_bias; /* NULL: statistics were constants */
    float *d_x;
    float epsilon;
};

/* d_x = scale·(d_y − offset − (x − mean)·slope), per channel */
template <int WIDTH> struct lines {
    pack<float, WIDTH> mean, slope, scale, offset;
};

template <int WIDTH>
static __device__ __forceinline__ struct lines<WIDTH>
lines_of(const struct columns &columns, const struct gradient &op, int64_t c) {
    pack<float, WIDTH> inverse = inverse_deviation<WIDTH>(op.variance + c, op.epsilon);
    struct lines<WIDTH> lines;
    float n_rows = (float)columns.n_rows;

    lines.scale = load<WIDTH>(op.weight + c);
    lines.mean = load<WIDTH>(op.mean + c);
    lines.slope = lines.offset = {};
    if (op.d_weight != nullptr) {
        lines.slope = load<WIDTH>(op.d_weight + c);
        lines.offset = load<WIDTH>(op.d_bias + c);
    }
    UNROLL
    for (int j = 0; j < WIDTH; j++) {
        lines.scale.at[j] *= inverse.at[j];
        lines.slope.at[j] = lines.slope.at[j] / n_rows * inverse.at[j];
        lines.offset.at[j] /= n_rows;
    }
    return lines;
}

template <int WIDTH, bool HAS_SUMS>
static __global__ void __launch_bounds__(THREADS)
    batch_norm_gradient_apply_kernel(struct columns columns, struct gradient op)
{
    int64_t c = first_channel<WIDTH>(), step = blockDim.y, end = end_row(columns);

    if (c >= columns.n_channels)
        return;
    struct lines<WIDTH> lines = lines_of<WIDTH>(columns, op, c);
    for (int64_t row = first_row(columns); row < end; row += ROWS * step) {
        pack<float, WIDTH> x[ROWS] = {}, d[ROWS] = {};
        UNROLL
        for (int i = 0; i < ROWS; i++) {
            int64_t at = (row + i * step) * columns.n_channels + c;
            if (row + i * step >= end)
                continue;
            d[i] = load<WIDTH>(op.d_y + at);
            if constexpr (HAS_SUMS)
                x[i] = load<WIDTH>(op.x + at);
        }
        UNROLL
        for (int i = 0; i < ROWS; i++) {
            UNROLL
            for (int j = 0; j < WIDTH; j++) {
                if constexpr (HAS_SUMS)
                    d[i].at[j] -=
                        lines.offset.at[j] + (x[i].at[j] - lines.mean.at[j]) * lines.slope.at[j];
                d[i].at[j] *= lines.scale.at[j];
            }
            if (row + i * step < end)
                store(op.d_x + (row + i * step) * columns.n_channels + c, d[i]);
        }
    }
}

template <int WIDTH>
static enum status backward(struct gpu_stream *stream, const struct batch_norm_gradient_apply *op)
{
    struct columns columns = columns_of_tensor(&op->x, WIDTH, ROWS);
    struct gradient gradient = {
        data_of<float>(&op->x),        data_of<float>(&op->d_y),    data_of<float>(&op->mean),
        data_of<float>(&op->variance), data_of<float>(&op->weight), data_of<float>(&op->d_weight),
        data_of<float>(&op->d_bias),   data_of<float>(&op->d_x),    (float)op->epsilon,
    };

    if (gradient.d_weight != nullptr)
        return LAUNCH((batch_norm_gradient_apply_kernel<WIDTH, true>), columns_grid(&columns),
                      columns_block(&columns), 0, stream, columns, gradient);
    return LAUNCH((batch_norm_gradient_apply_kernel<WIDTH, false>), columns_grid(&columns),
                  columns_block(&columns), 0, stream, columns, gradient);
}

extern "C" enum status
cuda_batch_norm_gradient_apply_launch(struct gpu_stream *stream,
                                      const struct batch_norm_gradient_apply *op)
{
    bool is_wide = are_columns_wide(op->x, op->d_y, op->mean, op->variance, op->weight,
                                    op->d_weight, op->d_bias, op->d_x);

    return is_wide ? backward<WIDE>(stream, op) : backward<1>(stream, op);
}
