/* What the gradient's norm is limited by: squares are added in float64, by chunk and by lane, so
 * that their sum has one order whatever the processor and the number of threads. */
#include "kernels/cpu/cpu.h"

#include <math.h>

/* Chunks and tiles begin at multiples of LANES. */
enum { LANES = 16, TILE = 16 * LANES };

enum status cpu_clip_scale_prepare(struct device *device, const struct clip_scale *op,
                                   struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(CPU_CHUNKS * sizeof(double), out);
}

INLINED void add_squares(const float *values, int64_t n, double lanes[LANES])
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++)
            lanes[j] += (double)values[i + j] * (double)values[i + j];
    for (int j = 0; i < n; i++, j++)
        lanes[j] += (double)values[i] * (double)values[i];
}

/* A held element counts as 0, also where it is NaN. Tiles of values without them come first: no
 * compiler makes vectors of bytes, floats and doubles in one loop. */
INLINED void add_free_squares(const float *gradient, const uint8_t *mask, int64_t n,
                              double lanes[LANES])
{
    float values[TILE];

    for (int64_t first = 0; first < n; first += TILE) {
        int64_t width = n - first < TILE ? n - first : TILE;
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            float value = gradient[first + j];
            values[j] = mask[first + j] != 0 ? value : 0.0f;
        }
        add_squares(values, width, lanes);
    }
}

VECTORISED static double squares_of(const struct clip_scale *op, struct range range)
{
    const float *gradient = (const float *)op->gradient.data + range.begin;
    double lanes[LANES] = {0}, sum = 0.0;

    if (op->mask.data == NULL)
        add_squares(gradient, range.end - range.begin, lanes);
    else
        add_free_squares(gradient, (const uint8_t *)op->mask.data + range.begin,
                         range.end - range.begin, lanes);
    for (int j = 0; j < LANES; j++)
        sum += lanes[j];
    return sum;
}

enum status cpu_clip_scale_run(struct queue *queue, const struct prepared *prepared,
                               const struct clip_scale *op)
{
    (void)prepared;
    double *squares = op->workspace.data, sum = 0.0;
    int64_t n = tensor_elements(&op->gradient);

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, n))
    for (int i = 0; i < CPU_CHUNKS; i++)
        squares[i] = squares_of(op, cpu_chunk(n, i));
    for (int i = 0; i < CPU_CHUNKS; i++)
        sum += squares[i];
    double scale = isfinite(sum) ? op->limit / (sqrt(sum) + 1e-6) : (double)NAN;
    *(double *)op->scale.data = scale > 1.0 ? 1.0 : scale;
    return STATUS_OK;
}
