/* The spec of a network: its settings' own, and the mean and standard deviation that its images
 * get: published, given, or the base model's. */
#include "config/settings_table.h"
#include "train/step/network.h"

#include <string.h>

static void give(struct normalisation *normalisation, const double values[3])
{
    normalisation->kind = NORMALISATION_GIVEN;
    memcpy(normalisation->values, values, sizeof normalisation->values);
}

static enum status resolve(const struct settings *settings, const struct weights *weights,
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

enum status network_describe(struct network *network, const struct weights *weights,
                             struct arena *arena)
{
    enum status status = STATUS_OK;
    const struct dataset *dataset = network->data->dataset;
    const struct image_shape image = {dataset->n_classes, dataset->height, dataset->width};
    struct normalisation mean, std;
    struct network_spec spec;

    TRY(resolve(network->settings, weights, &mean, &std));
    TRY(run_network(network->settings, network->method, image, arena, &spec));
    memcpy(spec.mean, mean.values, sizeof spec.mean);
    memcpy(spec.std, std.values, sizeof spec.std);
    network->spec = spec;
done:
    return status;
}
