#include "unlearn/run_network.h"

#include "unlearn/program.h"

#include <string.h>

static bool does_batch_norm(const struct settings *settings, const struct method *method,
                            enum batch_norm_mode mode)
{
    return method != NULL && (method_reads(method) & GROUP_TRAIN) != 0 &&
           settings->batch_norm == mode;
}

bool run_recalibrates(const struct settings *settings, const struct method *method)
{
    return does_batch_norm(settings, method, BATCH_NORM_RECALIBRATE);
}

enum status run_check_batch_norm(const struct settings *settings, const struct method *method,
                                 const struct architecture *architecture)
{
    bool freezes = does_batch_norm(settings, method, BATCH_NORM_FREEZE);

    if (architecture->has_batch_norm || (!freezes && !run_recalibrates(settings, method)))
        return STATUS_OK;
    return fail(STATUS_BAD_CONFIG, "'batch_norm' is %s, but %s has no batch norm: leave it out",
                freezes ? "freeze" : "recalibrate", architecture->name);
}

const char *method_lora_targets(const struct architecture *architecture,
                                const struct settings *settings, char text[PATTERN_BYTES])
{
    if (strcmp(settings->lora.targets, "default") != 0)
        return settings->lora.targets;
    return architecture_pattern(architecture, &settings->model.vit, architecture->lora_targets,
                                text);
}

static enum status adapt(const struct settings *settings, struct arena *arena,
                         struct network_spec *spec)
{
    enum status status = STATUS_OK;
    char text[PATTERN_BYTES];
    const char *targets = method_lora_targets(spec->architecture, settings, text);

    if (targets == text)
        TRY_ALLOC(targets, arena_strdup(arena, text));
    spec->adaptation = ADAPTATION_LORA;
    spec->trainable = TRAINABLE_HEAD;
    spec->lora = (struct lora_inject){
        .targets = targets,
        .lora_rank = settings->lora.rank,
        .alpha = settings->lora.alpha,
        .dropout = settings->lora.dropout,
        .ignores_out_proj = settings->lora.mha_out_proj == MHA_OUT_PROJ_IGNORE,
    };
done:
    return status;
}

static struct graph_objective objective_of(const struct recipe *recipe)
{
    return (struct graph_objective){.is_augmented = recipe->augment != AUGMENT_NONE,
                                    .is_mixed = recipe->mixup > 0,
                                    .cutout = (int)recipe->cutout,
                                    .label_smoothing = recipe->label_smoothing};
}

enum status run_network(const struct settings *settings, const struct method *method,
                        struct image_shape image, struct arena *arena, struct network_spec *out)
{
    enum status status = STATUS_OK;
    struct network_spec spec = {.architecture = architecture_find(settings->model.arch),
                                .vit = settings->model.vit,
                                .image = image,
                                .std = {1, 1, 1},
                                .seed = (uint64_t)settings->seed};

    if (spec.architecture == NULL)
        return fail(STATUS_BAD_CONFIG, "unknown architecture '%s'", settings->model.arch);
    TRY(run_check_batch_norm(settings, method, spec.architecture));
    spec.freezes_batch_norm = does_batch_norm(settings, method, BATCH_NORM_FREEZE);
    if (method != NULL && method->program->adapts)
        TRY(adapt(settings, arena, &spec));
    if (method != NULL && method_phase(method) != NULL)
        spec.objective = objective_of(method_recipe(method, settings));
    *out = spec;
done:
    return status;
}
