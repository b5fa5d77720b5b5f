/* Convolutions as products, for those that the library lacks: the pixels under each filter laid out
 * side by side, a row for each place of the filters. Costs memory and its traffic, R·S times the
 * map's, so it is the last resort. C and C++ both read this file. */
#ifndef KERNELS_CUDA_PATCHES_H
#define KERNELS_CUDA_PATCHES_H

#include "kernels/cuda/gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Columns; a row has a multiple of them: libraries want 16 bytes of bf16. */
enum { PATCHES_PACK = 8 };

/* [N·P·Q, width]: R·S·C numbers each, then zeros. A map's own type but for gradients, which are
 * f32 until they are summed. */
struct patches {
    enum dtype dtype; /* of the map */
    void *map;        /* [N, H, W, C] */
    void *rows;
    int64_t n, h, w, c, r, s, p, q, width;
    int stride, padding;
};
/* From the map to rows of its type; from rows of f32 to the map, whose pixels are sums. */
CHECKED enum status cuda_patches_spread_launch(struct gpu_stream *stream,
                                               const struct patches *patches);
CHECKED enum status cuda_patches_sum_launch(struct gpu_stream *stream,
                                            const struct patches *patches);

/* Rows of another width: what is missing becomes zero, what is too much is left out. */
struct row_copy {
    enum dtype dtype;
    const void *from;
    void *to;
    int64_t n_rows, from_width, to_width;
};
CHECKED enum status cuda_row_copy_launch(struct gpu_stream *stream, const struct row_copy *copy);

struct device;
struct queue;
struct prepared;
/* How much scratch a convolution's patches want. */
size_t cuda_patches_bytes(const struct gpu_convolution *convolution);
/* By a product, with workspace for patches. Fails: STATUS_UNSUPPORTED when they need too much. */
CHECKED enum status cuda_patches_prepare(struct device *device,
                                         const struct gpu_convolution *convolution,
                                         struct prepared **out);
CHECKED enum status cuda_patches_run(struct queue *queue, const struct prepared *prepared,
                                     const struct gpu_operands *operands);

#ifdef __cplusplus
}
#endif

#endif
