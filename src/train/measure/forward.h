/* A network in evaluation mode over any images: a stage and the buffers of its last batch. */
#ifndef TRAIN_FORWARD_H
#define TRAIN_FORWARD_H

#include "train/step/network.h"

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

struct forward_settings {
    int64_t n_images;   /* at most so many at once are wanted: chooses the batch with auto */
    struct span memory; /* as in executor_settings; too small, or NULL: memory of its own */
};
/* Batches by eval.batch_size (train/measure/eval_batch.h). Batch norm by running values, no
 * dropout. */
CHECKED enum status forward_create(const struct network *network,
                                   const struct forward_settings *settings, struct arena *arena,
                                   struct forward *out);
void forward_release(struct forward *forward);
/* forward->logits of `count` rows of the resident table, 1 to batch_size; the batch is filled up
 * by repeating the last one. Blocks. */
CHECKED enum status forward_run(struct forward *forward, const int32_t *rows, int64_t count);
/* forward->features of the last batch: what the layer that gives the logits read. Blocks. */
CHECKED enum status forward_read_features(struct forward *forward);

#endif
