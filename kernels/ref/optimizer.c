/* SGD, Adam (Kingma & Ba, arXiv:1412.6980) and AdamW (arXiv:1711.05101) with PyTorch's arithmetic.
 */
#include "kernels/ref/ref.h"

#include <math.h>

static bool is_masked(const struct tensor *mask, int64_t i)
{
    return mask->data != NULL && ((const uint8_t *)mask->data)[i] == 0;
}

static double factor_of(const struct tensor *scale)
{
    return scale->data != NULL ? *(const double *)scale->data : 1.0;
}

enum status ref_sgd_step_run(struct queue *queue, const struct prepared *prepared,
                             const struct sgd_step *args)
{
    const double *gradient = args->gradient.data, *rates = args->rates.data;
    double *parameter = args->parameter.data, *velocity = args->velocity.data;
    double factor = factor_of(&args->scale);
    bool is_first = rates[1] <= 1.0;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < args->parameter.shape[0]; i++) {
        if (is_masked(&args->mask, i))
            continue;
        double decay = is_masked(&args->decays, i) ? 0.0 : args->decay;
        double direction = factor * gradient[i] + decay * parameter[i];
        if (args->momentum > 0.0) {
            velocity[i] = is_first ? direction : args->momentum * velocity[i] + direction;
            direction = args->is_nesterov ? direction + args->momentum * velocity[i] : velocity[i];
        }
        parameter[i] -= rates[0] * direction;
    }
    return STATUS_OK;
}

enum status ref_adam_step_run(struct queue *queue, const struct prepared *prepared,
                              const struct adam_step *args)
{
    const double *gradient = args->gradient.data, *rates = args->rates.data;
    double *parameter = args->parameter.data;
    double *first = args->first_moment.data, *second = args->second_moment.data;
    double correction1 = 1.0 - pow(args->beta1, rates[1]);
    double correction2 = 1.0 - pow(args->beta2, rates[1]), factor = factor_of(&args->scale);

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < args->parameter.shape[0]; i++) {
        double g = factor * gradient[i], decay = is_masked(&args->decays, i) ? 0.0 : args->decay;
        if (is_masked(&args->mask, i))
            continue;
        if (args->is_decoupled)
            parameter[i] *= 1.0 - rates[0] * decay;
        else
            g += decay * parameter[i];
        first[i] = args->beta1 * first[i] + (1.0 - args->beta1) * g;
        second[i] = args->beta2 * second[i] + (1.0 - args->beta2) * g * g;
        double denominator = sqrt(second[i]) / sqrt(correction2) + args->epsilon;
        parameter[i] -= rates[0] / correction1 * first[i] / denominator;
    }
    return STATUS_OK;
}
