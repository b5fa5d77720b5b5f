/* a + factor·b and factor·x. */
#include "kernels/ref/ref.h"

enum status ref_add_run(struct queue *queue, const struct prepared *prepared,
                        const struct add *args)
{
    const double *a = args->a.data, *b = args->b.data;
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < tensor_elements(&args->a); i++)
        y[i] = a[i] + args->factor * b[i];
    return STATUS_OK;
}

enum status ref_scale_run(struct queue *queue, const struct prepared *prepared,
                          const struct scale *args)
{
    const double *x = args->x.data;
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < tensor_elements(&args->x); i++)
        y[i] = args->factor * x[i];
    return STATUS_OK;
}
