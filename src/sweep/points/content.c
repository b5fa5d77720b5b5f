/* Files behind the settings: loaded once per sweep, checked, hashed. A missing file is a mistake
 * for `sweep` and a warning for `plan`, where its path stands for its content. */
#include "sweep/points/content.h"
#include "base/file.h"
#include "store/weights/weights.h"
#include "unlearn/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FITS = 32 };
/* Where only files know the shape of images and there are none: adapters' targets are looked for in
 * a model of this shape. */
static const struct image_shape any_shape = {10, 32, 32};

struct weights_entry {
    const char *path;
    enum file_state state;
    const char *hash;        /* or "absent:<path>" */
    struct weights *weights; /* owned; loaded when a method starts from them */
    struct manifest manifest;
    bool has_manifest;
    struct fit_model fits[MAX_FITS]; /* checked already */
    int n_fits;
    struct weights_entry *next;
};

struct targets_entry {
    const char *targets; /* "": of the model itself */
    struct fit_model model;
    bool is_good;
    struct targets_entry *next;
};

enum status content_create(struct spec *spec, bool needs_files, struct content **out)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(*out, ARENA_NEW(spec->arena, struct content));
    (*out)->spec = spec;
    (*out)->needs_files = needs_files;
done:
    return status;
}

void content_destroy(struct content *content)
{
    if (content == NULL)
        return;
    for (struct data_entry *entry = content->data; entry != NULL; entry = entry->next)
        dataset_destroy(entry->dataset);
    for (struct weights_entry *entry = content->weights; entry != NULL; entry = entry->next)
        weights_destroy(entry->weights);
}

/* ---- weights ---- */

static enum status read_manifest(struct content *content, struct weights_entry *entry)
{
    char hex[HASH_HEX_BYTES];
    enum status status = STATUS_OK;

    if (!file_exists(entry->path))
        return fail(STATUS_IO, "weights '%s' do not exist", entry->path);
    TRY(hash_file(entry->path, hex));
    TRY(manifest_load(entry->path, hex, content->spec->arena, &entry->manifest,
                      &entry->has_manifest));
    TRY_ALLOC(entry->hash, arena_strdup(content->spec->arena, hex));
done:
    return status;
}

static enum status find_weights(struct content *content, const struct point *point,
                                struct weights_entry **out)
{
    enum status status = STATUS_OK;
    struct weights_entry *entry = content->weights;
    const char *path = point->settings.model.weights;

    while (entry != NULL && strcmp(entry->path, path) != 0)
        entry = entry->next;
    *out = entry;
    if (entry != NULL)
        return STATUS_OK;
    TRY_ALLOC(entry, ARENA_NEW(content->spec->arena, struct weights_entry));
    *entry = (struct weights_entry){.path = path, .next = content->weights};
    content->weights = entry;
    enum status loaded = read_manifest(content, entry);
    entry->state = file_state_after(loaded);
    if (loaded != STATUS_OK) {
        TRY(content_report(content, point, "model.weights", loaded));
        TRY_ALLOC(entry->hash, arena_format(content->spec->arena, "absent:%s", path));
    }
    *out = entry;
done:
    return status;
}

/* *is_known: whether the data say how large images are; else any size that the model takes. */
static enum status model_of(struct content *content, const struct point *point,
                            struct fit_model *out, bool *is_known)
{
    enum status status = STATUS_OK;
    struct data_entry *data = NULL;
    const struct vit_shape *vit = &point->settings.model.vit;

    TRY(content_data(content, point, &data));
    *is_known = data->shape.n_classes > 0;
    *out = (struct fit_model){.architecture = point->architecture, .vit = *vit, .image = any_shape};
    if (*is_known)
        out->image = data->shape;
    else if (point->architecture->vit.layers > 0)
        out->image.height = out->image.width = (int)vit->patch; /* at most 1024 */
done:
    return status;
}

static bool is_same(const struct fit_model *a, const struct fit_model *b)
{
    return a->architecture == b->architecture &&
           memcmp(&a->image, &b->image, sizeof a->image) == 0 &&
           memcmp(&a->vit, &b->vit, sizeof a->vit) == 0;
}

static bool is_fit_known(const struct weights_entry *entry, const struct fit_model *model)
{
    for (int i = 0; i < entry->n_fits; i++)
        if (is_same(&entry->fits[i], model))
            return true;
    return false;
}

static enum status check_fit(struct content *content, const struct point *point,
                             struct weights_entry *entry)
{
    enum status status = STATUS_OK;
    struct fit_model model;
    bool is_known = false;

    TRY(model_of(content, point, &model, &is_known));
    if (entry->state != FILE_PRESENT || !is_known || is_fit_known(entry, &model))
        return STATUS_OK;
    if (entry->weights == NULL) {
        enum status loaded = weights_load(entry->path, &entry->weights);
        entry->state = file_state_after(loaded);
        if (loaded != STATUS_OK)
            return content_report(content, point, "model.weights", loaded);
    }
    if (entry->n_fits < MAX_FITS)
        entry->fits[entry->n_fits++] = model;
    enum status checked = fit_weights(entry->weights, entry->path, &model);
    if (checked != STATUS_OK)
        TRY(content_report(content, point, "model.weights", checked));
done:
    return status;
}

static enum status resolve_weights(struct content *content, const struct point *point,
                                   const char **out)
{
    enum status status = STATUS_OK;
    struct weights_entry *entry = NULL;

    bool relearns = point->settings.eval.relearn.max_steps > 0;

    *out = NULL;
    if (!method_starts_from_weights(point->method) && !relearns)
        return STATUS_OK;
    *out = "";
    if (*point->settings.model.weights == '\0' && !method_starts_from_weights(point->method)) {
        diagnostics_error(content->spec->diagnostics,
                          point_at(point, "eval.relearn.max_steps", &content->spec->top), NULL,
                          "'eval.relearn' compares with a base model: set 'model.weights'");
        return STATUS_OK;
    }
    if (*point->settings.model.weights == '\0') {
        diagnostics_error(
            content->spec->diagnostics, point_at(point, "unlearn.method", &content->spec->top),
            NULL, "method '%s' starts from a base model: set 'model.weights'", point->method->name);
        return STATUS_OK;
    }
    TRY(find_weights(content, point, &entry));
    *out = entry->hash;
    TRY(check_fit(content, point, entry));
done:
    return status;
}

/* ---- normalisation ---- */

static void give(struct normalisation *normalisation, const double values[3])
{
    normalisation->kind = NORMALISATION_GIVEN;
    memcpy(normalisation->values, values, sizeof normalisation->values);
}

static void refuse_base(struct content *content, const struct point *point, const char *setting)
{
    const char *weights = point->settings.model.weights;
    const struct position *at = point_at(point, setting, &content->spec->top);
    const char *hint = "give three numbers, or published";

    if (*weights == '\0')
        diagnostics_error(content->spec->diagnostics, at, hint,
                          "'%s' is base, but 'model.weights' names no base model to take it from",
                          setting);
    else
        diagnostics_error(
            content->spec->diagnostics, at, hint,
            "'%s' is base, but no manifest beside '%s' says what the model was trained with",
            setting, weights);
}

static enum status resolve_normalisation(struct content *content, struct point *point)
{
    enum status status = STATUS_OK;
    struct normalisation *mean = &point->settings.data.mean, *std = &point->settings.data.std;
    struct weights_entry *entry = NULL;

    if (mean->kind == NORMALISATION_PUBLISHED)
        give(mean, published_mean);
    if (std->kind == NORMALISATION_PUBLISHED)
        give(std, published_std);
    bool wants_base = mean->kind == NORMALISATION_BASE || std->kind == NORMALISATION_BASE;
    if (wants_base && *point->settings.model.weights != '\0')
        TRY(find_weights(content, point, &entry));
    if (entry != NULL && entry->state != FILE_PRESENT)
        return STATUS_OK; /* reported already */
    bool is_known = entry != NULL && entry->has_manifest && entry->manifest.has_normalisation;
    if (mean->kind == NORMALISATION_BASE && is_known)
        give(mean, entry->manifest.mean);
    else if (mean->kind == NORMALISATION_BASE)
        refuse_base(content, point, "data.mean");
    if (std->kind == NORMALISATION_BASE && is_known)
        give(std, entry->manifest.std);
    else if (std->kind == NORMALISATION_BASE)
        refuse_base(content, point, "data.std");
done:
    return status;
}

/* ---- the model itself, and its adapters ---- */

/* What is known of a model and a pattern ("": the model alone); asked and reported once. */
static enum status check_model(struct content *content, const struct point *point,
                               const char *targets, bool *is_good)
{
    enum status status = STATUS_OK;
    struct fit_model model;
    bool is_known = false;
    struct targets_entry *entry = content->targets;

    TRY(model_of(content, point, &model, &is_known));
    for (; entry != NULL; entry = entry->next)
        if (is_same(&entry->model, &model) && strcmp(entry->targets, targets) == 0) {
            *is_good = entry->is_good;
            return STATUS_OK;
        }
    TRY_ALLOC(entry, ARENA_NEW(content->spec->arena, struct targets_entry));
    enum status checked = *targets == '\0' ? fit_shape(&model) : fit_targets(targets, &model);
    *entry = (struct targets_entry){targets, model, checked == STATUS_OK, content->targets};
    content->targets = entry;
    *is_good = entry->is_good;
    if (checked != STATUS_OK)
        TRY(content_report(content, point, *targets == '\0' ? "model.arch" : "lora.targets",
                           checked));
done:
    return status;
}

/* ---- the recipe ---- */

static enum status check_recipe(struct content *content, const struct point *point,
                                const struct row_counts *counts)
{
    enum status status = STATUS_OK;
    struct data_entry *data = NULL;
    const struct phase *phase = method_phase(point->method);
    const char *setting = NULL;
    char name[64];

    if (phase == NULL)
        return STATUS_OK;
    struct recipe_use use = phase_use(phase, phase_recipe(phase, &point->settings), counts);
    if (counts->n_retain == 0)
        use.n_streams = 0;
    TRY(content_data(content, point, &data));
    use.height = data->shape.height;
    use.width = data->shape.width;
    enum status checked = recipe_check(&use, &setting);
    if (checked == STATUS_OK)
        return STATUS_OK;
    snprintf(name, sizeof name, "%s.%s", use.section, setting);
    TRY(content_report(content, point, name, checked));
done:
    return status;
}

enum status content_resolve(struct content *content, struct point *point, struct contents *out)
{
    enum status status = STATUS_OK;
    const char *targets = point->settings.lora.targets;
    struct row_counts counts = {0};
    bool is_good = true;

    *out = (struct contents){.split = "", .weights = ""};
    TRY(content_split(content, point, &out->split, &counts));
    TRY(check_recipe(content, point, &counts));
    TRY(check_model(content, point, "", &is_good));
    if (!is_good)
        return STATUS_OK;
    TRY(resolve_weights(content, point, &out->weights));
    TRY(resolve_normalisation(content, point));
    if ((method_reads(point->method) & GROUP_LORA) != 0 && strcmp(targets, "default") != 0)
        TRY(check_model(content, point, targets, &is_good));
done:
    return status;
}
