/* Running mean and variance of every batch norm, estimated anew for the weights as they are: those
 * that training left behind are of weights that moved, and of batches as they were augmented. */
#ifndef TRAIN_RECALIBRATE_H
#define TRAIN_RECALIBRATE_H

#include "train/step/network.h"

struct recalibrate {
    struct network *network; /* its running values change, and nothing else */
    const int32_t *images;   /* [n] rows of the resident table, in the order of the batches */
    int64_t n, batch_size;   /* the last batch may be smaller */
    /* Before each batch; what it returns ends it all unless it is OK. */
    enum status (*between)(void *context);
    void *context;
};

/* Each becomes the plain mean over the batches of what the batch has (the variance unbiased), each
 * batch normalised by its own values, images as they are and adapters without dropout: what
 * torch.optim.swa_utils.update_bn makes of the merged network. Averaged in float64, rounded once. A
 * function of weights and images alone; what the values were before does not matter. Ended early,
 * it leaves them undefined. Without images they stay. Blocks.
 * Source: Izmailov et al., arXiv:1803.05407, section 3.1. */
CHECKED enum status recalibrate(const struct recalibrate *request);

#endif
