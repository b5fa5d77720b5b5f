/* The ways to a convolution: a library's own, round what it lacks or would have to compile, and as
 * a product. */
#ifndef KERNELS_CUDA_WAYS_H
#define KERNELS_CUDA_WAYS_H

#include "kernels/cuda/gpu.h"

struct device;
struct prepared;

/* What a product is besides a convolution. */
struct cuda_multiple {
    double factor;
    bool has_addend;
};

/* Of one pixel each: a product over N·H·W rows. */
bool cuda_is_product(const struct gpu_convolution *convolution);
/* In the device's arithmetic. multiple: NULL, or of a product; then it may be more than one of it.
 * Fails: STATUS_UNSUPPORTED when no way leads there, with the reasons. */
CHECKED enum status cuda_conv2d_prepare(struct device *device,
                                        const struct gpu_convolution *convolution,
                                        const struct cuda_multiple *multiple,
                                        struct prepared **out);

#endif
