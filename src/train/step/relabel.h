/* Random labels for the images of a stream: a table of its own, as long as that of the images, of
 * which a batch gathers its rows as it would of the true labels. */
#ifndef TRAIN_RELABEL_H
#define TRAIN_RELABEL_H

#include "data/stream.h"
#include "train/step/network.h"

struct relabel;

/* network->settings->unlearn.relabel says what may be drawn. */
CHECKED enum status relabel_create(const struct network *network, struct relabel **out);
void relabel_destroy(struct relabel *relabel);      /* accepts NULL */
void *relabel_table(const struct relabel *relabel); /* [n] i32 on the device */
/* New labels for the images of the stream, each a pure function of (the run's seed, epoch, image).
 * Enqueued. */
CHECKED enum status relabel_draw(struct relabel *relabel, const struct stream *stream,
                                 uint32_t epoch);

#endif
