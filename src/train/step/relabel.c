/* Drawn on the host, where the true labels are, and uploaded once an epoch. */
#include "train/step/relabel.h"

#include <stdlib.h>
#include <string.h>

struct relabel {
    const struct network *network; /* borrowed */
    int32_t *labels;               /* [n_train] owned */
    void *table;                   /* [n] owned, device */
    size_t bytes;                  /* of labels */
};

enum status relabel_create(const struct network *network, struct relabel **out)
{
    enum status status = STATUS_OK;
    const struct image_table *train = &network->data->dataset->train;
    struct relabel *relabel = NULL;

    if (network->data->dataset->n_classes < 2)
        return fail(STATUS_BAD_DATA, "random labels need images of at least two classes");
    TRY_ALLOC(relabel, heap_alloc(1, sizeof *relabel));
    relabel->network = network;
    relabel->bytes = (size_t)train->n * sizeof *relabel->labels;
    TRY_ALLOC(relabel->labels, heap_alloc(train->n, sizeof *relabel->labels));
    memcpy(relabel->labels, train->labels, relabel->bytes);
    TRY(device_alloc(network->device, (size_t)network->data->n * sizeof *relabel->labels,
                     &relabel->table));
    TRY(queue_zero(network->queue, relabel->table,
                   (size_t)network->data->n * sizeof *relabel->labels));
    *out = relabel;
    relabel = NULL;
done:
    relabel_destroy(relabel);
    return status;
}

void relabel_destroy(struct relabel *relabel)
{
    if (relabel == NULL)
        return;
    device_free(relabel->network->device, relabel->table);
    free(relabel->labels);
    free(relabel);
}

void *relabel_table(const struct relabel *relabel)
{
    return relabel->table;
}

/* Any class, or any of the others: the true one is skipped, so that each has the same chance. */
static int32_t draw(const struct network *network, const struct random_key *key, int32_t own)
{
    uint32_t n_classes = (uint32_t)network->data->dataset->n_classes;

    if (network->settings->unlearn.relabel == RELABEL_ANY)
        return (int32_t)random_below(key, 0, n_classes);
    int32_t label = (int32_t)random_below(key, 0, n_classes - 1);
    return label + (label >= own);
}

enum status relabel_draw(struct relabel *relabel, const struct stream *stream, uint32_t epoch)
{
    const struct network *network = relabel->network;
    const int32_t *own = network->data->dataset->train.labels;
    struct random_key key = {
        .seed = (uint64_t)network->settings->seed, .purpose = RANDOM_RELABEL, .epoch = epoch};

    for (int64_t i = 0; i < stream->n; i++) {
        int32_t image = stream->images[i];
        key.sample = (uint32_t)image;
        relabel->labels[image] = draw(network, &key, own[image]);
    }
    return queue_upload(network->queue, relabel->table, relabel->labels, relabel->bytes);
}
