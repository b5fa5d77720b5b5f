/* A copy: maps are float64 here, too. */
#include "kernels/ref/ref.h"

#include <string.h>

enum status ref_convert_run(struct queue *queue, const struct prepared *prepared,
                            const struct convert *args)
{
    (void)queue;
    (void)prepared;
    memcpy(args->y.data, args->x.data, tensor_bytes(&args->x));
    return STATUS_OK;
}
