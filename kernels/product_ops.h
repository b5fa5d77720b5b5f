/* The operations that are products of a map with a weight, as kernels.h has the others; included by
 * it alone. Letters and types as there. */
#ifndef KERNELS_PRODUCT_OPS_H
#define KERNELS_PRODUCT_OPS_H

#include "kernels/tensor.h"

#include <stdbool.h>

/* y = addend + factor · (x ⋆ weight) (cross-correlation, as every framework's "convolution"). P =
 * (H
 * + 2·padding − R) / stride + 1. What is rounded as a map is y alone: neither the product nor its
 * multiple. An addend, and a factor other than 1, want a filter of one pixel, stride 1 and no
 * padding; factors are not 0. y may be addend's memory. */
struct conv2d_forward {
    struct span workspace;
    struct tensor x;         /* [N, H, W, C] map  read           */
    struct tensor weight;    /* [K, R, S, C] map  read           */
    struct tensor y;         /* [N, P, Q, K] map  written        */
    struct tensor addend;    /* [N, P, Q, K] map  read, optional */
    double factor;           /* of what ⋆ gives           */
    int stride, padding;     /* pixels, both axes         */
    bool is_weight_frozen;   /* weight does not change between prepare and release: may be packed in
                                prepare, and filters that are zero left out */
    bool computes_zero_rows; /* leaves no filter out: to compare with */
};
struct conv2d_backward_data {
    struct span workspace;
    struct tensor d_y;    /* [N, P, Q, K] map  read    */
    struct tensor weight; /* [K, R, S, C] map  read    */
    struct tensor d_x;    /* [N, H, W, C] map  written */
    double factor;        /* as in conv2d_forward, as all that follow */
    int stride, padding;
    bool is_weight_frozen, computes_zero_rows;
};
struct conv2d_backward_weight {
    struct span workspace;
    struct tensor x;        /* [N, H, W, C] map  read    */
    struct tensor d_y;      /* [N, P, Q, K] map  read    */
    struct tensor d_weight; /* [K, R, S, C] real written */
    double factor;          /* as in conv2d_forward */
    int stride, padding;
};

/* Whether a convolution, any of the three, is a product of rows: such may have an addend and a
 * factor. */
static inline bool conv2d_is_product(int64_t r, int64_t s, int stride, int padding)
{
    return r == 1 && s == 1 && stride == 1 && padding == 0;
}

/* y = x weightᵀ + bias for every row: of images, or of the tokens of images. y holds reals: it is
 * the logits that the loss is taken of. */
struct linear_forward {
    struct span workspace;
    struct tensor x;      /* [.., C]map  read           */
    struct tensor weight; /* [K, C] map  read           */
    struct tensor bias;   /* [K]    real read, optional */
    struct tensor y;      /* [.., K]real written        */
};
struct linear_backward_data {
    struct span workspace;
    struct tensor d_y;    /* [.., K]map  read    */
    struct tensor weight; /* [K, C] map  read    */
    struct tensor d_x;    /* [.., C]map  written */
};
struct linear_backward_weight {
    struct span workspace;
    struct tensor x;        /* [.., C]map  read              */
    struct tensor d_y;      /* [.., K]map  read              */
    struct tensor d_weight; /* [K, C] real written           */
    struct tensor d_bias;   /* [K]    real written, optional */
};

#endif
