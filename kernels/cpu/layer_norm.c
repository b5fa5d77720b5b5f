/* Layer norm, row by row: a row stays in the first-level cache while it is summed twice and written
 * once, and so does its gradient. Sums are in float64; those of weight and bias are taken per chunk
 * of rows, then in the order of the chunks. */
#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/tile.h"

#include <math.h>

/* A tile in two halves of float64. */
INLINED void widen(const tile_f32 *x, half_f64 to[2])
{
    half_f32 halves[2];

    memcpy(halves, x, sizeof halves);
    for (int i = 0; i < 2; i++)
        to[i] = __builtin_convertvector(halves[i], half_f64);
}

INLINED double lanes_sum(const half_f64 sums[2])
{
    half_f64 both = sums[0] + sums[1];

    return ((both[0] + both[4]) + (both[2] + both[6])) +
           ((both[1] + both[5]) + (both[3] + both[7]));
}

struct forward_row {
    const float *x, *residual, *weight, *bias; /* residual: or NULL */
    float *sum, *y;                            /* sum: NULL without residual */
    float mean, inverse_deviation;
    double epsilon;
    int64_t n;
};

/* Adds the residual, if any; what is normalised is at row->x afterwards. */
INLINED double row_mean(struct forward_row *row)
{
    half_f64 sums[2] = {{0}}, wide[2];

#define MEAN_TILE(c, lanes)                                                                        \
    {                                                                                              \
        tile_f32 x, residual;                                                                      \
        tile_load(&x, row->x + (c), lanes);                                                        \
        if (row->residual != NULL && row->sum != NULL) { /* both or neither */                     \
            tile_load(&residual, row->residual + (c), lanes);                                      \
            x += residual;                                                                         \
            tile_store(row->sum + (c), &x, lanes);                                                 \
        }                                                                                          \
        widen(&x, wide);                                                                           \
        sums[0] += wide[0];                                                                        \
        sums[1] += wide[1];                                                                        \
    }
    FOR_TILES_OF(row->n, MEAN_TILE);
#undef MEAN_TILE
    row->x = row->sum != NULL ? row->sum : row->x;
    return lanes_sum(sums) / (double)row->n;
}

/* Σ (x − mean)² / n, whatever mean's own rounding. */
INLINED double row_variance(const struct forward_row *row, double mean)
{
    half_f64 sums[2] = {{0}}, wide[2];
    double rest = 0.0;
    int64_t c = 0;

    for (; c + TILE <= row->n; c += TILE) {
        tile_f32 x;
        tile_load(&x, row->x + c, TILE);
        widen(&x, wide);
        for (int i = 0; i < 2; i++)
            sums[i] += (wide[i] - mean) * (wide[i] - mean);
    }
    for (; c < row->n; c++)
        rest += ((double)row->x[c] - mean) * ((double)row->x[c] - mean);
    return (lanes_sum(sums) + rest) / (double)row->n;
}

VECTORISED static void normalise_row(struct forward_row *row)
{
    double mean = row_mean(row);
    float inverse_deviation = (float)(1.0 / sqrt(row_variance(row, mean) + row->epsilon));

    row->mean = (float)mean;
    row->inverse_deviation = inverse_deviation;
#define WRITE_TILE(c, lanes)                                                                       \
    {                                                                                              \
        tile_f32 x, weight, bias;                                                                  \
        tile_load(&x, row->x + (c), lanes);                                                        \
        tile_load(&weight, row->weight + (c), lanes);                                              \
        tile_load(&bias, row->bias + (c), lanes);                                                  \
        x = (x - row->mean) * inverse_deviation * weight + bias;                                   \
        tile_store(row->y + (c), &x, lanes);                                                       \
    }
    FOR_TILES_OF(row->n, WRITE_TILE);
#undef WRITE_TILE
}

enum status cpu_layer_norm_forward_prepare(struct device *device,
                                           const struct layer_norm_forward *op,
                                           struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_layer_norm_forward_run(struct queue *queue, const struct prepared *prepared,
                                       const struct layer_norm_forward *op)
{
    (void)prepared;
    int64_t n = tensor_columns(&op->x);
    const float *x = op->x.data, *residual = op->residual.data;
    float *y = op->y.data, *sum = op->sum.data;
    float *mean = op->mean.data, *inverse_deviation = op->inverse_deviation.data;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->x)))
    for (int64_t i = 0; i < tensor_rows(&op->x); i++) {
        struct forward_row row = {.x = x + i * n,
                                  .residual = residual != NULL ? residual + i * n : NULL,
                                  .weight = op->weight.data,
                                  .bias = op->bias.data,
                                  .sum = sum != NULL ? sum + i * n : NULL,
                                  .y = y + i * n,
                                  .epsilon = op->epsilon,
                                  .n = n};
        normalise_row(&row);
        if (mean != NULL) {
            mean[i] = row.mean;
            inverse_deviation[i] = row.inverse_deviation;
        }
    }
    return STATUS_OK;
}

/* ---- the gradient ---- */

struct backward_row {
    const float *x, *d_y, *weight, *addend; /* addend: or NULL */
    float *d_x;                             /* or NULL */
    double *d_weight, *d_bias;              /* accumulated, whole tiles; or NULL */
    float mean, inverse_deviation;
    int64_t n;
};

INLINED void add_tile(double *sums, const tile_f32 *values)
{
    half_f64 wide[2], before[2];

    widen(values, wide);
    memcpy(before, sums, sizeof before);
    for (int i = 0; i < 2; i++)
        before[i] += wide[i];
    memcpy(sums, before, sizeof before);
}

/* Lanes past the end have d_y = 0 and add nothing. sums: Σ g, Σ g·x̂. */
INLINED void sum_row(const struct backward_row *row, double sums[2])
{
    half_f64 g_sums[2] = {{0}}, gx_sums[2] = {{0}}, wide[2];

#define SUM_TILE(c, lanes)                                                                         \
    {                                                                                              \
        tile_f32 x, d_y, weight;                                                                   \
        tile_load(&x, row->x + (c), lanes);                                                        \
        tile_load(&d_y, row->d_y + (c), lanes);                                                    \
        tile_load(&weight, row->weight + (c), lanes);                                              \
        x = (x - row->mean) * row->inverse_deviation;                                              \
        tile_f32 g = d_y * weight, gx = g * x, x_gradient = d_y * x;                               \
        widen(&g, wide);                                                                           \
        g_sums[0] += wide[0];                                                                      \
        g_sums[1] += wide[1];                                                                      \
        widen(&gx, wide);                                                                          \
        gx_sums[0] += wide[0];                                                                     \
        gx_sums[1] += wide[1];                                                                     \
        if (row->d_weight != NULL) {                                                               \
            add_tile(row->d_weight + (c), &x_gradient);                                            \
            add_tile(row->d_bias + (c), &d_y);                                                     \
        }                                                                                          \
    }
    FOR_TILES_OF(row->n, SUM_TILE);
#undef SUM_TILE
    sums[0] = lanes_sum(g_sums);
    sums[1] = lanes_sum(gx_sums);
}

VECTORISED static void differentiate_row(const struct backward_row *row)
{
    double sums[2];

    sum_row(row, sums);
    if (row->d_x == NULL)
        return;
    float g_mean = (float)(sums[0] / (double)row->n), gx_mean = (float)(sums[1] / (double)row->n);
#define GRADIENT_TILE(c, lanes)                                                                    \
    {                                                                                              \
        tile_f32 x, d, weight, addend;                                                             \
        tile_load(&x, row->x + (c), lanes);                                                        \
        tile_load(&d, row->d_y + (c), lanes);                                                      \
        tile_load(&weight, row->weight + (c), lanes);                                              \
        x = (x - row->mean) * row->inverse_deviation;                                              \
        d = (d * weight - g_mean - x * gx_mean) * row->inverse_deviation;                          \
        if (row->addend != NULL) {                                                                 \
            tile_load(&addend, row->addend + (c), lanes);                                          \
            d += addend;                                                                           \
        }                                                                                          \
        tile_store(row->d_x + (c), &d, lanes);                                                     \
    }
    FOR_TILES_OF(row->n, GRADIENT_TILE);
#undef GRADIENT_TILE
}

static int64_t padded(int64_t n)
{
    return (n + TILE - 1) / TILE * TILE;
}

enum status cpu_layer_norm_backward_prepare(struct device *device,
                                            const struct layer_norm_backward *op,
                                            struct prepared **out)
{
    int64_t n_sums =
        op->d_weight.data != NULL ? 2 * CPU_CHUNKS * padded(op->x.shape[op->x.n_dims - 1]) : 0;

    (void)device;
    return cpu_prepared_create((size_t)n_sums * sizeof(double), out);
}

/* `sums`: d_weight's and d_bias' of this chunk, padded; or NULL. */
static void differentiate_rows(const struct layer_norm_backward *op, struct range rows,
                               double *sums)
{
    int64_t n = tensor_columns(&op->x);
    const float *addend = op->addend.data, *mean = op->mean.data;
    const float *inverse_deviation = op->inverse_deviation.data;
    float *d_x = op->d_x.data;

    if (sums != NULL)
        memset(sums, 0, (size_t)(2 * padded(n)) * sizeof *sums);
    for (int64_t i = rows.begin; i < rows.end; i++) {
        const struct backward_row row = {.x = (const float *)op->x.data + i * n,
                                         .d_y = (const float *)op->d_y.data + i * n,
                                         .weight = op->weight.data,
                                         .addend = addend != NULL ? addend + i * n : NULL,
                                         .d_x = d_x != NULL ? d_x + i * n : NULL,
                                         .d_weight = sums,
                                         .d_bias = sums != NULL ? sums + padded(n) : NULL,
                                         .mean = mean[i],
                                         .inverse_deviation = inverse_deviation[i],
                                         .n = n};
        differentiate_row(&row);
    }
}

enum status cpu_layer_norm_backward_run(struct queue *queue, const struct prepared *prepared,
                                        const struct layer_norm_backward *op)
{
    (void)prepared;
    int64_t n_rows = tensor_rows(&op->x), n = tensor_columns(&op->x), stride = 2 * padded(n);
    double *sums = op->d_weight.data != NULL ? op->workspace.data : NULL;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, n_rows *n))
    for (int chunk = 0; chunk < CPU_CHUNKS; chunk++)
        differentiate_rows(op, cpu_chunk(n_rows, chunk),
                           sums != NULL ? sums + chunk * stride : NULL);
    if (sums != NULL) {
        column_sums_gather(sums, stride, n, op->d_weight.data);
        column_sums_gather(sums + padded(n), stride, n, op->d_bias.data);
    }
    return STATUS_OK;
}
