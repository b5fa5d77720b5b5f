/* Images of one kind on their way into batches, in a new order every time around. */
#ifndef DATA_STREAM_H
#define DATA_STREAM_H

#include "base/random.h"
#include "base/status.h"

struct stream {
    const int32_t *images; /* [n] borrowed */
    int64_t n;
    struct random_key key; /* epoch: of the order */
    int32_t *order;        /* [n] owned: a pure function of images and key */
    int64_t next;          /* of stream_take */
};

/* In the order of epoch 0. n may be 0. */
CHECKED enum status stream_create(const int32_t *images, int64_t n, const struct random_key *key,
                                  struct stream *out);
void stream_release(struct stream *stream);
/* A new order, that of an epoch. */
void stream_shuffle(struct stream *stream, uint32_t epoch);
/* The next image, without end: after the last of an order comes the first of the next epoch's. n >=
 * 1. */
int32_t stream_take(struct stream *stream);

#endif
