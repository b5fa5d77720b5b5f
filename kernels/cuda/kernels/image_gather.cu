/* Bytes of the chosen images → a normalised NHWC batch. A byte has 256 values, so each block does
 * each channel's arithmetic once per value, in float64: the same bits as on the host. */
#include "kernels/cuda/kernels/pack.h"

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
    const int32_t *holes; /* or NULL */
    const double *mix;    /* or NULL */
    int32_t *partner_labels;
    int hole;
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

/* ---- with holes, or mixed ---- */

/* An image of the batch before it is mixed. */
struct gathered_image {
    const uint8_t *bytes;
    struct crop crop;
    int64_t hole_row, hole_column; /* where the hole begins */
};

template <typename T>
static __device__ __forceinline__ struct gathered_image picture_of(const struct gather<T> &op,
                                                                   int64_t n)
{
    struct gathered_image picture = {
        op.images + (int64_t)op.indices[n] * op.n_channels * op.height * op.width,
        {0, 0, false},
        0,
        0,
    };

    if (op.offsets != nullptr)
        picture.crop = {op.offsets[3 * n], op.offsets[3 * n + 1], op.offsets[3 * n + 2] != 0};
    if (op.holes != nullptr) {
        picture.hole_row = (int64_t)op.holes[2 * n] - op.hole / 2;
        picture.hole_column = (int64_t)op.holes[2 * n + 1] - op.hole / 2;
    }
    return picture;
}

/* Where pixel i of a picture comes from. */
struct pixel_source {
    int source; /* as source_of gives it */
    bool is_hole;
};

template <typename T>
static __device__ __forceinline__ struct pixel_source
place_of(const struct gather<T> &op, const struct gathered_image &picture, int i)
{
    int64_t row = i / op.width - picture.hole_row, column = i % op.width - picture.hole_column;
    bool is_hole =
        op.holes != nullptr && row >= 0 && row < op.hole && column >= 0 && column < op.hole;

    return {source_of(op, picture.crop, i), is_hole};
}

template <typename T>
static __device__ __forceinline__ float value_at(const struct gather<T> &op, const float *values,
                                                 const struct gathered_image &picture,
                                                 const struct pixel_source &place, int c)
{
    int byte = place.source >= 0 ? picture.bytes[c * op.height * op.width + place.source] : 0;

    return place.is_hole ? 0.0f : values[c * BYTE_VALUES + byte];
}

template <typename T>
static __device__ __forceinline__ void gather_mixed(const struct gather<T> &op, const float *values,
                                                    int64_t n)
{
    int n_pixels = op.height * op.width, begin = (int)blockIdx.x * PIXELS_PER_BLOCK;
    int end = begin + PIXELS_PER_BLOCK < n_pixels ? begin + PIXELS_PER_BLOCK : n_pixels;
    int64_t partner = n > 0 ? n - 1 : op.n_images - 1;
    struct gathered_image own = picture_of(op, n), other = picture_of(op, partner);
    float kept = op.mix != nullptr ? (float)*op.mix : 1.0f;
    float added = op.mix != nullptr ? (float)(1.0 - *op.mix) : 0.0f;
    T *y = op.y + n * op.n_channels * n_pixels;

    if (begin == 0 && threadIdx.x == 0) {
        op.labels[n] = op.image_labels[op.indices[n]];
        if (op.mix != nullptr)
            op.partner_labels[n] = op.image_labels[op.indices[partner]];
    }
    for (int i = begin + (int)threadIdx.x; i < end; i += THREADS) {
        struct pixel_source at = place_of(op, own, i), other_at = place_of(op, other, i);
        for (int c = 0; c < op.n_channels; c++) {
            float value = value_at(op, values, own, at, c);
            if (op.mix != nullptr)
                value = kept * value + added * value_at(op, values, other, other_at, c);
            y[i * op.n_channels + c] = rounded<T>(value);
        }
    }
}

template <typename T, bool IS_PLAIN> static __global__ void image_gather_kernel(struct gather<T> op)
{
    SHARED(float, values, MOST_VALUES);

    for (int i = (int)threadIdx.x; i < op.n_channels * BYTE_VALUES; i += THREADS) {
        int c = i / BYTE_VALUES;
        values[i] = (float)((i % BYTE_VALUES / 255.0 - op.mean[c]) / op.std[c]);
    }
    __syncthreads();
    for (int64_t n = blockIdx.y; n < op.n_images; n += gridDim.y) {
        if constexpr (IS_PLAIN)
            gather_image(op, values, n);
        else
            gather_mixed(op, values, n);
    }
}

template <typename T>
static enum status gather_all(struct gpu_stream *stream, const struct image_gather *op)
{
    int64_t n_images = op->y.shape[0], n_pixels = op->y.shape[1] * op->y.shape[2];
    struct gather<T> gather = {
        data_of<uint8_t>(&op->images), data_of<int32_t>(&op->image_labels),
            data_of<int32_t>(&op->indices), data_of<int32_t>(&op->offsets), data_of<T>(&op->y),
            data_of<int32_t>(&op->labels), n_images, (int)op->y.shape[3], (int)op->y.shape[1],
            (int)op->y.shape[2], {}, {}, data_of<int32_t>(&op->holes), data_of<double>(&op->mix),
            data_of<int32_t>(&op->partner_labels), op->hole,
    };
    dim3 grid((unsigned)((n_pixels + PIXELS_PER_BLOCK - 1) / PIXELS_PER_BLOCK),
              (unsigned)(n_images < MOST_ROWS_OF_BLOCKS ? n_images : MOST_ROWS_OF_BLOCKS));

    for (int c = 0; c < MOST_CHANNELS; c++) {
        gather.mean[c] = op->mean[c];
        gather.std[c] = op->std[c];
    }
    if (gather.holes == nullptr && gather.mix == nullptr)
        return LAUNCH((image_gather_kernel<T, true>), grid, THREADS, 0, stream, gather);
    return LAUNCH((image_gather_kernel<T, false>), grid, THREADS, 0, stream, gather);
}

extern "C" enum status cuda_image_gather_launch(struct gpu_stream *stream,
                                                const struct image_gather *op)
{
    return BY_TYPE(op->y, gather_all);
}
