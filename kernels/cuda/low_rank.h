/* Convolutions of one pixel and few input channels, which is what an adapter's second half is:
 * bound by memory, so kernels of our own that pass over the wide map once. The work and the order
 * of sums follow from shapes alone. C and C++ both read this file. */
#ifndef KERNELS_CUDA_LOW_RANK_H
#define KERNELS_CUDA_LOW_RANK_H

#include "kernels/cuda/gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* C at the most: with more, multiplications begin to take longer than the map. */
enum { LOW_RANK_INPUTS = 32 };

CHECKED enum status cuda_low_rank_forward_launch(struct gpu_stream *stream,
                                                 const struct conv2d_forward *op);
CHECKED enum status cuda_low_rank_backward_data_launch(struct gpu_stream *stream,
                                                       const struct conv2d_backward_data *op);
/* Two launches: sums of blocks, and of those. */
CHECKED enum status cuda_low_rank_backward_weight_launch(struct gpu_stream *stream,
                                                         const struct conv2d_backward_weight *op);
size_t cuda_low_rank_backward_weight_workspace(const struct conv2d_backward_weight *op);

#ifdef __cplusplus
}
#endif

#endif
