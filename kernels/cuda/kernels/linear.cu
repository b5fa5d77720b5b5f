/* The one part of a linear layer that is no matrix product: the bias' gradient. */
#include "kernels/cuda/kernels/columns.h"

template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    linear_bias_kernel(struct columns columns, const T *d_y, float *d_bias)
{
    struct column_sum sum = sum_of_columns<WIDTH>(columns, d_y);

    if (sum.channel >= 0)
        d_bias[sum.channel] = sum.value;
}

template <typename T, int WIDTH>
static enum status bias(struct gpu_stream *stream, const struct linear_backward_weight *op)
{
    struct columns columns = columns_of_tensor(&op->d_y, WIDTH, tensor_rows(&op->d_y));

    return LAUNCH((linear_bias_kernel<T, WIDTH>), columns_grid(&columns), columns_block(&columns),
                  0, stream, columns, data_of<T>(&op->d_y), data_of<float>(&op->d_bias));
}

template <typename T>
static enum status bias(struct gpu_stream *stream, const struct linear_backward_weight *op)
{
    return are_columns_wide<T>(op->d_y) ? bias<T, WIDE<T>>(stream, op) : bias<T, 1>(stream, op);
}

/* d_bias[k] = Σ_n d_y[n, k] */
extern "C" enum status cuda_linear_bias_launch(struct gpu_stream *stream,
                                               const struct linear_backward_weight *op)
{
    return BY_TYPE(op->d_y, bias);
}
