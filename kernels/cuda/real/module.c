/* The module's one visible name: the backend on a real GPU. */
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/real/cuda_gpu.h"

extern const struct backend backend_cuda;

static enum status count(int *n)
{
    return cuda_count(&gpu_cuda, n);
}

static enum status open_gpu(const struct device_settings *settings, struct device **out)
{
    return cuda_open(&backend_cuda, &gpu_cuda, settings, out);
}

static void describe(char *text, size_t bytes)
{
    gpu_cuda.versions(text, bytes);
}

__attribute__((visibility("default"))) const struct backend backend_cuda = {
    .name = "cuda",
    .real = DTYPE_F32,
    .precisions = 1 << PRECISION_TF32 | 1 << PRECISION_BF16,
    .count = count,
    .open = open_gpu,
    .close = cuda_close,
    .describe = describe,
    .memory = CUDA_MEMORY,
    .queue = CUDA_QUEUE,
    .kernels = CUDA_KERNELS,
    .capture = CUDA_CAPTURE,
    .readback = CUDA_READBACK,
};
