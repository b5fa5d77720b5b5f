/* A part of the columns: added to, taken out. */
#include "kernels/ref/ref.h"

enum status ref_columns_add_run(struct queue *queue, const struct prepared *prepared,
                                const struct columns_add *args)
{
    const double *x = args->x.data, *part = args->part.data;
    int64_t n_all = tensor_columns(&args->x), n_part = tensor_columns(&args->part);
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < tensor_elements(&args->x); i++) {
        int64_t row = i / n_all, k = i % n_all - args->first;
        y[i] = x[i] + (k >= 0 && k < n_part ? part[row * n_part + k] : 0.0);
    }
    return STATUS_OK;
}

enum status ref_columns_take_run(struct queue *queue, const struct prepared *prepared,
                                 const struct columns_take *args)
{
    const double *x = args->x.data;
    int64_t n_all = tensor_columns(&args->x), n_part = tensor_columns(&args->y);
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < tensor_elements(&args->y); i++)
        y[i] = x[i / n_part * n_all + args->first + i % n_part];
    return STATUS_OK;
}
