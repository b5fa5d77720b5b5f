/* ReLU and its gradient. */
#include "kernels/cuda/kernels/pack.h"

template <typename T, int WIDTH>
static __global__ void relu_forward_kernel(const T *x, T *y, int64_t n)
{
    for (int64_t i = first_item() * WIDTH; i < n; i += item_stride() * WIDTH) {
        pack<float, WIDTH> value = load<WIDTH>(x + i, n - i);
        UNROLL
        for (int j = 0; j < WIDTH; j++)
            value.at[j] = value.at[j] <= 0.0f ? 0.0f : value.at[j]; /* NaN stays */
        store(y + i, value, n - i);
    }
}

template <typename T, int WIDTH>
static __global__ void relu_backward_kernel(const T *y, const T *d_y, T *d_x, int64_t n)
{
    for (int64_t i = first_item() * WIDTH; i < n; i += item_stride() * WIDTH) {
        pack<float, WIDTH> value = load<WIDTH>(y + i, n - i),
                           gradient = load<WIDTH>(d_y + i, n - i);
        UNROLL
        for (int j = 0; j < WIDTH; j++)
            gradient.at[j] = value.at[j] > 0.0f ? gradient.at[j] : 0.0f;
        store(d_x + i, gradient, n - i);
    }
}

template <typename T, int WIDTH>
static enum status forward(struct gpu_stream *stream, const struct relu_forward *op)
{
    int64_t n = tensor_elements(&op->x);

    return LAUNCH((relu_forward_kernel<T, WIDTH>), blocks_for_packs<WIDTH>(n), THREADS, 0, stream,
                  data_of<T>(&op->x), data_of<T>(&op->y), n);
}

template <typename T, int WIDTH>
static enum status backward(struct gpu_stream *stream, const struct relu_backward *op)
{
    int64_t n = tensor_elements(&op->y);

    return LAUNCH((relu_backward_kernel<T, WIDTH>), blocks_for_packs<WIDTH>(n), THREADS, 0, stream,
                  data_of<T>(&op->y), data_of<T>(&op->d_y), data_of<T>(&op->d_x), n);
}

template <typename T>
static enum status forward(struct gpu_stream *stream, const struct relu_forward *op)
{
    return are_wide(op->x, op->y) ? forward<T, WIDE<T>>(stream, op) : forward<T, 1>(stream, op);
}

template <typename T>
static enum status backward(struct gpu_stream *stream, const struct relu_backward *op)
{
    return are_wide(op->y, op->d_y, op->d_x) ? backward<T, WIDE<T>>(stream, op)
                                             : backward<T, 1>(stream, op);
}

extern "C" enum status cuda_relu_forward_launch(struct gpu_stream *stream,
                                                const struct relu_forward *op)
{
    return BY_TYPE(op->x, forward);
}

extern "C" enum status cuda_relu_backward_launch(struct gpu_stream *stream,
                                                 const struct relu_backward *op)
{
    return BY_TYPE(op->y, backward);
}
