/* The linear probe of a network: fitted to features of training images, asked about test images. */
#ifndef TRAIN_PROBING_H
#define TRAIN_PROBING_H

#include "data/dataset.h"
#include "train/measure/forward.h"

enum { PROBE_MOST_IMAGES = 5000 };
struct probed { /* accuracies of the probe; NaN where there is no image */
    double forget, retain;
};
/* Fitted to at most 5000 images drawn by eval.seed from D_f and D_r together (all of them when
 * there are fewer): the forgotten class with its label among them. Asked about the test images of
 * the forgotten class, and about the others. */
CHECKED enum status probe_network(struct forward *forward, const struct split *split,
                                  struct probed *out);

#endif
