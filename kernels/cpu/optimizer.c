/* SGD and Adam steps on flat vectors, in PyTorch's order of operations: scalars in float64, then
 * every element in float32. */
#include "kernels/cpu/cpu.h"

#include <math.h>

/* Of an optional vector of flags: is flag i other than 0? Absent: all are. */
INLINED bool is_set(const uint8_t *flags, int64_t i)
{
    return flags == NULL || flags[i] != 0;
}

static float factor_of(const struct tensor *scale)
{
    return scale->data != NULL ? (float)*(const double *)scale->data : 1.0f;
}

struct sgd_scalars {
    float factor, decay, momentum, rate;
    bool is_first, has_velocity, is_nesterov;
};

/* Inlined where mask or decays is NULL for sure, so that the loop looks at neither. */
INLINED void sgd_loop(const struct sgd_step *op, const struct sgd_scalars *scalars,
                      struct range range, const uint8_t *mask, const uint8_t *decays)
{
    const float *gradient = op->gradient.data;
    float *parameter = op->parameter.data, *velocity = op->velocity.data;
    struct sgd_scalars s = *scalars;

#pragma omp simd
    for (int64_t i = range.begin; i < range.end; i++) {
        bool is_free = is_set(mask, i);
        float decay = is_set(decays, i) ? s.decay : 0.0f;
        float step = s.factor * gradient[i] + decay * parameter[i];
        if (s.has_velocity) {
            float kept = s.is_first ? step : s.momentum * velocity[i] + step;
            velocity[i] = is_free ? kept : velocity[i];
            step = s.is_nesterov ? step + s.momentum * kept : kept;
        }
        parameter[i] = is_free ? parameter[i] - s.rate * step : parameter[i];
    }
}

VECTORISED static void sgd_range(const struct sgd_step *op, const struct sgd_scalars *scalars,
                                 struct range range)
{
    const uint8_t *mask = op->mask.data, *decays = op->decays.data;

    if (mask == NULL && decays == NULL)
        sgd_loop(op, scalars, range, NULL, NULL);
    else if (mask == NULL)
        sgd_loop(op, scalars, range, NULL, decays);
    else if (decays == NULL)
        sgd_loop(op, scalars, range, mask, NULL);
    else
        sgd_loop(op, scalars, range, mask, decays);
}

enum status cpu_sgd_step_prepare(struct device *device, const struct sgd_step *op,
                                 struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_sgd_step_run(struct queue *queue, const struct prepared *prepared,
                             const struct sgd_step *op)
{
    (void)prepared;
    const double *rates = op->rates.data;
    int64_t n = tensor_elements(&op->parameter);
    struct sgd_scalars scalars = {
        .factor = factor_of(&op->scale),
        .decay = (float)op->decay,
        .momentum = (float)op->momentum,
        .rate = (float)rates[0],
        .is_first = rates[1] <= 1.0,
        .has_velocity = op->momentum != 0.0,
        .is_nesterov = op->is_nesterov,
    };

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, n))
    for (int i = 0; i < CPU_CHUNKS; i++)
        sgd_range(op, &scalars, cpu_chunk(n, i));
    return STATUS_OK;
}

struct adam_scalars {
    float factor, beta1, rest1, beta2, rest2; /* rest: 1 − beta */
    float root_correction2, epsilon, step_size, shrink, decay;
};

/* As sgd_loop. */
INLINED void adam_loop(const struct adam_step *op, const struct adam_scalars *scalars,
                       struct range range, const uint8_t *mask, const uint8_t *decays)
{
    const float *gradients = op->gradient.data;
    float *parameter = op->parameter.data;
    float *first = op->first_moment.data, *second = op->second_moment.data;
    struct adam_scalars s = *scalars;

#pragma omp simd
    for (int64_t i = range.begin; i < range.end; i++) {
        bool is_free = is_set(mask, i), has_decay = is_set(decays, i);
        float gradient = s.factor * gradients[i] + (has_decay ? s.decay : 0.0f) * parameter[i];
        float m = first[i] * s.beta1 + s.rest1 * gradient;
        float v = second[i] * s.beta2 + s.rest2 * gradient * gradient;
        float denominator = sqrtf(v) / s.root_correction2 + s.epsilon;
        float kept = parameter[i] * (has_decay ? s.shrink : 1.0f);
        float updated = kept - s.step_size * m / denominator;
        first[i] = is_free ? m : first[i];
        second[i] = is_free ? v : second[i];
        parameter[i] = is_free ? updated : parameter[i];
    }
}

VECTORISED static void adam_range(const struct adam_step *op, const struct adam_scalars *scalars,
                                  struct range range)
{
    const uint8_t *mask = op->mask.data, *decays = op->decays.data;

    if (mask == NULL && decays == NULL)
        adam_loop(op, scalars, range, NULL, NULL);
    else if (mask == NULL)
        adam_loop(op, scalars, range, NULL, decays);
    else if (decays == NULL)
        adam_loop(op, scalars, range, mask, NULL);
    else
        adam_loop(op, scalars, range, mask, decays);
}

enum status cpu_adam_step_prepare(struct device *device, const struct adam_step *op,
                                  struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_adam_step_run(struct queue *queue, const struct prepared *prepared,
                              const struct adam_step *op)
{
    (void)prepared;
    const double *rates = op->rates.data;
    double rate = rates[0], step = rates[1];
    int64_t n = tensor_elements(&op->parameter);
    struct adam_scalars scalars = {
        .factor = factor_of(&op->scale),
        .beta1 = (float)op->beta1,
        .rest1 = (float)(1.0 - op->beta1),
        .beta2 = (float)op->beta2,
        .rest2 = (float)(1.0 - op->beta2),
        .root_correction2 = (float)sqrt(1.0 - pow(op->beta2, step)),
        .epsilon = (float)op->epsilon,
        .step_size = (float)(rate / (1.0 - pow(op->beta1, step))),
        .shrink = op->is_decoupled ? (float)(1.0 - rate * op->decay) : 1.0f,
        .decay = op->is_decoupled ? 0.0f : (float)op->decay,
    };

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, n))
    for (int i = 0; i < CPU_CHUNKS; i++)
        adam_range(op, &scalars, cpu_chunk(n, i));
    return STATUS_OK;
}
