/* Errors of CUDA and its libraries as statuses with their own words. */
#include "kernels/cuda/real/cuda_gpu.h"

enum status cuda_check_at(cudaError_t error, const char *expression, const char *file, int line)
{
    if (error == cudaSuccess)
        return STATUS_OK;
    (void)cudaGetLastError(); /* reported here: a later launch must not report it again */
    return fail_at(error == cudaErrorMemoryAllocation ? STATUS_OUT_OF_MEMORY : STATUS_DEVICE, file,
                   line, "%s: %s (%s)", expression, cudaGetErrorString(error),
                   cudaGetErrorName(error));
}

static enum status status_of_cudnn(cudnnStatus_t error)
{
    if (error == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
        error == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)
        return STATUS_OUT_OF_MEMORY;
    return CUDNN_STATUS_CATEGORY(error) == CUDNN_STATUS_NOT_SUPPORTED ? STATUS_UNSUPPORTED
                                                                      : STATUS_DEVICE;
}

enum status cudnn_check_at(cudnnStatus_t error, const char *expression, const char *file, int line)
{
    char detail[512] = "";

    if (error == CUDNN_STATUS_SUCCESS)
        return STATUS_OK;
    cudnnGetLastErrorString(detail, sizeof detail);
    return fail_at(status_of_cudnn(error), file, line, "%s: %s: %s", expression,
                   cudnnGetErrorString(error), detail);
}

enum status cublas_check_at(cublasStatus_t error, const char *expression, const char *file,
                            int line)
{
    if (error == CUBLAS_STATUS_SUCCESS)
        return STATUS_OK;
    return fail_at(error == CUBLAS_STATUS_NOT_SUPPORTED  ? STATUS_UNSUPPORTED
                   : error == CUBLAS_STATUS_ALLOC_FAILED ? STATUS_OUT_OF_MEMORY
                                                         : STATUS_DEVICE,
                   file, line, "%s: %s", expression, cublasLtGetStatusString(error));
}
