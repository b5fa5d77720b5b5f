/* Opening and closing a GPU, and why there is none. */
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/plans.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

enum status cuda_count(const struct gpu *gpu, int *n)
{
    struct gpu_machine machine = {.presence = GPU_UNUSABLE};

    gpu->machine(&machine);
    int built = machine.runtime_version, driver = machine.driver_version;
    switch (machine.presence) {
    case GPU_PRESENT:
        *n = machine.n_devices;
        return STATUS_OK;
    case GPU_NO_DRIVER:
        return fail(STATUS_UNSUPPORTED,
                    "device 'cuda': this machine has no NVIDIA driver; choose --device cpu, or "
                    "install a driver for CUDA %d.%d",
                    built / 1000, built % 1000 / 10);
    case GPU_DRIVER_TOO_OLD:
        return fail(STATUS_UNSUPPORTED,
                    "device 'cuda': the NVIDIA driver supports CUDA %d.%d, but this build needs "
                    "%d.%d; update the driver, or choose --device cpu",
                    driver / 1000, driver % 1000 / 10, built / 1000, built % 1000 / 10);
    case GPU_NO_DEVICE:
        return fail(
            STATUS_UNSUPPORTED,
            "device 'cuda': the NVIDIA driver shows no GPU; is CUDA_VISIBLE_DEVICES empty?");
    default:
        return fail(STATUS_UNSUPPORTED, "device 'cuda': the NVIDIA driver does not start: %s",
                    machine.error != NULL ? machine.error : "unknown error");
    }
}

static enum status check_gpu(const struct gpu *gpu, int index, struct gpu_properties *out)
{
    enum status status = STATUS_OK;
    int n = 0;

    TRY(cuda_count(gpu, &n));
    if (index < 0 || index >= n)
        TRY(fail(STATUS_UNSUPPORTED,
                 "GPU %d was asked for, but this machine shows %d, numbered from 0 (see "
                 "CUDA_VISIBLE_DEVICES)",
                 index, n));
    TRY(gpu->properties(index, out));
    if (out->major < 8)
        TRY(fail(
            STATUS_UNSUPPORTED,
            "GPU %d (%s) has compute capability %d.%d, expected 8.0 or later; choose --device cpu",
            index, out->name, out->major, out->minor));
done:
    return status;
}

enum status cuda_open(const struct backend *backend, const struct gpu *gpu,
                      const struct device_settings *settings, struct device **out)
{
    static const enum gpu_math maths[N_PRECISIONS] = {[PRECISION_FP32] = GPU_MATH_FP32,
                                                      [PRECISION_TF32] = GPU_MATH_TF32,
                                                      [PRECISION_BF16] = GPU_MATH_BF16};
    bool is_plain = settings->precision == PRECISION_FP32;
    enum status status = STATUS_OK;
    struct device *device = NULL;
    struct gpu_properties properties;

    TRY(check_gpu(gpu, settings->index, &properties));
    TRY_ALLOC(device, heap_alloc(1, sizeof *device));
    device->base.backend = backend;
    device->base.n_threads = settings->n_threads;
    snprintf(device->base.name, sizeof device->base.name, "%s (GPU %d)%s%s", properties.name,
             settings->index, is_plain ? "" : ", ",
             is_plain ? "" : precision_name(settings->precision));
    device->gpu = gpu;
    device->index = settings->index;
    device->math = maths[settings->precision];
    TRY(gpu->open(settings->index, &device->context));
    TRY(cuda_plans_create(gpu, &device->plans));
    *out = device;
    device = NULL;
done:
    cuda_close(device);
    return status;
}

void cuda_close(struct device *device)
{
    if (device == NULL)
        return;
    plan_cache_destroy(device->plans);
    device->gpu->close(device->context);
    free(device);
}
