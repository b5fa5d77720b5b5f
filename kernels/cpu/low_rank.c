/* Some rows of a tile of outputs at a time, whose sums begin as the addend and stay in registers.
 */
#include "kernels/cpu/low_rank.h"

#include "kernels/cpu/tile.h"

enum { ROWS = 8 }; /* of a tile each: eight chains of additions hide their latency */

static int64_t padded(int64_t n)
{
    return (n + TILE - 1) / TILE * TILE;
}

int64_t low_rank_right_elements(int64_t n_outputs, int64_t n_inputs)
{
    return n_inputs * padded(n_outputs);
}

void low_rank_right(const struct tensor *weight, float factor, float *right)
{
    int64_t n_outputs = weight->shape[0], n_inputs = tensor_columns(weight);
    const float *values = weight->data;

    for (int64_t c = 0; c < n_inputs; c++)
        for (int64_t k = 0; k < padded(n_outputs); k++)
            right[c * padded(n_outputs) + k] =
                k < n_outputs ? factor * values[k * n_inputs + c] : 0;
}

/* n_rows, a constant, rows of `lanes` outputs. */
INLINED void sum_block(const struct low_rank_sum *sum, int64_t row, int64_t column,
                       const int n_rows, int lanes)
{
    const float *x = sum->x + row * sum->n_inputs, *right = sum->right + column;
    int64_t first = row * sum->n_outputs + column, stride = padded(sum->n_outputs);
    tile_f32 sums[ROWS] = {{0}};

    if (sum->addend != NULL)
        for (int i = 0; i < n_rows; i++)
            tile_load(&sums[i], sum->addend + first + i * sum->n_outputs, lanes);
    for (int64_t c = 0; c < sum->n_inputs; c++) {
        tile_f32 values;
        tile_load(&values, right + c * stride, TILE);
        for (int i = 0; i < n_rows; i++)
            sums[i] += values * x[i * sum->n_inputs + c];
    }
    for (int i = 0; i < n_rows; i++)
        tile_store(sum->y + first + i * sum->n_outputs, &sums[i], lanes);
}

INLINED void sum_rows(const struct low_rank_sum *sum, int64_t row, const int n_rows)
{
    int64_t column = 0;

    for (; column + TILE <= sum->n_outputs; column += TILE)
        sum_block(sum, row, column, n_rows, TILE);
    if (column < sum->n_outputs)
        sum_block(sum, row, column, n_rows, (int)(sum->n_outputs - column));
}

VECTORISED static void low_rank_range(const struct low_rank_sum *sum, int64_t row, int64_t end)
{
    for (; row + ROWS <= end; row += ROWS)
        sum_rows(sum, row, ROWS);
    for (; row < end; row++)
        sum_rows(sum, row, 1);
}

void low_rank_sum(const struct queue *queue, const struct low_rank_sum *sum)
{
#pragma omp parallel for schedule(static)                                                          \
    num_threads(cpu_threads(queue, sum->n_rows * sum->n_outputs))
    for (int i = 0; i < CPU_CHUNKS; i++) {
        struct range rows = cpu_chunk(sum->n_rows, i);
        low_rank_range(sum, rows.begin, rows.end);
    }
}
