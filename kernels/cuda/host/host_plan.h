/* A plan of the substitute: what it computes. Private to this folder. */
#ifndef KERNELS_CUDA_HOST_HOST_PLAN_H
#define KERNELS_CUDA_HOST_HOST_PLAN_H

#include "kernels/cuda/host/host_gpu.h"

struct gpu_plan {
    bool is_product;
    struct gpu_convolution convolution;
    struct gpu_product product;
    char name[24]; /* with the proposal's number, but for the first */
};

#endif
