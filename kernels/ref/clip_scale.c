/* What the gradient's norm is limited by, as kernels.h defines it. */
#include "kernels/ref/ref.h"

#include <math.h>

enum status ref_clip_scale_run(struct queue *queue, const struct prepared *prepared,
                               const struct clip_scale *args)
{
    const double *gradient = args->gradient.data;
    const uint8_t *mask = args->mask.data;
    double sum = 0.0;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < args->gradient.shape[0]; i++)
        if (mask == NULL || mask[i] != 0)
            sum += gradient[i] * gradient[i];
    double scale = args->limit / (sqrt(sum) + 1e-6);
    if (!isfinite(sum))
        scale = (double)NAN;
    *(double *)args->scale.data = scale > 1.0 ? 1.0 : scale;
    return STATUS_OK;
}
