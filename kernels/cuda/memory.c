/* Memory of the cuda backend: the GPU's. */
#include "kernels/cuda/cuda.h"

static const double mebibyte = 1024.0 * 1024.0;

static enum status no_room(struct device *device, size_t bytes)
{
    size_t free_bytes = 0, total_bytes = 0;

    if (device->gpu->memory_info(device->context, &free_bytes, &total_bytes) != STATUS_OK)
        return fail_context(STATUS_OUT_OF_MEMORY, "GPU %d: no memory for %.1f MiB", device->index,
                            (double)bytes / mebibyte);
    return fail(STATUS_OUT_OF_MEMORY,
                "GPU %d: %.1f MiB are needed, but %.1f of %.1f MiB are free; choose a smaller "
                "batch size, or see what else runs there",
                device->index, (double)bytes / mebibyte, (double)free_bytes / mebibyte,
                (double)total_bytes / mebibyte);
}

enum status cuda_alloc(struct device *device, size_t bytes, void **out)
{
    void *memory = NULL;
    enum status status = device->gpu->alloc(device->context, bytes > 0 ? bytes : 1, &memory);

    if (status == STATUS_OUT_OF_MEMORY)
        return no_room(device, bytes);
    if (status != STATUS_OK)
        return status;
    device->base.n_allocations++;
    *out = memory;
    return STATUS_OK;
}

void cuda_free(struct device *device, void *memory)
{
    device->gpu->release(device->context, memory);
}

enum status cuda_available(struct device *device, size_t *bytes)
{
    size_t total_bytes = 0;

    return device->gpu->memory_info(device->context, bytes, &total_bytes);
}
