/* Crops, flips and holes of a batch's images, and the share by which they are mixed. */
#include "train/step/augment.h"

#include <stdlib.h>

enum { CROP_SHARE = 8 }; /* padding: an eighth of the side, 4 pixels of 32 */

struct augmenter {
    const struct network *network; /* borrowed */
    const struct recipe *recipe;   /* borrowed */
    int32_t *offsets;              /* [batch, 3], owned */
    int32_t *holes;                /* [batch, 2], owned */
};

enum status augmenter_create(const struct network *network, const struct recipe *recipe,
                             struct augmenter **out)
{
    enum status status = STATUS_OK;
    struct augmenter *augmenter = NULL;

    TRY_ALLOC(augmenter, heap_alloc(1, sizeof *augmenter));
    augmenter->network = network;
    augmenter->recipe = recipe;
    TRY_ALLOC(augmenter->offsets,
              heap_alloc(3 * augmenter->recipe->batch_size, sizeof *augmenter->offsets));
    TRY_ALLOC(augmenter->holes,
              heap_alloc(2 * augmenter->recipe->batch_size, sizeof *augmenter->holes));
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
    free(augmenter->holes);
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

static enum status upload_holes(struct augmenter *augmenter, const struct stage *stage,
                                const struct batch_place *place)
{
    uint64_t seed = (uint64_t)augmenter->network->settings->seed;
    const struct dataset *dataset = augmenter->network->data->dataset;
    const struct image_size size = {dataset->height, dataset->width};

    for (int64_t i = 0; i < place->n; i++)
        sampler_cutout(seed, (uint32_t)place->epoch, place->images[i], size,
                       augmenter->holes + 2 * i);
    return executor_upload(stage->executor, stage->graph->holes, augmenter->holes);
}

enum status augmenter_upload(struct augmenter *augmenter, const struct stage *stage,
                             const struct batch_place *place)
{
    enum status status = STATUS_OK;

    if (stage->graph->offsets >= 0)
        TRY(upload_offsets(augmenter, stage, place));
    if (stage->graph->holes >= 0)
        TRY(upload_holes(augmenter, stage, place));
    if (stage->graph->mix >= 0) {
        double mix =
            sampler_mixup((uint64_t)augmenter->network->settings->seed, (uint32_t)place->epoch,
                          (uint32_t)place->step, augmenter->recipe->mixup);
        TRY(executor_upload(stage->executor, stage->graph->mix, &mix));
    }
done:
    return status;
}
