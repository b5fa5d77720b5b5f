/* The operations of vision transformers, as kernels.h has the others; included by it alone. T
 * tokens of an image, G heads of attention. */
#ifndef KERNELS_TOKEN_OPS_H
#define KERNELS_TOKEN_OPS_H

#include "kernels/tensor.h"

#include <stdint.h>

/* A map of patches becomes tokens, row by row: y[n, p·Q + q, k] = x[n, p, q, k] + bias[k] +
 * position[p·Q + q, k]. T = P·Q. */
struct patch_tokens_forward {
    struct span workspace;
    struct tensor x;        /* [N, P, Q, K] real read    */
    struct tensor bias;     /* [K]          real read    */
    struct tensor position; /* [T, K]       real read    */
    struct tensor y;        /* [N, T, K]    real written */
};
/* d_x = d_y, d_bias = Σ over images and tokens of d_y. d_x may be d_y's memory. */
struct patch_tokens_backward {
    struct span workspace;
    struct tensor d_y;    /* [N, T, K]    real read              */
    struct tensor d_x;    /* [N, P, Q, K] real written, optional */
    struct tensor d_bias; /* [K]          real written, optional */
};

/* Layer norm (Ba et al., arXiv:1607.06450), row by row: with s = x + residual (x alone without it),
 * mean = Σ s / C, inverse_deviation = 1 / √(Σ (s − mean)² / C + epsilon): y = (s − mean) ·
 * inverse_deviation · weight + bias; sum = s. y may be x's or residual's memory, and so may sum. */
struct layer_norm_forward {
    struct span workspace;
    struct tensor x;                 /* [.., C] real read                                    */
    struct tensor weight;            /* [C]     real read                                    */
    struct tensor bias;              /* [C]     real read                                    */
    struct tensor y;                 /* [.., C] real written                                 */
    struct tensor mean;              /* [..]    real written, optional (both or neither)     */
    struct tensor inverse_deviation; /* [..]    real written, optional                       */
    struct tensor residual;          /* [.., C] real read, optional (both or neither)        */
    struct tensor sum;               /* [.., C] real written, optional                       */
    double epsilon;
};
/* With x̂ = (x − mean) · inverse_deviation and g = d_y · weight: d_x = inverse_deviation · (g − Σ g
 * / C − x̂ · Σ g·x̂ / C) + addend per row; d_weight = Σ d_y·x̂, d_bias = Σ d_y over rows. d_x may be
 * d_y's or addend's memory. */
struct layer_norm_backward {
    struct span workspace;
    struct tensor x;                 /* [.., C] real read                                    */
    struct tensor d_y;               /* [.., C] real read                                    */
    struct tensor mean;              /* [..]    real read                                    */
    struct tensor inverse_deviation; /* [..]    real read                                    */
    struct tensor weight;            /* [C]     real read                                    */
    struct tensor d_x;               /* [.., C] real written, optional                       */
    struct tensor d_weight;          /* [C]     real written, optional (both or neither)     */
    struct tensor d_bias;            /* [C]     real written, optional                       */
    struct tensor addend;            /* [.., C] real read, optional                          */
};

/* y = x · Φ(x), Φ the normal distribution (Hendrycks & Gimpel, arXiv:1606.08415, the exact form). y
 * may be x's memory. */
struct gelu_forward {
    struct span workspace;
    struct tensor x; /* any real read    */
    struct tensor y; /* as x     written */
};
/* d_x = d_y · (Φ(x) + x · φ(x)). d_x may be x's or d_y's memory. */
struct gelu_backward {
    struct span workspace;
    struct tensor x;   /* any real read    */
    struct tensor d_y; /* as x     read    */
    struct tensor d_x; /* as x     written */
};

/* Self-attention of every head over an image's tokens (Vaswani et al., arXiv:1706.03762, eq. 1). A
 * row of qkv is q, k and v, each of C channels, which are G heads of C / G side by side; E = 3·C.
 * probabilities[n, g, j, i] = exp(s[j, i]) / Σ_j exp(s[j, i]), s[j, i] = <k_j, q_i> / √(C / G): how
 * much of token j goes to token i; y_i = Σ_j probabilities[j, i] · v_j. */
struct attention_forward {
    struct span workspace;
    struct tensor qkv;           /* [N, T, E]    real read              */
    struct tensor y;             /* [N, T, C]    real written           */
    struct tensor probabilities; /* [N, G, T, T] real written, optional */
    int n_heads;                 /* G */
};
struct attention_backward {
    struct span workspace;
    struct tensor qkv;           /* [N, T, E]    real read    */
    struct tensor probabilities; /* [N, G, T, T] real read    */
    struct tensor d_y;           /* [N, T, C]    real read    */
    struct tensor d_qkv;         /* [N, T, E]    real written */
    int n_heads;                 /* G */
};

/* y = x, and part added to its columns first … first + K − 1. y may be x's memory. */
struct columns_add {
    struct span workspace;
    struct tensor x;    /* [.., C] real read    */
    struct tensor part; /* [.., K] real read    */
    struct tensor y;    /* [.., C] real written */
    int64_t first;
};
/* y = columns first … first + K − 1 of x. */
struct columns_take {
    struct span workspace;
    struct tensor x; /* [.., C] real read    */
    struct tensor y; /* [.., K] real written */
    int64_t first;
};

/* Of vision transformers, which `cuda` does not have yet. */
#define KERNEL_OPS_TOKENS(X)                                                                       \
    X(patch_tokens_forward)                                                                        \
    X(patch_tokens_backward)                                                                       \
    X(layer_norm_forward)                                                                          \
    X(layer_norm_backward)                                                                         \
    X(gelu_forward)                                                                                \
    X(gelu_backward)                                                                               \
    X(attention_forward)                                                                           \
    X(attention_backward)                                                                          \
    X(columns_add)                                                                                 \
    X(columns_take)

#endif
