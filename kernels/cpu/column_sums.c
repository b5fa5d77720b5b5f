/* Rows are walked as they lie in memory, a chunk of them to a partial sum; few rows, as a
 * classifier has, column by column without. */
#include "kernels/cpu/column_sums.h"

#include <string.h>

enum { LEAST_ROWS = 1024 }; /* of 64 chunks 16 each */

size_t column_sums_workspace(const struct tensor *values)
{
    if (tensor_rows(values) < LEAST_ROWS)
        return 0;
    return (size_t)(CPU_CHUNKS * tensor_columns(values)) * sizeof(double);
}

VECTORISED static void add_row(const float *restrict row, double *restrict sums, int64_t n)
{
#pragma omp simd
    for (int64_t k = 0; k < n; k++)
        sums[k] += (double)row[k];
}

VECTORISED static void gather_partials(const double *restrict partial, int64_t stride, int64_t n,
                                       float *restrict sums)
{
    enum { TILE = 16 };

    for (int64_t first = 0; first < n; first += TILE) {
        double totals[TILE] = {0};
        int64_t width = n - first < TILE ? n - first : TILE;
        for (int chunk = 0; chunk < CPU_CHUNKS; chunk++)
            for (int64_t k = 0; k < width; k++)
                totals[k] += partial[chunk * stride + first + k];
        for (int64_t k = 0; k < width; k++)
            sums[first + k] = (float)totals[k];
    }
}

void column_sums_gather(const double *partial, int64_t stride, int64_t n, float *sums)
{
    gather_partials(partial, stride, n, sums);
}

static void sum_few_rows(const struct queue *queue, const struct tensor *values, float *sums)
{
    enum { TILE = 16 };
    const float *all = values->data;
    int64_t n_rows = tensor_rows(values), n_columns = tensor_columns(values);

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, n_rows *n_columns))
    for (int64_t first = 0; first < n_columns; first += TILE) {
        double totals[TILE] = {0};
        int64_t n = n_columns - first < TILE ? n_columns - first : TILE;
        for (int64_t row = 0; row < n_rows; row++)
            for (int64_t j = 0; j < n; j++)
                totals[j] += (double)all[row * n_columns + first + j];
        for (int64_t j = 0; j < n; j++)
            sums[first + j] = (float)totals[j];
    }
}

void column_sums(const struct queue *queue, const struct tensor *values, void *workspace,
                 float *sums)
{
    const float *all = values->data;
    int64_t n_rows = tensor_rows(values), n = tensor_columns(values);
    double *partial = workspace;

    if (n_rows < LEAST_ROWS) {
        sum_few_rows(queue, values, sums);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, n_rows *n))
    for (int chunk = 0; chunk < CPU_CHUNKS; chunk++) {
        struct range rows = cpu_chunk(n_rows, chunk);
        memset(partial + chunk * n, 0, (size_t)n * sizeof *partial);
        for (int64_t row = rows.begin; row < rows.end; row++)
            add_row(all + row * n, partial + chunk * n, n);
    }
    column_sums_gather(partial, n, n, sums);
}
