/* What chance does to a batch of training images: drawn for every image and batch as a pure
 * function of the seed and its place, and uploaded to the graph that applies it. */
#ifndef TRAIN_AUGMENT_H
#define TRAIN_AUGMENT_H

#include "train/step/network.h"

struct augmenter;

CHECKED enum status augmenter_create(const struct network *network, const struct recipe *recipe,
                                     struct augmenter **out);
void augmenter_destroy(struct augmenter *augmenter); /* accepts NULL */

/* The images of a batch, in their order, and where it stands: epoch and step in it from 0. */
struct batch_place {
    int64_t epoch, step;
    const int32_t *images;
    int64_t n;
};
/* For the stage's next run. Enqueued. */
CHECKED enum status augmenter_upload(struct augmenter *augmenter, const struct stage *stage,
                                     const struct batch_place *place);

#endif
