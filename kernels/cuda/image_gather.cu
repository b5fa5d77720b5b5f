/* Bytes of the chosen images → a normalised NHWC batch. A byte has 256 values, so each block does
 * each channel's arithmetic once per value, in float64: the same bits as on the host. */
#include "kernels/cuda/pack.h"

constexpr int BYTE_VALUES = 256, MOST_CHANNELS = 4, MOST_VALUES = MOST_CHANNELS * BYTE_VALUES;
constexpr int PIXELS_PER_BLOCK = 1024;

template <typename T> struct gather {
    const uint8_t *images;
    const int32_t *image_labels, *indices;
    const int32_t *offsets; /* or NULL */
    T *y;
    int32_t *labels;
    int64_t n_images;
    int n_channels, height, width;
    double mean[MOST_CHANNELS], std[MOST_CHANNELS];
};

struct crop {
    int dy, dx;
    bool is_flipped;
};

/* Where pixel i of the cropped image lies in the image; −1: outside, where it is black. */
template <typename T>
static __device__ __forceinline__ int source_of(const struct gather<T> &op, const struct crop &crop,
                                                int i)
{
    int h = i / op.width, w = i % op.width;
    int64_t row = (int64_t)h + crop.dy;
    int64_t column = (int64_t)(crop.is_flipped ? op.width - 1 - w : w) + crop.dx;
    bool is_inside = row >= 0 && row < op.height && column >= 0 && column < op.width;

    return is_inside ? (int)(row * op.width + column) : -1;
}

template <typename T>
static __device__ __forceinline__ void gather_image(const struct gather<T> &op, const float *values,
                                                    int64_t n)
{
    int n_pixels = op.height * op.width, begin = (int)blockIdx.x * PIXELS_PER_BLOCK;
    int end = begin + PIXELS_PER_BLOCK < n_pixels ? begin + PIXELS_PER_BLOCK : n_pixels;
    int64_t index = op.indices[n];
    const uint8_t *image = op.images + index * op.n_channels * n_pixels;
    T *y = op.y + n * op.n_channels * n_pixels;
    struct crop crop = {0, 0, false};

    if (op.offsets != nullptr)
        crop = {op.offsets[3 * n], op.offsets[3 * n + 1], op.offsets[3 * n + 2] != 0};
    if (begin == 0 && threadIdx.x == 0)
        op.labels[n] = op.image_labels[index];
    for (int i = begin + (int)threadIdx.x; i < end; i += THREADS) {
        int source = source_of(op, crop, i);
        for (int c = 0; c < op.n_channels; c++)
            y[i * op.n_channels + c] = rounded<T>(
                values[c * BYTE_VALUES + (source >= 0 ? image[c * n_pixels + source] : 0)]);
    }
}

template <typename T> static __global__ void image_gather_kernel(struct gather<T> op)
{
    SHARED(float, values, MOST_VALUES);

    for (int i = (int)threadIdx.x; i < op.n_channels * BYTE_VALUES; i += THREADS) {
        int c = i / BYTE_VALUES;
        values[i] = (float)((i % BYTE_VALUES / 255.0 - op.mean[c]) / op.std[c]);
    }
    __syncthreads();
    for (int64_t n = blockIdx.y; n < op.n_images; n += gridDim.y)
        gather_image(op, values, n);
}

template <typename T>
static enum status gather_all(struct gpu_stream *stream, const struct image_gather *op)
{
    int64_t n_images = op->y.shape[0], n_pixels = op->y.shape[1] * op->y.shape[2];
    struct gather<T> gather = {
        data_of<uint8_t>(&op->images), data_of<int32_t>(&op->image_labels),
            data_of<int32_t>(&op->indices), data_of<int32_t>(&op->offsets), data_of<T>(&op->y),
            data_of<int32_t>(&op->labels), n_images, (int)op->y.shape[3], (int)op->y.shape[1],
            (int)op->y.shape[2], {}, {},
    };
    dim3 grid((unsigned)((n_pixels + PIXELS_PER_BLOCK - 1) / PIXELS_PER_BLOCK),
              (unsigned)(n_images < MOST_ROWS_OF_BLOCKS ? n_images : MOST_ROWS_OF_BLOCKS));

    for (int c = 0; c < MOST_CHANNELS; c++) {
        gather.mean[c] = op->mean[c];
        gather.std[c] = op->std[c];
    }
    return LAUNCH(image_gather_kernel<T>, grid, THREADS, 0, stream, gather);
}

extern "C" enum status cuda_image_gather_launch(struct gpu_stream *stream,
                                                const struct image_gather *op)
{
    return BY_TYPE(op->y, gather_all);
}
