/* Which mean and standard deviation the images get: published, given, or the base model's own. */
#include "config/settings_table.h"
#include "train/step/network.h"

#include <string.h>

static void give(struct normalisation *normalisation, const double values[3])
{
    normalisation->kind = NORMALISATION_GIVEN;
    memcpy(normalisation->values, values, sizeof normalisation->values);
}

enum status normalisation_resolve(const struct settings *settings, const struct weights *weights,
                                  struct normalisation *mean, struct normalisation *std)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct manifest manifest = {0};
    bool is_present = false;

    *mean = settings->data.mean;
    *std = settings->data.std;
    if (mean->kind == NORMALISATION_PUBLISHED)
        give(mean, published_mean);
    if (std->kind == NORMALISATION_PUBLISHED)
        give(std, published_std);
    if (mean->kind == NORMALISATION_GIVEN && std->kind == NORMALISATION_GIVEN)
        return STATUS_OK;
    TRY(arena_create(&arena));
    if (weights != NULL)
        TRY(manifest_load(settings->model.weights, weights->hash, arena, &manifest, &is_present));
    if (!is_present || !manifest.has_normalisation)
        TRY(fail(
            STATUS_BAD_CONFIG,
            "data.mean and data.std are 'base', but no manifest beside '%s' says what the base "
            "model was trained with: give three numbers each, or 'published'",
            settings->model.weights));
    if (mean->kind == NORMALISATION_BASE)
        give(mean, manifest.mean);
    if (std->kind == NORMALISATION_BASE)
        give(std, manifest.std);
done:
    arena_destroy(arena);
    return status;
}
