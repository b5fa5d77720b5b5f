/* Global average pooling and its gradient. An image's pixels are the rows of columns.h. */
#include "kernels/cuda/kernels/columns.h"

/* One block per image and slice of channels. */
template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    global_average_pool_forward_kernel(struct columns columns, const T *x, float factor, T *y)
{
    int64_t image = blockIdx.x;
    struct column_sum sum =
        sum_of_columns<WIDTH>(columns, x + image * columns.n_rows * columns.n_channels);

    if (sum.channel >= 0)
        y[image * columns.n_channels + sum.channel] = rounded<T>(factor * sum.value);
}

template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    global_average_pool_backward_kernel(struct columns columns, const T *d_y, float factor, T *d_x)
{
    int64_t c = first_channel<WIDTH>(), image = blockIdx.x;

    if (c >= columns.n_channels)
        return;
    pack<float, WIDTH> values = load<WIDTH>(d_y + image * columns.n_channels + c);
    UNROLL
    for (int j = 0; j < WIDTH; j++)
        values.at[j] *= factor;
    T *pixels = d_x + image * columns.n_rows * columns.n_channels + c;
    for (int64_t row = threadIdx.y; row < columns.n_rows; row += blockDim.y)
        store(pixels + row * columns.n_channels, values);
}

struct pool {
    struct columns columns;
    dim3 grid;
    float factor;
};

static struct pool pool_of(const struct tensor *x, int width)
{
    int64_t n_pixels = tensor_rows(x) / x->shape[0];
    struct columns columns = columns_of(n_pixels, tensor_columns(x), width, n_pixels);

    return {columns, dim3((unsigned)x->shape[0], columns.n_slices),
            (float)(1.0 / (double)n_pixels)};
}

template <typename T, int WIDTH>
static enum status forward(struct gpu_stream *stream, const struct global_average_pool_forward *op)
{
    struct pool pool = pool_of(&op->x, WIDTH);

    return LAUNCH((global_average_pool_forward_kernel<T, WIDTH>), pool.grid,
                  columns_block(&pool.columns), 0, stream, pool.columns, data_of<T>(&op->x),
                  pool.factor, data_of<T>(&op->y));
}

template <typename T, int WIDTH>
static enum status backward(struct gpu_stream *stream,
                            const struct global_average_pool_backward *op)
{
    struct pool pool = pool_of(&op->d_x, WIDTH);

    return LAUNCH((global_average_pool_backward_kernel<T, WIDTH>), pool.grid,
                  columns_block(&pool.columns), 0, stream, pool.columns, data_of<T>(&op->d_y),
                  pool.factor, data_of<T>(&op->d_x));
}

template <typename T>
static enum status forward(struct gpu_stream *stream, const struct global_average_pool_forward *op)
{
    return are_columns_wide<T>(op->x) ? forward<T, WIDE<T>>(stream, op) : forward<T, 1>(stream, op);
}

template <typename T>
static enum status backward(struct gpu_stream *stream,
                            const struct global_average_pool_backward *op)
{
    return are_columns_wide<T>(op->d_x, op->d_y) ? backward<T, WIDE<T>>(stream, op)
                                                 : backward<T, 1>(stream, op);
}

extern "C" enum status
cuda_global_average_pool_forward_launch(struct gpu_stream *stream,
                                        const struct global_average_pool_forward *op)
{
    return BY_TYPE(op->x, forward);
}

extern "C" enum status
cuda_global_average_pool_backward_launch(struct gpu_stream *stream,
                                         const struct global_average_pool_backward *op)
{
    return BY_TYPE(op->d_x, backward);
}
