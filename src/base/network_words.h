/* Words that settings and networks share: a sweep file says them, a graph is built by them. */
#ifndef BASE_NETWORK_WORDS_H
#define BASE_NETWORK_WORDS_H

#include <stdint.h>

/* Sizes of a vision transformer. */
struct vit_shape {
    int64_t patch; /* pixels, both axes */
    int64_t layers, heads;
    int64_t width; /* of a token; a multiple of 4 and of heads, at least 8 */
    int64_t mlp;   /* hidden width of a layer's perceptron */
};

/* What becomes of pruned weights while others train. */
enum prune_mask { PRUNE_HELD, PRUNE_HELD_MERGED, PRUNE_BAKED };

#endif
