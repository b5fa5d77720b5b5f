/* A copy: maps are float32 here, too. */
#include "kernels/cpu/cpu.h"

#include <string.h>

enum status cpu_convert_prepare(struct device *device, const struct convert *op,
                                struct prepared **out)
{
    (void)device, (void)op;
    return cpu_prepared_create(0, out);
}

enum status cpu_convert_run(struct queue *queue, const struct prepared *prepared,
                            const struct convert *op)
{
    (void)queue, (void)prepared;
    memcpy(op->y.data, op->x.data, tensor_bytes(&op->x));
    return STATUS_OK;
}
