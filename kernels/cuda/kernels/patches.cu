/* Pixels to patches and back, an element a thread: where the library lacks a convolution, that it
 * runs at all counts more than how fast. */
#include "kernels/cuda/patches.h"

#include "kernels/cuda/kernels/pack.h"

/* What column `at` of a patch is: a pixel of the filter, and a channel. */
struct tap {
    int64_t r, s, c;
};

static __device__ __forceinline__ struct tap tap_of(const struct patches &op, int64_t at)
{
    return {at / (op.s * op.c), at / op.c % op.s, at % op.c};
}

template <typename T> static __global__ void patches_spread_kernel(struct patches op)
{
    const T *map = static_cast<const T *>(op.map);
    T *rows = static_cast<T *>(op.rows);
    int64_t n_rows = op.n * op.p * op.q, used = op.r * op.s * op.c;

    for (int64_t i = first_item(); i < n_rows * op.width; i += item_stride()) {
        int64_t row = i / op.width, at = i % op.width;
        struct tap tap = tap_of(op, at);
        int64_t h = row / op.q % op.p * op.stride + tap.r - op.padding;
        int64_t w = row % op.q * op.stride + tap.s - op.padding;
        bool is_inside = at < used && h >= 0 && h < op.h && w >= 0 && w < op.w;
        int64_t n = row / (op.p * op.q);
        rows[i] = is_inside ? map[((n * op.h + h) * op.w + w) * op.c + tap.c] : rounded<T>(0.0f);
    }
}

/* Every place of the filters that covers the pixel, in order: the same sum each time. */
template <typename T> static __global__ void patches_sum_kernel(struct patches op)
{
    T *map = static_cast<T *>(op.map);
    const float *rows = static_cast<const float *>(op.rows);

    for (int64_t i = first_item(); i < op.n * op.h * op.w * op.c; i += item_stride()) {
        int64_t c = i % op.c, w = i / op.c % op.w, h = i / (op.c * op.w) % op.h;
        int64_t n = i / (op.c * op.w * op.h);
        float sum = 0;
        for (int64_t r = 0; r < op.r; r++)
            for (int64_t s = 0; s < op.s; s++) {
                int64_t y = h + op.padding - r, x = w + op.padding - s;
                int64_t p = y / op.stride, q = x / op.stride;
                if (y >= 0 && x >= 0 && y % op.stride == 0 && x % op.stride == 0 && p < op.p &&
                    q < op.q)
                    sum += rows[((n * op.p + p) * op.q + q) * op.width + (r * op.s + s) * op.c + c];
            }
        map[i] = rounded<T>(sum);
    }
}

template <typename T> static __global__ void row_copy_kernel(struct row_copy op)
{
    const T *from = static_cast<const T *>(op.from);
    T *to = static_cast<T *>(op.to);

    for (int64_t i = first_item(); i < op.n_rows * op.to_width; i += item_stride()) {
        int64_t row = i / op.to_width, at = i % op.to_width;
        to[i] = at < op.from_width ? from[row * op.from_width + at] : rounded<T>(0.0f);
    }
}

template <typename T> static enum status spread(struct gpu_stream *stream, const struct patches *op)
{
    return LAUNCH((patches_spread_kernel<T>), blocks_for(op->n * op->p * op->q * op->width),
                  THREADS, 0, stream, *op);
}

template <typename T> static enum status sum(struct gpu_stream *stream, const struct patches *op)
{
    return LAUNCH((patches_sum_kernel<T>), blocks_for(op->n * op->h * op->w * op->c), THREADS, 0,
                  stream, *op);
}

template <typename T> static enum status copy(struct gpu_stream *stream, const struct row_copy *op)
{
    return LAUNCH((row_copy_kernel<T>), blocks_for(op->n_rows * op->to_width), THREADS, 0, stream,
                  *op);
}

extern "C" enum status cuda_patches_spread_launch(struct gpu_stream *stream,
                                                  const struct patches *op)
{
    return BY_TYPE(*op, spread);
}

extern "C" enum status cuda_patches_sum_launch(struct gpu_stream *stream, const struct patches *op)
{
    return BY_TYPE(*op, sum);
}

extern "C" enum status cuda_row_copy_launch(struct gpu_stream *stream, const struct row_copy *op)
{
    return BY_TYPE(*op, copy);
}
