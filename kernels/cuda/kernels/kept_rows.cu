/* Channels between a map of all filters and one of those that are not zero: bytes, no arithmetic.
 */
#include "kernels/cuda/kept_rows.h"

#include "kernels/cuda/kernels/columns.h"

constexpr int ROWS = 4; /* of a thread, whose loads are under way together */

/* Neighbouring channels of `to` come from channels that ascend: most of a warp's loads share lines.
 */
template <typename T, int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    channel_move_kernel(struct columns columns, struct channel_move op)
{
    int64_t c = first_channel<WIDTH>(), step = blockDim.y, end = end_row(columns);
    const T *from = static_cast<const T *>(op.from);
    T *to = static_cast<T *>(op.to);

    if (c >= columns.n_channels)
        return;
    int32_t source[WIDTH];
    UNROLL
    for (int j = 0; j < WIDTH; j++)
        source[j] = op.source[c + j];
    for (int64_t row = first_row(columns); row < end; row += ROWS * step) {
        pack<T, WIDTH> values[ROWS] = {};
        UNROLL
        for (int i = 0; i < ROWS; i++) {
            UNROLL
            for (int j = 0; j < WIDTH; j++)
                if (row + i * step < end && source[j] >= 0)
                    values[i].at[j] = from[(row + i * step) * op.n_from + source[j]];
        }
        UNROLL
        for (int i = 0; i < ROWS; i++)
            if (row + i * step < end)
                store_plain(to + (row + i * step) * op.n_to + c, values[i]);
    }
}

template <typename T, int WIDTH>
static enum status launch(struct gpu_stream *stream, const struct channel_move *move)
{
    struct columns columns = columns_of(move->n_pixels, move->n_to, WIDTH, ROWS);

    return LAUNCH((channel_move_kernel<T, WIDTH>), columns_grid(&columns), columns_block(&columns),
                  0, stream, columns, *move);
}

template <typename T>
static enum status launch(struct gpu_stream *stream, const struct channel_move *move)
{
    bool is_wide = move->n_to % WIDE<T> == 0 &&
                   reinterpret_cast<uintptr_t>(move->to) % sizeof(pack<T, WIDE<T>>) == 0;

    return is_wide ? launch<T, WIDE<T>>(stream, move) : launch<T, 1>(stream, move);
}

extern "C" enum status cuda_channel_move_launch(struct gpu_stream *stream,
                                                const struct channel_move *move)
{
    return move->dtype == DTYPE_BF16 ? launch<bf16>(stream, move) : launch<float>(stream, move);
}
