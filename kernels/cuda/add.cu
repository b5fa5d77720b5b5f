/* Sum of two tensors and multiplication by a number. */
#include "kernels/cuda/pack.h"

template <int WIDTH>
static __global__ void add_kernel(const float *a, const float *b, float factor, float *y, int64_t n)
{
    for (int64_t i = first_item() * WIDTH; i < n; i += item_stride() * WIDTH) {
        pack<float, WIDTH> sum = load<WIDTH>(a + i, n - i), other = load<WIDTH>(b + i, n - i);
        UNROLL
        for (int j = 0; j < WIDTH; j++)
            sum.at[j] += factor * other.at[j];
        store(y + i, sum, n - i);
    }
}

template <int WIDTH>
static __global__ void scale_kernel(const float *x, float factor, float *y, int64_t n)
{
    for (int64_t i = first_item() * WIDTH; i < n; i += item_stride() * WIDTH) {
        pack<float, WIDTH> value = load<WIDTH>(x + i, n - i);
        UNROLL
        for (int j = 0; j < WIDTH; j++)
            value.at[j] *= factor;
        store(y + i, value, n - i);
    }
}

template <int WIDTH> static enum status sum(struct gpu_stream *stream, const struct add *op)
{
    int64_t n = tensor_elements(&op->a);

    return LAUNCH(add_kernel<WIDTH>, blocks_for_packs<WIDTH>(n), THREADS, 0, stream,
                  data_of<float>(&op->a), data_of<float>(&op->b), (float)op->factor,
                  data_of<float>(&op->y), n);
}

template <int WIDTH> static enum status multiple(struct gpu_stream *stream, const struct scale *op)
{
    int64_t n = tensor_elements(&op->x);

    return LAUNCH(scale_kernel<WIDTH>, blocks_for_packs<WIDTH>(n), THREADS, 0, stream,
                  data_of<float>(&op->x), (float)op->factor, data_of<float>(&op->y), n);
}

extern "C" enum status cuda_add_launch(struct gpu_stream *stream, const struct add *op)
{
    return are_wide(op->a, op->b, op->y) ? sum<WIDE>(stream, op) : sum<1>(stream, op);
}

extern "C" enum status cuda_scale_launch(struct gpu_stream *stream, const struct scale *op)
{
    return are_wide(op->x, op->y) ? multiple<WIDE>(stream, op) : multiple<1>(stream, op);
}
