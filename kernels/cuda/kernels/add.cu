/* Sum of two tensors and multiplication by a number. */
#include "kernels/cuda/kernels/pack.h"

template <typename T, int WIDTH>
static __global__ void add_kernel(const T *a, const T *b, float factor, T *y, int64_t n)
{
    for (int64_t i = first_item() * WIDTH; i < n; i += item_stride() * WIDTH) {
        pack<float, WIDTH> sum = load<WIDTH>(a + i, n - i), other = load<WIDTH>(b + i, n - i);
        UNROLL
        for (int j = 0; j < WIDTH; j++)
            sum.at[j] += factor * other.at[j];
        store(y + i, sum, n - i);
    }
}

template <typename T, int WIDTH>
static __global__ void scale_kernel(const T *x, float factor, T *y, int64_t n)
{
    for (int64_t i = first_item() * WIDTH; i < n; i += item_stride() * WIDTH) {
        pack<float, WIDTH> value = load<WIDTH>(x + i, n - i);
        UNROLL
        for (int j = 0; j < WIDTH; j++)
            value.at[j] *= factor;
        store(y + i, value, n - i);
    }
}

template <typename T, int WIDTH>
static enum status sum(struct gpu_stream *stream, const struct add *op)
{
    int64_t n = tensor_elements(&op->a);

    return LAUNCH((add_kernel<T, WIDTH>), blocks_for_packs<WIDTH>(n), THREADS, 0, stream,
                  data_of<T>(&op->a), data_of<T>(&op->b), (float)op->factor, data_of<T>(&op->y), n);
}

template <typename T, int WIDTH>
static enum status multiple(struct gpu_stream *stream, const struct scale *op)
{
    int64_t n = tensor_elements(&op->x);

    return LAUNCH((scale_kernel<T, WIDTH>), blocks_for_packs<WIDTH>(n), THREADS, 0, stream,
                  data_of<T>(&op->x), (float)op->factor, data_of<T>(&op->y), n);
}

template <typename T> static enum status sum(struct gpu_stream *stream, const struct add *op)
{
    return are_wide(op->a, op->b, op->y) ? sum<T, WIDE<T>>(stream, op) : sum<T, 1>(stream, op);
}

template <typename T> static enum status multiple(struct gpu_stream *stream, const struct scale *op)
{
    return are_wide(op->x, op->y) ? multiple<T, WIDE<T>>(stream, op) : multiple<T, 1>(stream, op);
}

extern "C" enum status cuda_add_launch(struct gpu_stream *stream, const struct add *op)
{
    return BY_TYPE(op->a, sum);
}

extern "C" enum status cuda_scale_launch(struct gpu_stream *stream, const struct scale *op)
{
    return BY_TYPE(op->x, multiple);
}
