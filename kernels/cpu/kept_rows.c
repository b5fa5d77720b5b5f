/* Pixels on their way between the whole and the smaller map. */
#include "kernels/cpu/kept_rows.h"

#include <string.h>

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
