/* Kernels that show what the host runs right and what it finds wrong. C and C++ both read this
 * file. */
#ifndef TESTS_KERNELS_HOST_KERNELS_H
#define TESTS_KERNELS_HOST_KERNELS_H

#include "kernels/cuda/gpu.h"

enum { HOST_THREADS = 64, HOST_BLOCKS = 24 }; /* of every launch, unless its name says otherwise */

#define HOST_KERNELS(X)                                                                            \
    X(sum_by_barriers)                                                                             \
    X(sum_by_shuffles)                                                                             \
    X(shuffle_values)                                                                              \
    X(dynamic_shared)                                                                              \
    X(places)                                                                                      \
    X(read_without_barrier)                                                                        \
    X(write_without_barrier)                                                                       \
    X(shared_unwritten)                                                                            \
    X(block_order)                                                                                 \
    X(exit_before_barrier)                                                                         \
    X(two_barriers)                                                                                \
    X(shuffle_after_exit)                                                                          \
    X(shuffle_beside_barrier)                                                                      \
    X(shuffle_two_places)                                                                          \
    X(mask_without_self)                                                                           \
    X(mask_beyond_block)                                                                           \
    X(shuffle_from_outside)                                                                        \
    X(too_much_shared)                                                                             \
    X(too_many_threads)                                                                            \
    X(no_blocks)

#ifdef __cplusplus
extern "C" {
#endif

/* out [HOST_BLOCKS · HOST_THREADS] floats */
#define HOST_KERNEL(name) enum status launch_##name(struct gpu_stream *stream, float *out);
HOST_KERNELS(HOST_KERNEL)
#undef HOST_KERNEL

#ifdef __cplusplus
}
#endif

#endif
