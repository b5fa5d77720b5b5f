/* The "option A" shortcut: every second pixel, zero channels on both sides; and its gradient. */
#include "kernels/cuda/pack.h"

/* The large map [H, W, C] and the small one [P, Q, K] of one image; channels in packs. */
struct shortcut {
    int height, width, n_channels;
    int small_width, n_small_channels, margin;
    int n_packs; /* of what is written, in one image */
    int64_t n_images;
};

template <int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    shortcut_pad_forward_kernel(struct shortcut shape, const float *x, float *y)
{
    int packs_per_pixel = shape.n_small_channels / WIDTH;

    for (int64_t n = blockIdx.y; n < shape.n_images; n += gridDim.y)
        for (int i = (int)first_item(); i < shape.n_packs; i += (int)item_stride()) {
            int pixel = i / packs_per_pixel, c = i % packs_per_pixel * WIDTH - shape.margin;
            int h = 2 * (pixel / shape.small_width), w = 2 * (pixel % shape.small_width);
            pack<float, WIDTH> value = {};
            if (c >= 0 && c < shape.n_channels)
                value = load<WIDTH>(
                    x + ((n * shape.height + h) * shape.width + w) * shape.n_channels + c);
            store(y + (n * shape.n_packs + i) * WIDTH, value);
        }
}

template <int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    shortcut_pad_backward_kernel(struct shortcut shape, const float *d_y, float *d_x)
{
    int packs_per_pixel = shape.n_channels / WIDTH, small_height = (shape.height + 1) / 2;

    for (int64_t n = blockIdx.y; n < shape.n_images; n += gridDim.y)
        for (int i = (int)first_item(); i < shape.n_packs; i += (int)item_stride()) {
            int pixel = i / packs_per_pixel, c = i % packs_per_pixel * WIDTH;
            int h = pixel / shape.width, w = pixel % shape.width;
            int64_t row = n * small_height + h / 2;
            pack<float, WIDTH> value = {};
            if (h % 2 == 0 && w % 2 == 0)
                value =
                    load<WIDTH>(d_y + (row * shape.small_width + w / 2) * shape.n_small_channels +
                                shape.margin + c);
            store(d_x + (n * shape.n_packs + i) * WIDTH, value);
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

template <int WIDTH>
static enum status forward(struct gpu_stream *stream, const struct shortcut_pad_forward *op)
{
    struct shortcut shape = shortcut_of(&op->x, &op->y);

    shape.n_packs = (int)(tensor_elements(&op->y) / shape.n_images / WIDTH);
    return LAUNCH(shortcut_pad_forward_kernel<WIDTH>, grid_of(&shape), THREADS, 0, stream, shape,
                  data_of<float>(&op->x), data_of<float>(&op->y));
}

template <int WIDTH>
static enum status backward(struct gpu_stream *stream, const struct shortcut_pad_backward *op)
{
    struct shortcut shape = shortcut_of(&op->d_x, &op->d_y);

    shape.n_packs = (int)(tensor_elements(&op->d_x) / shape.n_images / WIDTH);
    return LAUNCH(shortcut_pad_backward_kernel<WIDTH>, grid_of(&shape), THREADS, 0, stream, shape,
                  data_of<float>(&op->d_y), data_of<float>(&op->d_x));
}

/* Packs must not straddle the edge between zeros and values. */
static bool is_wide(const struct tensor *large, const struct tensor *small)
{
    int64_t n_channels = large->shape[3], margin = (small->shape[3] - n_channels) / 2;

    return n_channels % WIDE == 0 && margin % WIDE == 0 && are_wide(*large, *small);
}

extern "C" enum status cuda_shortcut_pad_forward_launch(struct gpu_stream *stream,
                                                        const struct shortcut_pad_forward *op)
{
    return is_wide(&op->x, &op->y) ? forward<WIDE>(stream, op) : forward<1>(stream, op);
}

extern "C" enum status cuda_shortcut_pad_backward_launch(struct gpu_stream *stream,
                                                         const struct shortcut_pad_backward *op)
{
    return is_wide(&op->d_x, &op->d_y) ? backward<WIDE>(stream, op) : backward<1>(stream, op);
}
