/* Inside the real table: what its files share, and the one wrapper around each library's calls.
 * CUDA, cuDNN and cuBLASLt headers are included by files that include this one, nowhere else. */
#ifndef KERNELS_CUDA_REAL_CUDA_GPU_H
#define KERNELS_CUDA_REAL_CUDA_GPU_H

#include "kernels/cuda/gpu.h"

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

/* Each quotes the expression and the library's own text, with the place it failed at. */
#define cuda_check(expression) cuda_check_at((expression), #expression, __FILE__, __LINE__)
#define cudnn_check(expression) cudnn_check_at((expression), #expression, __FILE__, __LINE__)
#define cublas_check(expression) cublas_check_at((expression), #expression, __FILE__, __LINE__)
CHECKED enum status cuda_check_at(cudaError_t error, const char *expression, const char *file,
                                  int line);
CHECKED enum status cudnn_check_at(cudnnStatus_t error, const char *expression, const char *file,
                                   int line);
CHECKED enum status cublas_check_at(cublasStatus_t error, const char *expression, const char *file,
                                    int line);

struct gpu_context {
    int index;
    /* owned; for planning */
    cudnnHandle_t cudnn;
    cublasLtHandle_t cublas;
};

/* What a library keeps in a handle is touched by its kernels: two streams that run at once share
 * none. */
struct gpu_stream {
    /* owned; for running */
    cudaStream_t stream;
    cudnnHandle_t cudnn; /* bound to the stream */
    cublasLtHandle_t cublas;
};

/* Proposals and plans of both libraries begin with these. */
struct gpu_proposals {
    const struct planner *planner;
    struct gpu_context *context; /* borrowed */
    int n;
};
struct gpu_plan {
    const struct planner *planner;
    size_t workspace_bytes;
    char name[48];
};

/* How one library offers, makes, runs and gives back its plans. */
struct planner {
    size_t proposals_bytes;
    /* Fills proposals of zeros in for a struct gpu_convolution or gpu_product; what a failure
     * leaves is released by the caller. */
    enum status (*propose)(struct gpu_proposals *proposals, const void *wanted);
    enum status (*look)(struct gpu_proposals *proposals, int i, struct gpu_proposal *out);
    enum status (*plan)(struct gpu_proposals *proposals, int i, struct gpu_plan **out);
    void (*release)(struct gpu_proposals *proposals); /* all but the struct */
    enum status (*run)(const struct gpu_plan *plan, struct gpu_stream *stream,
                       const struct gpu_operands *operands);
    void (*destroy)(struct gpu_plan *plan);
};
extern const struct planner planner_convolution, planner_product;

extern const struct gpu gpu_cuda;

#endif
