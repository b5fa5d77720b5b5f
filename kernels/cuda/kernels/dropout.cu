/* Dropout without a stored mask: one Philox block gives the high bits of eight neighbouring
 * elements of a row, and the gradient computes them again. */
#include "kernels/cuda/kernels/pack.h"
#include "kernels/keep_rule.h"

#define PHILOX_FUNCTION static __device__ __forceinline__
#include "base/philox.h"

constexpr int HALVES = 8, WORDS = 4; /* of a block */

template <typename T> struct dropped {
    const T *x;
    T *y;
    const int32_t *samples, *epoch;
    int64_t n_rows, row_elements;
    struct random_key key; /* sample and epoch are read by the kernel */
    struct keep_rule rule;
};

struct drawn_bits {
    uint32_t high[HALVES], low[HALVES];
};

/* The bits of the elements from e on, a multiple of HALVES; the low ones only if any of the high
 * ones does not decide. */
static __device__ __forceinline__ struct drawn_bits
draw_from(const struct random_key *key, const struct keep_rule &rule, int64_t e)
{
    struct philox_block block = random_block(key, (uint32_t)(e / HALVES));
    struct drawn_bits draw = {};
    bool is_close = false;

    UNROLL
    for (int i = 0; i < HALVES; i++) {
        draw.high[i] = block.words[i / 2] >> 16 * (i % 2) & 0xffffu;
        is_close = is_close || draw.high[i] == rule.least_high;
    }
    if (!is_close)
        return draw;
    UNROLL
    for (int i = 0; i < HALVES; i += WORDS) {
        block = random_block(key, (uint32_t)((e + i) / WORDS) + DROPOUT_LOW_BLOCKS);
        UNROLL
        for (int j = 0; j < WORDS; j++)
            draw.low[i + j] = block.words[j];
    }
    return draw;
}

/* HALVES elements, or as many as the row has left. */
template <typename T, int WIDTH>
static __device__ __forceinline__ void drop(const struct dropped<T> &op, int64_t row, int64_t e)
{
    struct random_key key = op.key;
    int64_t left = op.row_elements - e, at = row * op.row_elements + e;

    key.sample = (uint32_t)op.samples[row];
    key.epoch = (uint32_t)*op.epoch;
    struct drawn_bits draw = draw_from(&key, op.rule, e);
    UNROLL
    for (int i = 0; i < HALVES; i += WIDTH) {
        if (i >= left)
            break;
        pack<float, WIDTH> values = load<WIDTH>(op.x + at + i);
        UNROLL
        for (int j = 0; j < WIDTH; j++) {
            bool is_kept =
                draw.high[i + j] > op.rule.least_high ||
                (draw.high[i + j] == op.rule.least_high && draw.low[i + j] >= op.rule.least_low);
            values.at[j] = is_kept ? values.at[j] * op.rule.factor : 0.0f;
        }
        store(op.y + at + i, values);
    }
}

template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS) dropout_kernel(struct dropped<T> op)
{
    for (int64_t row = blockIdx.y; row < op.n_rows; row += gridDim.y)
        for (int64_t e = first_item() * HALVES; e < op.row_elements; e += item_stride() * HALVES)
            drop<T, WIDTH>(op, row, e);
}

template <typename T>
static enum status drop_all(struct gpu_stream *stream, const struct dropout *op)
{
    int64_t n_rows = op->x.shape[0], row_elements = tensor_elements(&op->x) / n_rows;
    struct dropped<T> dropped = {
        data_of<T>(&op->x), data_of<T>(&op->y), data_of<int32_t>(&op->samples),
            data_of<int32_t>(&op->epoch), n_rows, row_elements,
            {op->seed, RANDOM_DROPOUT, op->layer, 0, 0}, keep_rule_of(op->probability),
    };
    dim3 grid(blocks_for((row_elements + HALVES - 1) / HALVES),
              (unsigned)(n_rows < MOST_ROWS_OF_BLOCKS ? n_rows : MOST_ROWS_OF_BLOCKS));

    if (row_elements % WIDE<T> == 0 && are_wide(op->x, op->y))
        return LAUNCH((dropout_kernel<T, WIDE<T>>), grid, THREADS, 0, stream, dropped);
    return LAUNCH((dropout_kernel<T, 1>), grid, THREADS, 0, stream, dropped);
}

extern "C" enum status cuda_dropout_launch(struct gpu_stream *stream, const struct dropout *op)
{
    return BY_TYPE(op->x, drop_all);
}
