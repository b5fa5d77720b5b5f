/* A run's network as its saved weights would load: the plain architecture with adapters merged,
 * everything trainable. A copy, which may be trained on or filled with other weights. */
#ifndef TRAIN_MERGED_H
#define TRAIN_MERGED_H

#include "train/step/network.h"

struct plain_network {
    struct network network; /* owned; borrows what the run's network borrows */
};

/* On the device of `network`, with its initial values. */
CHECKED enum status plain_network_create(const struct network *network, struct plain_network *out);
void plain_network_release(struct plain_network *merged);
/* The values of `network`, which stays as it is. Blocks. */
CHECKED enum status plain_network_copy(struct plain_network *merged, const struct network *network);

#endif
