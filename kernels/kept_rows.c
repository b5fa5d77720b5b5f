/* Finding the filters that are not zero. */
#include "kernels/kept_rows.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { GRANULE = 16 }; /* a number of channels that no library has trouble with */

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
static bool pays(const struct kept_rows *rows, int64_t row_elements,
                 const struct kept_rows_rule *rule)
{
    int64_t n = rows->n, n_all = rows->n_all, lanes = rule->lanes;
    int64_t saved = rule->is_summed ? n_all - n : rounded(n_all, lanes) - rounded(n, lanes);

    return saved * row_elements > rule->multiply_adds_per_move * (2 * n + n_all);
}

/* Lists the n_nonzero filters that are not zero and enough of the others to make whole vectors. */
static void list_rows(const struct tensor *weight, int64_t n_nonzero, struct kept_rows *rows)
{
    int64_t row_elements = tensor_elements(weight) / rows->n_all;
    int64_t n =
        n_nonzero <= GRANULE / 2 ? rounded(n_nonzero, GRANULE / 2) : rounded(n_nonzero, GRANULE);
    int64_t n_zeros = (n < rows->n_all ? n : rows->n_all) - n_nonzero;

    for (int64_t k = 0; k < rows->n_all; k++) {
        bool is_left = is_zero((const float *)weight->data + k * row_elements, row_elements);
        if (is_left && n_zeros-- <= 0)
            continue;
        rows->index[rows->n++] = (int32_t)k;
    }
}

enum status kept_rows_create(const struct tensor *weight, const struct kept_rows_rule *rule,
                             struct kept_rows *out)
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
    if (pays(&rows, row_elements, rule)) {
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
