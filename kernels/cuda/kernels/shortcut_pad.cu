/* The "option A" shortcut: every second pixel, zero channels on both sides; and its gradient. */
#include "kernels/cuda/kernels/pack.h"

/* The large map [H, W, C] and the small one [P, Q, K] of one image; channels in packs. */
struct shortcut {
    int height, width, n_channels;
    int small_width, n_small_channels, margin;
    int n_packs; /* of what is written, in one image */
    int64_t n_images;
};

template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    shortcut_pad_forward_kernel(struct shortcut shape, const T *x, T *y)
{
    int packs_per_pixel = shape.n_small_channels / WIDTH;

    for (int64_t n = blockIdx.y; n < shape.n_images; n += gridDim.y)
        for (int i = (int)first_item(); i < shape.n_packs; i += (int)item_stride()) {
            int pixel = i / packs_per_pixel, c = i % packs_per_pixel * WIDTH - shape.margin;
            int h = 2 * (pixel / shape.small_width), w = 2 * (pixel % shape.small_width);
            pack<T, WIDTH> value = {};
            if (c >= 0 && c < shape.n_channels)
                value = load_plain<WIDTH>(
                    x + ((n * shape.height + h) * shape.width + w) * shape.n_channels + c);
            store_plain(y + (n * shape.n_packs + i) * WIDTH, value);
        }
}

template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    shortcut_pad_backward_kernel(struct shortcut shape, const T *d_y, T *d_x)
{
    int packs_per_pixel = shape.n_channels / WIDTH, small_height = (shape.height + 1) / 2;

    for (int64_t n = blockIdx.y; n < shape.n_images; n += gridDim.y)
        for (int i = (int)first_item(); i < shape.n_packs; i += (int)item_stride()) {
            int pixel = i / packs_per_pixel, c = i % packs_per_pixel * WIDTH;
            int h = pixel / shape.width, w = pixel % shape.width;
            int64_t row = n * small_height + h / 2;
            pack<T, WIDTH> value = {};
            if (h % 2 == 0 && w % 2 == 0)
                value = load_plain<WIDTH>(
                    d_y + (row * shape.small_width + w / 2) * shape.n_small_channels +
                    shape.margin + c);
            store_plain(d_x + (n * shape.n_packs + i) * WIDTH, value);
        }
}

static struct shortcut shortcut_of(const struct tensor *large, const struct tensor *small)
{
    const int64_t *l = large->shape, *s = small->shape;

    return {(int)l[1], (int)l[2], (int)l[3], (int)s[2], (int)s[3], (int)(s[3] - l[3]) / 2, 0, l[0]};
}

static dim3 grid_of(const struct shortcut *shape)
{
    return dim3(
        blocks_for(shape->n_packs),
        (unsigned)(shape->n_images < MOST_ROWS_OF_BLOCKS ? shape->n_images : MOST_ROWS_OF_BLOCKS));
}

template <typename T, int WIDTH>
static enum status forward(struct gpu_stream *stream, const struct shortcut_pad_forward *op)
{
    struct shortcut shape = shortcut_of(&op->x, &op->y);

    shape.n_packs = (int)(tensor_elements(&op->y) / shape.n_images / WIDTH);
    return LAUNCH((shortcut_pad_forward_kernel<T, WIDTH>), grid_of(&shape), THREADS, 0, stream,
                  shape, data_of<T>(&op->x), data_of<T>(&op->y));
}

template <typename T, int WIDTH>
static enum status backward(struct gpu_stream *stream, const struct shortcut_pad_backward *op)
{
    struct shortcut shape = shortcut_of(&op->d_x, &op->d_y);

    shape.n_packs = (int)(tensor_elements(&op->d_x) / shape.n_images / WIDTH);
    return LAUNCH((shortcut_pad_backward_kernel<T, WIDTH>), grid_of(&shape), THREADS, 0, stream,
                  shape, data_of<T>(&op->d_y), data_of<T>(&op->d_x));
}

/* Packs must not straddle the edge between zeros and values. */
template <typename T> static bool is_wide(const struct tensor *large, const struct tensor *small)
{
    int64_t n_channels = large->shape[3], margin = (small->shape[3] - n_channels) / 2;

    return n_channels % WIDE<T> == 0 && margin % WIDE<T> == 0 && are_wide(*large, *small);
}

template <typename T>
static enum status forward(struct gpu_stream *stream, const struct shortcut_pad_forward *op)
{
    return is_wide<T>(&op->x, &op->y) ? forward<T, WIDE<T>>(stream, op) : forward<T, 1>(stream, op);
}

template <typename T>
static enum status backward(struct gpu_stream *stream, const struct shortcut_pad_backward *op)
{
    return is_wide<T>(&op->d_x, &op->d_y) ? backward<T, WIDE<T>>(stream, op)
                                          : backward<T, 1>(stream, op);
}

extern "C" enum status cuda_shortcut_pad_forward_launch(struct gpu_stream *stream,
                                                        const struct shortcut_pad_forward *op)
{
    return BY_TYPE(op->x, forward);
}

extern "C" enum status cuda_shortcut_pad_backward_launch(struct gpu_stream *stream,
                                                         const struct shortcut_pad_backward *op)
{
    return BY_TYPE(op->d_x, backward);
}
