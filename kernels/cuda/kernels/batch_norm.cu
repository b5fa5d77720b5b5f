/* Batch norm's two passes over the elements: y = f(x), and d_x of it. Slope and offset of a channel
 * are made by every thread that has it: cheaper than a launch that would make them once. */
#include "kernels/cuda/kernels/columns.h"

/* rows of a thread whose loads are under way together; registers are for eight elements */
template <int WIDTH> constexpr int ROWS = WIDTH > 4 ? 1 : 2;

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

template <typename T> struct apply {
    const T *x;
    const T *residual; /* or NULL */
    T *y;
    const float *mean, *variance, *weight, *bias;
    float epsilon;
    bool has_relu;
};

template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    batch_norm_apply_kernel(struct columns columns, struct apply<T> op)
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
    for (int64_t row = first_row(columns); row < end; row += ROWS<WIDTH> * step) {
        pack<float, WIDTH> x[ROWS<WIDTH>] = {}, residual[ROWS<WIDTH>] = {};
        UNROLL
        for (int i = 0; i < ROWS<WIDTH>; i++) {
            int64_t at = (row + i * step) * columns.n_channels + c;
            if (row + i * step < end)
                x[i] = load<WIDTH>(op.x + at);
            if (row + i * step < end && op.residual != nullptr)
                residual[i] = load<WIDTH>(op.residual + at);
        }
        UNROLL
        for (int i = 0; i < ROWS<WIDTH>; i++) {
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

template <typename T, int WIDTH>
static enum status forward(struct gpu_stream *stream, const struct batch_norm_apply *op)
{
    struct columns columns = columns_of_tensor(&op->x, WIDTH, ROWS<WIDTH>);
    struct apply<T> apply = {
        data_of<T>(&op->x), data_of<T>(&op->residual), data_of<T>(&op->y),
            data_of<float>(&op->mean), data_of<float>(&op->variance), data_of<float>(&op->weight),
            data_of<float>(&op->bias), (float)op->epsilon, op->has_relu,
    };

    return LAUNCH((batch_norm_apply_kernel<T, WIDTH>), columns_grid(&columns),
                  columns_block(&columns), 0, stream, columns, apply);
}

template <typename T>
static enum status forward(struct gpu_stream *stream, const struct batch_norm_apply *op)
{
    bool is_wide = are_columns_wide<T>(op->x, op->mean, op->variance, op->weight, op->bias,
                                       op->residual, op->y);

    return is_wide ? forward<T, WIDE<T>>(stream, op) : forward<T, 1>(stream, op);
}

extern "C" enum status cuda_batch_norm_apply_launch(struct gpu_stream *stream,
                                                    const struct batch_norm_apply *op)
{
    return BY_TYPE(op->x, forward);
}

template <typename T> struct gradient {
    const T *x, *d_y;
    T *d_x;
    const float *mean, *variance, *weight;
    const float *d_weight, *d_bias; /* NULL: statistics were constants */
    float epsilon;
};

/* d_x = scale·(d_y − offset − (x − mean)·slope), per channel */
template <int WIDTH> struct lines {
    pack<float, WIDTH> mean, slope, scale, offset;
};

template <int WIDTH, typename T>
static __device__ __forceinline__ struct lines<WIDTH>
lines_of(const struct columns &columns, const struct gradient<T> &op, int64_t c) {
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

template <typename T, int WIDTH, bool HAS_SUMS>
static __global__ void __launch_bounds__(THREADS)
    batch_norm_gradient_apply_kernel(struct columns columns, struct gradient<T> op)
{
    int64_t c = first_channel<WIDTH>(), step = blockDim.y, end = end_row(columns);

    if (c >= columns.n_channels)
        return;
    struct lines<WIDTH> lines = lines_of<WIDTH>(columns, op, c);
    for (int64_t row = first_row(columns); row < end; row += ROWS<WIDTH> * step) {
        pack<float, WIDTH> x[ROWS<WIDTH>] = {}, d[ROWS<WIDTH>] = {};
        UNROLL
        for (int i = 0; i < ROWS<WIDTH>; i++) {
            int64_t at = (row + i * step) * columns.n_channels + c;
            if (row + i * step >= end)
                continue;
            d[i] = load<WIDTH>(op.d_y + at);
            if constexpr (HAS_SUMS)
                x[i] = load<WIDTH>(op.x + at);
        }
        UNROLL
        for (int i = 0; i < ROWS<WIDTH>; i++) {
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

template <typename T, int WIDTH>
static enum status backward(struct gpu_stream *stream, const struct batch_norm_gradient_apply *op)
{
    struct columns columns = columns_of_tensor(&op->x, WIDTH, ROWS<WIDTH>);
    struct gradient<T> gradient = {
        data_of<T>(&op->x), data_of<T>(&op->d_y), data_of<T>(&op->d_x), data_of<float>(&op->mean),
            data_of<float>(&op->variance), data_of<float>(&op->weight),
            data_of<float>(&op->d_weight), data_of<float>(&op->d_bias), (float)op->epsilon,
    };

    if (gradient.d_weight != nullptr)
        return LAUNCH((batch_norm_gradient_apply_kernel<T, WIDTH, true>), columns_grid(&columns),
                      columns_block(&columns), 0, stream, columns, gradient);
    return LAUNCH((batch_norm_gradient_apply_kernel<T, WIDTH, false>), columns_grid(&columns),
                  columns_block(&columns), 0, stream, columns, gradient);
}

template <typename T>
static enum status backward(struct gpu_stream *stream, const struct batch_norm_gradient_apply *op)
{
    bool is_wide = are_columns_wide<T>(op->x, op->d_y, op->mean, op->variance, op->weight,
                                       op->d_weight, op->d_bias, op->d_x);

    return is_wide ? backward<T, WIDE<T>>(stream, op) : backward<T, 1>(stream, op);
}

extern "C" enum status
cuda_batch_norm_gradient_apply_launch(struct gpu_stream *stream,
                                      const struct batch_norm_gradient_apply *op)
{
    return BY_TYPE(op->x, backward);
}
