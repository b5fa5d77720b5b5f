/* Finding the filters that are not zero, and moving pixels between the whole and the smaller map.
 */
#include "kernels/cpu/kept_rows.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

/* What moving one float costs in multiply-adds: two AVX-512 cores do 100 billion of these a second
 * and move 10 billion floats to memory and back. */
enum { MULTIPLY_ADDS_PER_MOVE = 10, LANES = 16 };

static bool is_zero(const float *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (values[i] != 0.0f)
            return false;
    return true;
}

static int64_t rounded(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* The arithmetic saved per pixel must be more than what moving it between the maps costs. */
static bool pays(int64_t n_kept, int64_t n_all, int64_t row_elements, bool is_summed)
{
    int64_t saved = is_summed ? n_all - n_kept : rounded(n_all, LANES) - rounded(n_kept, LANES);

    return saved * row_elements > MULTIPLY_ADDS_PER_MOVE * (2 * n_kept + n_all);
}

/* Lists the n_nonzero filters that are not zero and enough of the others to make whole vectors. */
static void list_rows(const struct tensor *weight, int64_t n_nonzero, struct kept_rows *rows)
{
    int64_t row_elements = tensor_elements(weight) / rows->n_all;
    int64_t n = n_nonzero <= LANES / 2 ? rounded(n_nonzero, LANES / 2) : rounded(n_nonzero, LANES);
    int64_t n_zeros = (n < rows->n_all ? n : rows->n_all) - n_nonzero;

    for (int64_t k = 0; k < rows->n_all; k++) {
        bool is_left = is_zero((const float *)weight->data + k * row_elements, row_elements);
        if (is_left && n_zeros-- <= 0)
            continue;
        rows->index[rows->n++] = (int32_t)k;
    }
}

enum status kept_rows_create(const struct tensor *weight, bool is_summed, struct kept_rows *out)
{
    enum status status = STATUS_OK;
    const float *values = weight->data;
    int64_t n_all = weight->shape[0], row_elements = tensor_elements(weight) / n_all;
    struct kept_rows rows = {.n_all = n_all};
    int64_t n_nonzero = 0;

    TRY_ALLOC(rows.index, heap_alloc(n_all, sizeof *rows.index));
    for (int64_t k = 0; k < n_all; k++)
        n_nonzero += !is_zero(values + k * row_elements, row_elements);
    list_rows(weight, n_nonzero, &rows);
    if (pays(rows.n, n_all, row_elements, is_summed)) {
        TRY_ALLOC(rows.weight, heap_alloc(rows.n * row_elements, sizeof *rows.weight));
        for (int64_t j = 0; j < rows.n; j++)
            memcpy(rows.weight + j * row_elements, values + rows.index[j] * row_elements,
                   (size_t)row_elements * sizeof *values);
        *out = rows;
        return STATUS_OK;
    }
    *out = (struct kept_rows){.n = n_all, .n_all = n_all};
done:
    free(rows.index);
    free(rows.weight);
    return status;
}

void kept_rows_release(struct kept_rows *rows)
{
    free(rows->index);
    free(rows->weight);
    *rows = (struct kept_rows){0};
}

/* Static, as all that is compiled for several processors: clang exports no name for it. */
VECTORISED static void spread(const struct kept_rows *rows, const float *x, float *y,
                              struct range pixels)
{
    const int32_t *index = rows->index;
    int64_t n = rows->n, n_all = rows->n_all;

    for (int64_t i = pixels.begin; i < pixels.end; i++) {
        memset(y + i * n_all, 0, (size_t)n_all * sizeof *y);
        for (int64_t j = 0; j < n; j++)
            y[i * n_all + index[j]] = x[i * n + j];
    }
}

void kept_rows_spread(const struct kept_rows *rows, const float *x, float *y, struct range pixels)
{
    spread(rows, x, y, pixels);
}

VECTORISED static void gather(const struct kept_rows *rows, const float *x, float *y,
                              struct range pixels)
{
    const int32_t *index = rows->index;
    int64_t n = rows->n, n_all = rows->n_all;

    for (int64_t i = pixels.begin; i < pixels.end; i++)
        for (int64_t j = 0; j < n; j++)
            y[i * n + j] = x[i * n_all + index[j]];
}

void kept_rows_gather(const struct kept_rows *rows, const float *x, float *y, struct range pixels)
{
    gather(rows, x, y, pixels);
}
