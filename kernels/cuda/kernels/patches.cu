/* Pixels to patches and back. Patches have at most 2³⁰ elements (patches.c allows 2 GiB), which are
 * counted in 32 bits: divisions in 64 would take longer than memory does. */
#include "kernels/cuda/patches.h"

#include "kernels/cuda/kernels/pack.h"

constexpr int PACK = PATCHES_PACK; /* columns */

/* What a column of a patch is: a pixel of the filter, and a channel. */
struct tap {
    int r, s, c;
};

static __device__ __forceinline__ struct tap tap_of(const struct patches &op, int column)
{
    int c = (int)op.c, s = (int)op.s;

    return {column / (s * c), column / c % s, column % c};
}

static __device__ __forceinline__ void next_tap(const struct patches &op, struct tap *tap)
{
    tap->c++;
    if (tap->c == (int)op.c) {
        tap->c = 0;
        tap->s++;
    }
    if (tap->s == (int)op.s) {
        tap->s = 0;
        tap->r++;
    }
}

/* Where the filter of a row begins, which may be outside of its image. */
struct filter_corner {
    int n, h, w;
};

static __device__ __forceinline__ struct filter_corner corner_of(const struct patches &op, int row)
{
    int p = (int)op.p, q = (int)op.q;

    return {row / q / p, row / q % p * op.stride - op.padding, row % q * op.stride - op.padding};
}

/* A thread has PACK columns at a time, a division for all of them. */
template <typename T> static __global__ void patches_spread_kernel(struct patches op)
{
    T *rows = static_cast<T *>(op.rows);
    int row_packs = (int)op.width / PACK, n_packs = (int)(op.n * op.p * op.q) * row_packs;
    int height = (int)op.h, width = (int)op.w, n_channels = (int)op.c, r = (int)op.r;

    for (int i = (int)first_item(); i < n_packs; i += (int)item_stride()) {
        struct filter_corner corner = corner_of(op, i / row_packs);
        struct tap tap = tap_of(op, i % row_packs * PACK);
        const T *image = static_cast<const T *>(op.map) + corner.n * (op.h * op.w * op.c);
        pack<T, PACK> values;
        UNROLL
        for (int j = 0; j < PACK; j++) {
            int h = corner.h + tap.r, w = corner.w + tap.s;
            bool is_inside = tap.r < r && h >= 0 && h < height && w >= 0 && w < width;
            values.at[j] = is_inside ? image[(h * width + w) * n_channels + tap.c] : T{};
            next_tap(op, &tap);
        }
        store_plain(rows + (int64_t)i * PACK, values);
    }
}

/* The row of patches whose filter begins there, along one axis; −1: none. */
static __device__ __forceinline__ int begin_of(int at, int stride, int n)
{
    return at >= 0 && at % stride == 0 && at / stride < n ? at / stride : -1;
}

/* Every place of the filters that covers the pixel, in order: the same sum each time. */
static __device__ __forceinline__ float sum_of(const struct patches &op, const float *rows, int h,
                                               int w, int c)
{
    float sum = 0;

    for (int r = 0; r < (int)op.r; r++) {
        int p = begin_of(h + op.padding - r, op.stride, (int)op.p);
        for (int s = 0; p >= 0 && s < (int)op.s; s++) {
            int q = begin_of(w + op.padding - s, op.stride, (int)op.q);
            if (q >= 0)
                sum += rows[(p * (int)op.q + q) * op.width + (r * (int)op.s + s) * (int)op.c + c];
        }
    }
    return sum;
}

template <typename T> static __global__ void patches_sum_kernel(struct patches op)
{
    int n_channels = (int)op.c, width = (int)op.w, n_elements = (int)(op.h * op.w * op.c);

    for (int64_t n = blockIdx.y; n < op.n; n += gridDim.y) {
        const float *rows = static_cast<const float *>(op.rows) + n * op.p * op.q * op.width;
        T *image = static_cast<T *>(op.map) + n * n_elements;
        for (int i = (int)first_item(); i < n_elements; i += (int)item_stride()) {
            int pixel = i / n_channels;
            image[i] = rounded<T>(sum_of(op, rows, pixel / width, pixel % width, i % n_channels));
        }
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
    return LAUNCH((patches_spread_kernel<T>), blocks_for(op->n * op->p * op->q * op->width / PACK),
                  THREADS, 0, stream, *op);
}

template <typename T> static enum status sum(struct gpu_stream *stream, const struct patches *op)
{
    dim3 grid(blocks_for(op->h * op->w * op->c),
              (unsigned)(op->n < MOST_ROWS_OF_BLOCKS ? op->n : MOST_ROWS_OF_BLOCKS));

    return LAUNCH((patches_sum_kernel<T>), grid, THREADS, 0, stream, *op);
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
