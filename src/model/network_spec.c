#include "model/network_spec.h"

#include <string.h>

enum { IMAGE_CHANNELS = 3 };

struct network_spec network_spec_plain(const struct network_spec *spec)
{
    struct network_spec plain = *spec;

    plain.adaptation = ADAPTATION_NONE;
    plain.lora = (struct lora_inject){0};
    plain.trainable = TRAINABLE_ALL;
    plain.objective = (struct graph_objective){0};
    plain.freezes_batch_norm = false;
    return plain;
}

static struct graph_settings settings_of(const struct network_spec *spec,
                                         const struct network_use *use)
{
    struct graph_settings settings = {
        .mode = use->mode,
        .real = use->real,
        .map = use->map,
        .batch_size = use->batch_size,
        .height = spec->image.height,
        .width = spec->image.width,
        .channels = IMAGE_CHANNELS,
        .n_images = use->n_images,
        .n_classes = spec->image.n_classes,
        .freezes_batch_norm = spec->freezes_batch_norm,
        .seed = spec->seed,
        .vit = spec->vit,
    };

    memcpy(settings.mean, spec->mean, sizeof settings.mean);
    memcpy(settings.std, spec->std, sizeof settings.std);
    if (use->mode == GRAPH_TRAIN) {
        settings.is_augmented = spec->objective.is_augmented;
        settings.cutout = spec->objective.cutout;
        settings.is_mixed = spec->objective.is_mixed;
        settings.label_smoothing = spec->objective.label_smoothing;
        settings.loss_weight = spec->objective.loss_weight;
    }
    return settings;
}

enum status network_graph(const struct network_spec *spec, const struct network_use *use,
                          struct graph **out)
{
    enum status status = STATUS_OK;
    const struct graph_settings settings = settings_of(spec, use);
    const char *head = spec->architecture->head;
    struct graph *graph = NULL;

    TRY(model_build(spec->architecture, &settings, &graph));
    if (spec->trainable == TRAINABLE_HEAD)
        TRY(pass_freeze_except(graph, &head, head != NULL ? 1 : 0));
    if (spec->adaptation == ADAPTATION_LORA)
        TRY(pass_lora_inject(graph, &spec->lora));
    if (use->mode == GRAPH_TRAIN)
        TRY(pass_autodiff(graph));
    *out = graph;
    graph = NULL;
done:
    graph_destroy(graph);
    return status;
}
