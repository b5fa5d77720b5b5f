/* Batch norm's four parts. Rows (pixels) are walked in blocks that stay in the first-level cache,
 * channels in tiles of 16; sums are taken per chunk of rows, in float64, and then in the order of
 * the chunks. */
#include "kernels/cpu/cpu.h"

#include <math.h>
#include <string.h>

enum { TILE = 16, BLOCK_ROWS = 64, LEAST_ROWS = 4 };
enum { BLOCK_ELEMENTS = 64 * BLOCK_ROWS }; /* 16 KiB: as many as 64 channels have */

typedef float tile_f32 __attribute__((vector_size(TILE * sizeof(float))));
typedef int32_t tile_i32 __attribute__((vector_size(TILE * sizeof(int32_t))));
typedef float half_f32 __attribute__((vector_size(TILE / 2 * sizeof(float))));
typedef double half_f64 __attribute__((vector_size(TILE / 2 * sizeof(double))));

struct norm_shape {
    int64_t n_rows, n_channels, n_padded; /* n_padded: channels, rounded up to whole tiles */
    int64_t block_rows;
};

static struct norm_shape norm_shape_of(const struct tensor *x)
{
    int64_t n_channels = x->shape[x->n_dims - 1];
    return (struct norm_shape){tensor_elements(x) / n_channels, n_channels,
                               (n_channels + TILE - 1) / TILE * TILE, BLOCK_ROWS};
}

/* For a single stream of many channels: its cache lines are then touched side by side (resnet50's
 * statistics 92 → 66 ms; with more streams than one it does not pay). */
static void use_low_blocks(struct norm_shape *shape)
{
    int64_t rows = BLOCK_ELEMENTS / shape->n_padded;
    shape->block_rows = rows > BLOCK_ROWS ? BLOCK_ROWS : rows < LEAST_ROWS ? LEAST_ROWS : rows;
}

/* A corner of [rows, channels]: the first pixel's `lanes` channels and how far the next is. */
struct corner {
    int64_t offset, n_rows, stride;
    int lanes; /* <= TILE */
};

INLINED void load(tile_f32 *to, const float *from, int lanes)
{
    *to = (tile_f32){0};
    memcpy(to, from, (size_t)lanes * sizeof *from);
}

INLINED void store(float *to, const tile_f32 *from, int lanes)
{
    memcpy(to, from, (size_t)lanes * sizeof *to);
}

/* Zeroes the value where the comparison does not hold. Vectors go by address: how they are passed
 * by value depends on the processor. */
INLINED void keep_where(const tile_i32 *holds, tile_f32 *value)
{
    *value = (tile_f32)((tile_i32)*value & *holds);
}

/* Calls tile(argument, corner, first channel) over a range of rows; whole tiles as a constant, so
 * that they compile to whole vectors. */
#define FOR_TILES(shape, rows, tile, argument)                                                     \
    for (int64_t row_ = (rows).begin; row_ < (rows).end; row_ += (shape)->block_rows)              \
        for (int64_t c_ = 0; c_ < (shape)->n_channels; c_ += TILE) {                               \
            int64_t left_ = (rows).end - row_, width_ = (shape)->n_channels - c_;                  \
            int64_t n_ = left_ < (shape)->block_rows ? left_ : (shape)->block_rows;                \
            struct corner corner_ = {row_ * (shape)->n_channels + c_, n_, (shape)->n_channels,     \
                                     TILE};                                                        \
            if (width_ >= TILE) {                                                                  \
                tile(argument, &corner_, c_);                                                      \
            } else {                                                                               \
                corner_.lanes = (int)width_;                                                       \
                tile(argument, &corner_, c_);                                                      \
            }                                                                                      \
        }

/* ---- sums over rows ---- */

struct sums {
    const float *x, *d_y, *mean;
    const float *y, *addend; /* NULL: no ReLU, d_y in one part */
    float *d;                /* or NULL */
    double *first, *second;  /* [n_padded] accumulated */
};

/* first += Σ (x − x₀), second += Σ (x − x₀)², where x₀ is the tensor's first row: shifted, so that
 * a mean far from zero costs no digits. */
INLINED void statistics_tile(const struct sums *sums, const struct corner *corner, int64_t c)
{
    int lanes = corner->lanes;
    const float *x = sums->x + corner->offset;
    half_f32 values[2] = {{0}};
    half_f64 shift[2], first[2], second[2];

    memcpy(values, sums->x + c, (size_t)lanes * sizeof(float));
    memcpy(first, sums->first + c, sizeof first);
    memcpy(second, sums->second + c, sizeof second);
    for (int i = 0; i < 2; i++)
        shift[i] = __builtin_convertvector(values[i], half_f64);
    for (int64_t row = 0; row < corner->n_rows; row++) {
        memcpy(values, x + row * corner->stride, (size_t)lanes * sizeof(float));
        for (int i = 0; i < 2; i++) {
            half_f64 value = __builtin_convertvector(values[i], half_f64) - shift[i];
            first[i] += value;
            second[i] += value * value;
        }
    }
    memcpy(sums->first + c, first, sizeof first);
    memcpy(sums->second + c, second, sizeof second);
}

/* first += Σ d·(x − mean), second += Σ d; float32 within a block of rows. */
INLINED void gradient_sums_tile(const struct sums *sums, const struct corner *corner, int64_t c)
{
    int lanes = corner->lanes;
    const float *y = sums->y, *addend = sums->addend;
    float *d = sums->d;
    tile_f32 mean, x, gradient, other, first = {0}, second = {0};
    tile_i32 holds;

    load(&mean, sums->mean + c, lanes);
    for (int64_t row = 0; row < corner->n_rows; row++) {
        int64_t offset = corner->offset + row * corner->stride;
        load(&x, sums->x + offset, lanes);
        load(&gradient, sums->d_y + offset, lanes);
        if (addend != NULL) {
            load(&other, addend + offset, lanes);
            gradient += other;
        }
        if (y != NULL) {
            load(&other, y + offset, lanes);
            holds = other > 0.0f;
            keep_where(&holds, &gradient);
        }
        if (d != NULL)
            store(d + offset, &gradient, lanes);
        first += gradient * (x - mean);
        second += gradient;
    }
    for (int j = 0; j < TILE; j++) {
        sums->first[c + j] += (double)first[j];
        sums->second[c + j] += (double)second[j];
    }
}

VECTORISED static void statistics_rows(const struct norm_shape *shape, struct range rows,
                                       const struct sums *sums){
    FOR_TILES(shape, rows, statistics_tile, sums)}

VECTORISED static void gradient_sums_rows(const struct norm_shape *shape, struct range rows,
                                          const struct sums *sums)
{
    FOR_TILES(shape, rows, gradient_sums_tile, sums)
}

static size_t sums_bytes(const struct norm_shape *shape)
{
    return (size_t)(CPU_CHUNKS * 2 * shape->n_padded) * sizeof(double);
}

/* Sums every chunk of rows on its own, then the chunks in order: the totals are the first chunk's.
 */
static void sums_run(const struct queue *queue, const struct norm_shape *shape,
                     const struct sums *inputs, double *workspace)
{
    int64_t n_padded = shape->n_padded;

#pragma omp parallel for schedule(static)                                                          \
    num_threads(cpu_threads(queue, shape->n_rows * shape->n_channels))
    for (int i = 0; i < CPU_CHUNKS; i++) {
        struct sums sums = *inputs;
        sums.first = workspace + i * 2 * n_padded;
        sums.second = sums.first + n_padded;
        memset(sums.first, 0, (size_t)(2 * n_padded) * sizeof *sums.first);
        if (sums.d_y == NULL)
            statistics_rows(shape, cpu_chunk(shape->n_rows, i), &sums);
        else
            gradient_sums_rows(shape, cpu_chunk(shape->n_rows, i), &sums);
    }
    for (int i = 1; i < CPU_CHUNKS; i++)
        for (int64_t c = 0; c < 2 * n_padded; c++)
            workspace[c] += workspace[i * 2 * n_padded + c];
}

enum status cpu_batch_norm_statistics_prepare(struct device *device,
                                              const struct batch_norm_statistics *op,
                                              struct prepared **out)
{
    (void)device;
    struct norm_shape shape = norm_shape_of(&op->x);
    if (shape.n_rows < 2)
        return fail(STATUS_BAD_CONFIG,
                    "batch norm needs at least 2 values per channel to have a variance, got %lld",
                    (long long)shape.n_rows);
    return cpu_prepared_create(sums_bytes(&shape), out);
}

static float running_value(float old, double value, double momentum)
{
    return (float)((1.0 - momentum) * (double)old + momentum * value);
}

enum status cpu_batch_norm_statistics_run(struct queue *queue, const struct prepared *prepared,
                                          const struct batch_norm_statistics *op)
{
    (void)prepared;
    struct norm_shape shape = norm_shape_of(&op->x);
    struct sums inputs = {.x = op->x.data};
    const double *totals = op->workspace.data;
    float *mean = op->mean.data, *variance = op->variance.data;
    float *running_mean = op->running_mean.data, *running_variance = op->running_variance.data;
    double n_rows = (double)shape.n_rows;

    use_low_blocks(&shape);
    sums_run(queue, &shape, &inputs, op->workspace.data);
    for (int64_t c = 0; c < shape.n_channels; c++) {
        double first = totals[c], second = totals[shape.n_padded + c];
        double centre = (double)inputs.x[c] + first / n_rows;
        double squares = second - first * first / n_rows;
        squares = squares < 0.0 ? 0.0 : squares;
        mean[c] = (float)centre;
        variance[c] = (float)(squares / n_rows);
        if (running_mean == NULL)
            continue;
        running_mean[c] = running_value(running_mean[c], centre, op->momentum);
        running_variance[c] =
            running_value(running_variance[c], squares / (n_rows - 1.0), op->momentum);
    }
    return STATUS_OK;
}

enum status cpu_batch_norm_gradient_sums_prepare(struct device *device,
                                                 const struct batch_norm_gradient_sums *op,
                                                 struct prepared **out)
{
    (void)device;
    struct norm_shape shape = norm_shape_of(&op->x);
    return cpu_prepared_create(sums_bytes(&shape), out);
}

/* 1 / √(variance + epsilon) */
static double inverse_deviation(float variance, double epsilon)
{
    return 1.0 / sqrt((double)variance + epsilon);
}

enum status cpu_batch_norm_gradient_sums_run(struct queue *queue, const struct prepared *prepared,
                                             const struct batch_norm_gradient_sums *op)
{
    (void)prepared;
    struct norm_shape shape = norm_shape_of(&op->x);
    struct sums inputs = {
        .x = op->x.data,
        .d_y = op->d_y.data,
        .mean = op->mean.data,
        .y = op->y.data,
        .addend = op->addend.data,
        .d = op->d.data,
    };
    const double *totals = op->workspace.data;
    const float *variance = op->variance.data;
    float *d_weight = op->d_weight.data, *d_bias = op->d_bias.data;

    sums_run(queue, &shape, &inputs, op->workspace.data);
    for (int64_t c = 0; c < shape.n_channels; c++) {
        d_weight[c] = (float)(totals[c] * inverse_deviation(variance[c], op->epsilon));
        d_bias[c] = (float)totals[shape.n_padded + c];
    }
    return STATUS_OK;
}

/* ---- element by element ---- */

/* A straight line per channel: of x going forward, of x and d_y going back. */
struct channel_lines {
    const float *x, *d_y, *mean, *residual;
    float *to;
    bool has_relu;
    float *slope, *scale, *offset; /* [n_padded], in the workspace */
};

static struct channel_lines line_of(struct span workspace, int64_t n_padded)
{
    float *memory = workspace.data;
    return (struct channel_lines){
        .slope = memory, .scale = memory + n_padded, .offset = memory + 2 * n_padded};
}

static size_t line_bytes(const struct norm_shape *shape)
{
    return (size_t)(3 * shape->n_padded) * sizeof(float);
}

/* to = (x − mean)·slope + offset, + residual, ReLU */
INLINED void apply_tile(const struct channel_lines *line, const struct corner *corner, int64_t c)
{
    int lanes = corner->lanes;
    const float *residual = line->residual;
    bool has_relu = line->has_relu;
    tile_f32 mean, slope, offset, x, other;
    tile_i32 holds;

    load(&mean, line->mean + c, lanes);
    load(&slope, line->slope + c, TILE);
    load(&offset, line->offset + c, TILE);
    for (int64_t row = 0; row < corner->n_rows; row++) {
        int64_t position = corner->offset + row * corner->stride;
        load(&x, line->x + position, lanes);
        x = (x - mean) * slope + offset;
        if (residual != NULL) {
            load(&other, residual + position, lanes);
            x += other;
        }
        if (has_relu) {
            holds = ~(x <= 0.0f); /* NaN stays */
            keep_where(&holds, &x);
        }
        store(line->to + position, &x, lanes);
    }
}

/* to = scale·(d_y − offset − (x − mean)·slope) */
INLINED void gradient_apply_tile(const struct channel_lines *line, const struct corner *corner,
                                 int64_t c)
{
    int lanes = corner->lanes;
    tile_f32 mean, slope, scale, offset, x, d_y;

    load(&mean, line->mean + c, lanes);
    load(&slope, line->slope + c, TILE);
    load(&scale, line->scale + c, TILE);
    load(&offset, line->offset + c, TILE);
    for (int64_t row = 0; row < corner->n_rows; row++) {
        int64_t position = corner->offset + row * corner->stride;
        load(&x, line->x + position, lanes);
        load(&d_y, line->d_y + position, lanes);
        x = scale * (d_y - offset - (x - mean) * slope);
        store(line->to + position, &x, lanes);
    }
}

/* Constant statistics: to = d_y·scale */
INLINED void gradient_scale_tile(const struct channel_lines *line, const struct corner *corner,
                                 int64_t c)
{
    int lanes = corner->lanes;
    tile_f32 scale, d_y;

    load(&scale, line->scale + c, TILE);
    for (int64_t row = 0; row < corner->n_rows; row++) {
        int64_t position = corner->offset + row * corner->stride;
        load(&d_y, line->d_y + position, lanes);
        d_y *= scale;
        store(line->to + position, &d_y, lanes);
    }
}

VECTORISED static void apply_rows(const struct norm_shape *shape, struct range rows,
                                  const struct channel_lines *line){
    FOR_TILES(shape, rows, apply_tile, line)}

VECTORISED static void gradient_apply_rows(const struct norm_shape *shape, struct range rows,
                                           const struct channel_lines *line){
    FOR_TILES(shape, rows, gradient_apply_tile, line)}

VECTORISED static void gradient_scale_rows(const struct norm_shape *shape, struct range rows,
                                           const struct channel_lines *line)
{
    FOR_TILES(shape, rows, gradient_scale_tile, line)
}

enum status cpu_batch_norm_apply_prepare(struct device *device, const struct batch_norm_apply *op,
                                         struct prepared **out)
{
    (void)device;
    struct norm_shape shape = norm_shape_of(&op->x);
    return cpu_prepared_create(line_bytes(&shape), out);
}

enum status cpu_batch_norm_apply_run(struct queue *queue, const struct prepared *prepared,
                                     const struct batch_norm_apply *op)
{
    (void)prepared;
    struct norm_shape shape = norm_shape_of(&op->x);
    struct channel_lines line = line_of(op->workspace, shape.n_padded);
    const float *variance = op->variance.data, *weight = op->weight.data, *bias = op->bias.data;

    line.x = op->x.data;
    line.mean = op->mean.data;
    line.residual = op->residual.data;
    line.has_relu = op->has_relu;
    line.to = op->y.data;
    for (int64_t c = 0; c < shape.n_channels; c++) {
        line.slope[c] = (float)((double)weight[c] * inverse_deviation(variance[c], op->epsilon));
        line.offset[c] = bias[c];
    }
#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->x)))
    for (int i = 0; i < CPU_CHUNKS; i++)
        apply_rows(&shape, cpu_chunk(shape.n_rows, i), &line);
    return STATUS_OK;
}

enum status cpu_batch_norm_gradient_apply_prepare(struct device *device,
                                                  const struct batch_norm_gradient_apply *op,
                                                  struct prepared **out)
{
    (void)device;
    struct norm_shape shape = norm_shape_of(&op->x);
    return cpu_prepared_create(line_bytes(&shape), out);
}

enum status cpu_batch_norm_gradient_apply_run(struct queue *queue, const struct prepared *prepared,
                                              const struct batch_norm_gradient_apply *op)
{
    (void)prepared;
    struct norm_shape shape = norm_shape_of(&op->x);
    struct channel_lines line = line_of(op->workspace, shape.n_padded);
    const float *variance = op->variance.data, *weight = op->weight.data;
    const float *d_weight = op->d_weight.data, *d_bias = op->d_bias.data;
    double n_rows = (double)shape.n_rows;

    line.x = op->x.data;
    line.d_y = op->d_y.data;
    line.mean = op->mean.data;
    line.to = op->d_x.data;
    for (int64_t c = 0; c < shape.n_channels; c++) {
        double inverse = inverse_deviation(variance[c], op->epsilon);
        line.scale[c] = (float)((double)weight[c] * inverse);
        if (d_weight == NULL)
            continue;
        line.slope[c] = (float)((double)d_weight[c] / n_rows * inverse);
        line.offset[c] = (float)((double)d_bias[c] / n_rows);
    }
#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->x)))
    for (int i = 0; i < CPU_CHUNKS; i++) {
        if (d_weight == NULL)
            gradient_scale_rows(&shape, cpu_chunk(shape.n_rows, i), &line);
        else
            gradient_apply_rows(&shape, cpu_chunk(shape.n_rows, i), &line);
    }
    return STATUS_OK;
}
