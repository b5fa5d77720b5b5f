/* Errors of CUDA and its libraries as statuses with their own words. */
#include "kernels/cuda/cuda_gpu.h"

enum status cuda_check_at(cudaError_t error, const char *expression, const char *file, int line)
{
    if (error == cudaSuccess)
        return STATUS_OK;
    (void)cudaGetLastError(); /* reported here: a later launch must not report it again */
    return fail_at(error == cudaErrorMemoryAllocation ? STATUS_OUT_OF_MEMORY : STATUS_DEVICE, file,
                   line, "%s: %s (%s)", expression, cudaGetErrorString(error),
                   cudaGetErrorName(error));
}

enum status cudnn_check_at(cudnnStatus_t error, const char *expression, const char *file, int line)
{
    char detail[512] = "";

    if (error == CUDNN_STATUS_SUCCESS)
        return STATUS_OK;
    cudnnGetLastErrorString(detail, sizeof detail);
    return fail_at(CUDNN_STATUS_CATEGORY(error) == CUDNN_STATUS_NOT_SUPPORTED ? STATUS_UNSUPPORTED
                                                                              : STATUS_DEVICE,
                   file, line, "%s: %s: %s", expression, cudnnGetErrorString(error), detail);
}

enum status cublas_check_at(cublasStatus_t error, const char *expression, const char *file,
                            int line)
{
    if (error == CUBLAS_STATUS_SUCCESS)
        return STATUS_OK;
    return fail_at(error == CUBLAS_STATUS_NOT_SUPPORTED ? STATUS_UNSUPPORTED : STATUS_DEVICE, file,
                   line, "%s: %s", expression, cublasLtGetStatusString(error));
}
