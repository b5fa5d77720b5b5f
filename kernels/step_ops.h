/* The operations of a training step besides the network: its batch of images, its loss, its
 * optimizer, as kernels.h has the others; included by it alone. C and C++ both read this file. */
#ifndef KERNELS_STEP_OPS_H
#define KERNELS_STEP_OPS_H

#include "kernels/step_total.h"
#include "kernels/tensor.h"

#include <stdbool.h>

/* y[n] = ((images[indices[n]] / 255) − mean) / std per channel, planar bytes → NHWC; labels
 * gathered alongside. offsets shift the crop of a zero-padded (black) image by (dy, dx) pixels,
 * then mirror columns if flip != 0. holes (CutOut, arXiv:1708.04552) are set to 0 after that: hole
 * rows from centre − hole / 2 on, and as many columns, clipped at the borders. mix (MixUp,
 * arXiv:1710.09412) comes last: with x the batch as it is without, y[n] = mix·x[n] + (1 − mix)·x[(n
 * − 1 + N) mod N], where labels are the first image's and partner_labels the second's. */
struct image_gather {
    struct span workspace;
    struct tensor images;         /* [M, C, H, W] u8   read                                       */
    struct tensor image_labels;   /* [M]          i32  read                                       */
    struct tensor indices;        /* [N]          i32  read, each in [0, M)                       */
    struct tensor offsets;        /* [N, 3]       i32  read, optional: dy, dx, flip               */
    struct tensor y;              /* [N, H, W, C] map  written                                    */
    struct tensor labels;         /* [N]          i32  written                                    */
    struct tensor holes;          /* [N, 2]       i32  read, optional: row, column of the centre  */
    struct tensor mix;            /* [1]          f64  read, optional, in [0, 1]                  */
    struct tensor partner_labels; /* [N]          i32  written, with mix                          */
    double mean[4], std[4];       /* per channel, of pixels in [0, 1]                             */
    int hole;                     /* side of the holes, pixels; >= 1 with holes                   */
};

/* Mean cross-entropy of softmax(logits) against integer labels, with its gradient in one pass
 * (log-sum-exp form): −Σ target·log softmax, where target = (1 − smoothing)·(mix·1[label] + (1 −
 * mix)·1[partner]) + smoothing / K, and without partner_labels mix is 1; PyTorch's label_smoothing.
 * weight is a factor of the loss and its gradient, but not of sample_loss: −1 ascends. d_logits may
 * be logits' memory where maps hold reals. sample_loss of an uncounted row is 0; no counted row:
 * loss 0. */
struct softmax_cross_entropy {
    struct span workspace;
    struct tensor logits;      /* [N, K] real read                                             */
    struct tensor labels;      /* [N]    i32  read; −1 leaves the row out of the mean          */
    struct tensor loss;        /* [1]    real written, nats per counted row                    */
    struct tensor d_logits;    /* [N, K] map  written, optional                                */
    struct tensor sample_loss; /* [N]    real written, optional, nats                          */
    struct tensor partner_labels; /* [N]    i32  read, optional; of counted rows in [0, K)        */
    struct tensor mix;            /* [1]    f64  read, with partner_labels; in [0, 1]             */
    double smoothing;             /* in [0, 1)                                                    */
    double weight;                /* finite, not 0                                                */
};

/* scale = min(1, limit / (norm + 1e-6)), where norm is the Euclidean one of the gradient's elements
 * whose mask is not 0, summed in float64: what torch.nn.utils.clip_grad_norm_ multiplies by. A norm
 * that is NaN or infinite gives NaN: it makes the parameters NaN, and so the next step's loss,
 * which step_tally records as a bad step; 0 would train on as if nothing had happened. */
struct clip_scale {
    struct span workspace;
    struct tensor gradient; /* [n] real read           */
    struct tensor mask;     /* [n] u8   read, optional */
    struct tensor scale;    /* [1] f64  written        */
    double limit;           /* more than 0             */
};

/* One optimizer step on flat vectors (all trainable parameters of a group side by side). Where mask
 * is 0 neither the parameter nor the optimizer state changes; where decays is 0 decay is 0. scale
 * is what the gradient is multiplied by first. rates = {learning rate, step number from 1}, on the
 * device so that a captured step can be replayed, as scale is. PyTorch's arithmetic: scalars in
 * double, elements in real. SGD: g ← gradient + decay·parameter; m ← g on step 1, else momentum·m +
 * g; parameter −= lr·m (lr·g without momentum, lr·(g + momentum·m) with is_nesterov). */
struct sgd_step {
    struct span workspace;
    struct tensor gradient;  /* [n] real read                                  */
    struct tensor mask;      /* [n] u8   read, optional                        */
    struct tensor rates;     /* [2] f64  read                                  */
    struct tensor parameter; /* [n] real updated                               */
    struct tensor velocity;  /* [n] real updated, optional when momentum is 0  */
    struct tensor decays;    /* [n] u8   read, optional                        */
    struct tensor scale;     /* [1] f64  read, optional                        */
    double momentum, decay;
    bool is_nesterov; /* with momentum */
};
/* Adam (Kingma & Ba, arXiv:1412.6980), bias-corrected, epsilon after the root; decay is added to
 * the gradient, or with is_decoupled (AdamW, arXiv:1711.05101) multiplies the parameter by 1 −
 * lr·decay first. */
struct adam_step {
    struct span workspace;
    struct tensor gradient;      /* [n] real read           */
    struct tensor mask;          /* [n] u8   read, optional */
    struct tensor rates;         /* [2] f64  read           */
    struct tensor parameter;     /* [n] real updated        */
    struct tensor first_moment;  /* [n] real updated        */
    struct tensor second_moment; /* [n] real updated        */
    struct tensor decays;        /* [n] u8   read, optional */
    struct tensor scale;         /* [1] f64  read, optional */
    double beta1, beta2, epsilon, decay;
    bool is_decoupled;
};

/* Adds one training step to totals that stay on the device, so that nobody has to read every step.
 */
struct step_tally {
    struct span workspace;
    struct tensor loss;   /* [1]    real read                                          */
    struct tensor logits; /* [N, K] real read                                          */
    struct tensor labels; /* [N]    i32  read; −1 leaves the row out                   */
    struct tensor rates;  /* [2]    f64  read, as in sgd_step                          */
    struct tensor totals; /* [6]    f64  updated, by enum step_total                   */
};

#endif
