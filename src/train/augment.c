/* Crops and flips of a batch's images. */
#include "train/augment.h"

#include <stdlib.h>

enum { CROP_SHARE = 8 }; /* padding: an eighth of the side, 4 pixels of 32 */

struct augmenter {
    const struct network *network; /* borrowed */
    const struct recipe *recipe;   /* borrowed */
    int32_t *offsets;              /* [batch, 3], owned */
};

enum status augmenter_create(const struct network *network, struct augmenter **out)
{
    enum status status = STATUS_OK;
    struct augmenter *augmenter = NULL;

    TRY_ALLOC(augmenter, heap_alloc(1, sizeof *augmenter));
    augmenter->network = network;
    augmenter->recipe = network_recipe(network);
    TRY_ALLOC(augmenter->offsets,
              heap_alloc(3 * augmenter->recipe->batch_size, sizeof *augmenter->offsets));
    *out = augmenter;
    augmenter = NULL;
done:
    augmenter_destroy(augmenter);
    return status;
}

void augmenter_destroy(struct augmenter *augmenter)
{
    if (augmenter == NULL)
        return;
    free(augmenter->offsets);
    free(augmenter);
}

static enum status upload_offsets(struct augmenter *augmenter, const struct stage *stage,
                                  const struct batch_place *place)
{
    uint64_t seed = (uint64_t)augmenter->network->settings->seed;
    int height = augmenter->network->data->dataset->height;
    int padding = augmenter->recipe->augment == AUGMENT_CROP_FLIP ? height / CROP_SHARE : 0;

    for (int64_t i = 0; i < place->n; i++)
        sampler_augment(seed, (uint32_t)place->epoch, place->images[i], padding,
                        augmenter->offsets + 3 * i);
    return executor_upload(stage->executor, stage->graph->offsets, augmenter->offsets);
}

enum status augmenter_upload(struct augmenter *augmenter, const struct stage *stage,
                             const struct batch_place *place)
{
    enum status status = STATUS_OK;

    if (stage->graph->offsets >= 0)
        TRY(upload_offsets(augmenter, stage, place));
done:
    return status;
}
