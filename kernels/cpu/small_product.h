/* Products of matrices that fit into the second-level cache, as one head of attention has them. */
#ifndef KERNELS_CPU_SMALL_PRODUCT_H
#define KERNELS_CPU_SMALL_PRODUCT_H

#include "kernels/cpu/tile.h"

enum { PRODUCT_COLUMNS = 2 * TILE, PRODUCT_ROWS = 8 };

/* out[i, j] = Σ_k left(i, k) · right[k, j]; left(i, k) = left[i·row_step + k·step], so that it may
 * be read transposed. n_columns is a multiple of PRODUCT_COLUMNS. */
struct small_product {
    const float *left;
    int64_t row_step, step;
    const float *right;
    int64_t right_stride;
    float *out;
    int64_t out_stride;
    int64_t n_rows, n_columns, n_sums;
};

/* PRODUCT_COLUMNS columns of n_rows rows, a constant: all sums stay in registers. */
INLINED void product_block(const struct small_product *product, int64_t row, int64_t column,
                           const int n_rows)
{
    tile_f32 left_sums[PRODUCT_ROWS] = {{0}}, right_sums[PRODUCT_ROWS] = {{0}};
    const float *left = product->left + row * product->row_step;
    const float *right = product->right + column;
    float *out = product->out + row * product->out_stride + column;

    for (int64_t k = 0; k < product->n_sums;
         k++) { /* tile by tile: larger copies leave registers */
        tile_f32 first, second;
        tile_load(&first, right + k * product->right_stride, TILE);
        tile_load(&second, right + k * product->right_stride + TILE, TILE);
        for (int i = 0; i < n_rows; i++) {
            float value = left[i * product->row_step + k * product->step];
            left_sums[i] += first * value;
            right_sums[i] += second * value;
        }
    }
    for (int i = 0; i < n_rows; i++) {
        tile_store(out + i * product->out_stride, &left_sums[i], TILE);
        tile_store(out + i * product->out_stride + TILE, &right_sums[i], TILE);
    }
}

INLINED void small_product(const struct small_product *product)
{
    for (int64_t column = 0; column < product->n_columns; column += PRODUCT_COLUMNS) {
        int64_t row = 0;
        for (; row + PRODUCT_ROWS <= product->n_rows; row += PRODUCT_ROWS)
            product_block(product, row, column, PRODUCT_ROWS);
        for (; row + 4 <= product->n_rows; row += 4)
            product_block(product, row, column, 4);
        for (; row < product->n_rows; row++)
            product_block(product, row, column, 1);
    }
}

#endif
