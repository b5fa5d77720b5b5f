/* A run's network as its saved weights would load: the plain architecture with adapters merged,
 * everything trainable. A copy, which may be trained on or filled with other weights. */
#ifndef TRAIN_MERGED_H
#define TRAIN_MERGED_H

#include "train/step/network.h"

struct plain_network {
    struct settings settings; /* the run's, but method and recipe */
    struct network network;   /* owned; borrows the settings above: stays where it was created */
};

/* On the device of `network`, with its initial values; recipe: what it would be trained with. */
CHECKED enum status plain_network_create(const struct network *network, const struct recipe *recipe,
                                         struct plain_network *out);
void plain_network_release(struct plain_network *merged);
/* The values of `network`, which stays as it is. Blocks. */
CHECKED enum status plain_network_copy(struct plain_network *merged, const struct network *network);

#endif
