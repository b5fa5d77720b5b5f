/* Channels between a map of all filters and one of those that are not zero: bytes, no arithmetic.
 */
#include "kernels/cuda/kept_rows.h"

#include "kernels/cuda/columns.h"

constexpr int ROWS = 4; /* of a thread, whose loads are under way together */

/* Neighbouring channels of `to` come from channels that ascend: most of a warp's loads share lines.
 */
template <int WIDTH>
static __global__ void __launch_bounds__(THREADS)
    channel_move_kernel(struct columns columns, struct channel_move op)
{
    int64_t c = first_channel<WIDTH>(), step = blockDim.y, end = end_row(columns);

    if (c >= columns.n_channels)
        return;
    int32_t source[WIDTH];
    UNROLL
    for (int j = 0; j < WIDTH; j++)
        source[j] = op.source[c + j];
    for (int64_t row = first_row(columns); row < end; row += ROWS * step) {
        pack<float, WIDTH> values[ROWS] = {};
        UNROLL
        for (int i = 0; i < ROWS; i++) {
            UNROLL
            for (int j = 0; j < WIDTH; j++)
                if (row + i * step < end && source[j] >= 0)
                    values[i].at[j] = op.from[(row + i * step) * op.n_from + source[j]];
        }
        UNROLL
        for (int i = 0; i < ROWS; i++)
            if (row + i * step < end)
                store(op.to + (row + i * step) * op.n_to + c, values[i]);
    }
}

template <int WIDTH>
static enum status launch(struct gpu_stream *stream, const struct channel_move *move)
{
    struct columns columns = columns_of(move->n_pixels, move->n_to, WIDTH, ROWS);

    return LAUNCH(channel_move_kernel<WIDTH>, columns_grid(&columns), columns_block(&columns), 0,
                  stream, columns, *move);
}

extern "C" enum status cuda_channel_move_launch(struct gpu_stream *stream,
                                                const struct channel_move *move)
{
    bool is_wide = move->n_to % WIDE<float> == 0 &&
                   reinterpret_cast<uintptr_t>(move->to) % sizeof(pack<float, WIDE<float>>) == 0;

    return is_wide ? launch<WIDE<float>>(stream, move) : launch<1>(stream, move);
}
