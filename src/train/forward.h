/* A network in evaluation mode over any images: a stage and the buffers of its last batch. */
#ifndef TRAIN_FORWARD_H
#define TRAIN_FORWARD_H

#include "train/network.h"

struct forward {
    const struct network *network; /* borrowed */
    struct stage stage;            /* owned */
    int64_t batch_size, n_classes;
    int64_t n_features; /* 0: no linear layer gives the logits */
    /* of the arena; of the last batch */
    int32_t *indices; /* [batch] rows of the resident table */
    double *logits;   /* [batch, classes] */
    double *features; /* [batch, n_features], once asked for */
    void *raw;        /* as the device has them */
};

/* Batches of eval.batch_size. Batch norm by running values, no dropout. */
CHECKED enum status forward_create(const struct network *network, struct arena *arena,
                                   struct forward *out);
void forward_release(struct forward *forward);
/* forward->logits of `count` rows of the resident table, 1 to batch_size; the batch is filled up
 * by repeating the last one. Blocks. */
CHECKED enum status forward_run(struct forward *forward, const int32_t *rows, int64_t count);
/* The same of rows first … first + count − 1. */
CHECKED enum status forward_run_range(struct forward *forward, int64_t first, int64_t count);
/* forward->features of the last batch: what the layer that gives the logits read. Blocks. */
CHECKED enum status forward_read_features(struct forward *forward);

#endif
