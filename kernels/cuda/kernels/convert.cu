/* From one floating type to another. */
#include "kernels/cuda/kernels/pack.h"

template <typename From, typename To, int WIDTH>
static __global__ void convert_kernel(const From *x, To *y, int64_t n)
{
    for (int64_t i = first_item() * WIDTH; i < n; i += item_stride() * WIDTH)
        store(y + i, load<WIDTH>(x + i, n - i), n - i);
}

template <typename From, typename To, int WIDTH>
static enum status convert(struct gpu_stream *stream, const struct convert *op)
{
    int64_t n = tensor_elements(&op->x);

    return LAUNCH((convert_kernel<From, To, WIDTH>), blocks_for_packs<WIDTH>(n), THREADS, 0, stream,
                  data_of<From>(&op->x), data_of<To>(&op->y), n);
}

/* As many at once as the wider type's access holds: the other one's is half as long. */
template <typename From, typename To>
static enum status convert(struct gpu_stream *stream, const struct convert *op)
{
    return are_wide(op->x, op->y) ? convert<From, To, WIDE<float>>(stream, op)
                                  : convert<From, To, 1>(stream, op);
}

/* Between float32 and bf16, in either direction, or a copy of float32. */
extern "C" enum status cuda_convert_launch(struct gpu_stream *stream, const struct convert *op)
{
    if (op->x.dtype == DTYPE_BF16)
        return convert<bf16, float>(stream, op);
    return op->y.dtype == DTYPE_BF16 ? convert<float, bf16>(stream, op)
                                     : convert<float, float>(stream, op);
}
