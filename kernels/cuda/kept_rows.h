/* The filters of a frozen, pruned convolution that are worth computing, on a GPU: their weight
 * beside the whole one, and what moves pixels between the smaller map and the whole one. C and C++
 * both read this file. */
#ifndef KERNELS_CUDA_KEPT_ROWS_H
#define KERNELS_CUDA_KEPT_ROWS_H

#include "kernels/cuda/gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cuda_kept_rows {
    struct device *device; /* borrowed: outlives this */
    int64_t n, n_all;      /* filters that are left, and all */
    int64_t n_pixels;      /* of the maps */
    enum dtype dtype;      /* of the maps and of weight */
    size_t map_bytes;      /* of the smaller map, which lies first in the workspace */
    char name[64];         /* of the implementation */
    /* owned, device memory; NULL when no filter is left */
    void *weight;   /* [n, R, S, C] map */
    int32_t *index; /* [n] which filters */
    int32_t *place; /* [n_all] where a filter is among them; −1: left out */
};

/* to[pixel, c] = from[pixel, source[c]], zero where source[c] is −1. */
struct channel_move {
    enum dtype dtype;      /* of both maps: f32 or bf16 */
    const void *from;      /* [n_pixels, n_from] */
    const int32_t *source; /* [n_to] */
    void *to;              /* [n_pixels, n_to] */
    int64_t n_pixels, n_from, n_to;
};
CHECKED enum status cuda_channel_move_launch(struct gpu_stream *stream,
                                             const struct channel_move *move);

/* *out NULL when all filters of the frozen weight [K, R, S, C] are computed. Blocks: it reads them,
 * on the device's own queue. */
CHECKED enum status cuda_kept_rows_create(struct device *device,
                                          const struct gpu_convolution *convolution,
                                          const struct tensor *weight, struct cuda_kept_rows **out);
void cuda_kept_rows_destroy(struct cuda_kept_rows *rows); /* accepts NULL */

/* A plan of the smaller convolution, or none where no filter is left, that owns `rows`, also when
 * it fails. */
CHECKED enum status cuda_kept_rows_prepare(struct device *device,
                                           const struct gpu_convolution *convolution,
                                           struct cuda_kept_rows *rows, struct prepared **out);
/* Forward or backward data, by the operands of the whole convolution. Enqueued. */
CHECKED enum status cuda_kept_rows_forward(struct queue *queue, const struct prepared *prepared,
                                           const struct gpu_operands *operands);
CHECKED enum status cuda_kept_rows_backward_data(struct queue *queue,
                                                 const struct prepared *prepared,
                                                 const struct gpu_operands *operands,
                                                 size_t out_bytes);

#ifdef __cplusplus
}
#endif

#endif
