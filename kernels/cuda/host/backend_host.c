/* The cuda backend on the host substitute, for tests. */
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/host/host_gpu.h"

extern const struct backend backend_cuda_host;

static enum status count(int *n)
{
    return cuda_count(&gpu_host, n);
}

static enum status open_host(const struct device_settings *settings, struct device **out)
{
    return cuda_open(&backend_cuda_host, &gpu_host, settings, out);
}

const struct backend backend_cuda_host = {
    .name = "cuda_host",
    .real = DTYPE_F32,
    .precisions = 1 << PRECISION_TF32 | 1 << PRECISION_BF16,
    .count = count,
    .open = open_host,
    .close = cuda_close,
    .describe = host_versions,
    .memory = CUDA_MEMORY,
    .queue = CUDA_QUEUE,
    .kernels = CUDA_KERNELS,
    .capture = CUDA_CAPTURE,
    .readback = CUDA_READBACK,
};
