/* Keys that relate settings to each other: zip and when; and what other programs' files have at
 * their top. */
#include "sweep/spec/spec.h"

#include <string.h>

/* ---- zip ---- */

static bool is_zipped(const struct spec *spec, int setting)
{
    for (int64_t i = 0; i < spec->n_zips; i++)
        for (int k = 0; k < spec->zips[i].n; k++)
            if (spec->zips[i].settings[k] == setting)
                return true;
    return false;
}

static void add_to_zip(struct spec *spec, const struct tree *name, struct zip *zip)
{
    if (name->kind != TREE_TEXT) {
        diagnostics_error(spec->diagnostics, &name->at, NULL,
                          "'zip' expects names of parameters, got %s",
                          tree_describe(spec->arena, name));
        return;
    }
    int setting = spec_find_setting(spec, name->text, &name->at);
    if (setting < 0)
        return;
    if (is_zipped(spec, setting))
        diagnostics_error(spec->diagnostics, &name->at, NULL, "'%s' is zipped twice", name->text);
    else
        zip->settings[zip->n++] = setting; /* each setting once: never more than MAX_SETTINGS */
}

static enum status read_group(struct spec *spec, const struct tree *group)
{
    enum status status = STATUS_OK;

    if (group->kind != TREE_LIST || group->n < 2) {
        diagnostics_error(spec->diagnostics, &group->at, "zip: [[prune.sparsity, train.epochs]]",
                          "'zip' expects lists of two or more parameters, got %s",
                          group->kind == TREE_LIST ? "a shorter list"
                                                   : tree_describe(spec->arena, group));
        return STATUS_OK;
    }
    TRY(heap_grow(&spec->zips, &spec->zips_capacity, spec->n_zips + 1, sizeof *spec->zips));
    struct zip *zip = &spec->zips[spec->n_zips++];
    *zip = (struct zip){.at = group->at};
    for (int64_t i = 0; i < group->n; i++)
        add_to_zip(spec, group->items[i], zip);
done:
    return status;
}

enum status spec_read_zip(struct spec *spec, const struct tree_entry *entry)
{
    enum status status = STATUS_OK;
    const struct tree *list = entry->value;

    spec->n_zips = 0; /* a later layer's list replaces an earlier one's */
    bool is_flat = list->kind != TREE_LIST || list->n == 0;
    for (int64_t i = 0; i < list->n && list->kind == TREE_LIST && !is_flat; i++)
        is_flat = list->items[i]->kind == TREE_TEXT;
    if (is_flat) {
        diagnostics_error(spec->diagnostics, &list->at, "[[prune.sparsity, train.epochs]]",
                          "'zip' expects a list of lists of parameters, got %s",
                          list->kind == TREE_LIST ? "a single list"
                                                  : tree_describe(spec->arena, list));
        return STATUS_OK;
    }
    for (int64_t i = 0; i < list->n; i++)
        TRY(read_group(spec, list->items[i]));
done:
    return status;
}

/* ---- when ---- */

static enum status read_condition(struct spec *spec, int setting, const struct tree_entry *entry)
{
    enum status status = STATUS_OK;
    const struct tree *value = entry->value;
    struct slot *slot = &spec->slots[setting];
    struct expression *when = NULL;

    if (value->kind != TREE_TEXT || text_has_expression(value->text)) {
        diagnostics_error(spec->diagnostics, &value->at, "\"unlearn.method in [lora, prune_lora]\"",
                          "the condition of '%s' must be text without '${}', got %s", entry->key,
                          tree_describe(spec->arena, value));
        return STATUS_OK;
    }
    if (setting_at(setting)->standard == NULL || setting_at(setting)->counts == COUNTS_NEVER) {
        diagnostics_error(spec->diagnostics, &entry->at, NULL,
                          setting_at(setting)->standard == NULL
                              ? "'%s' has no default to fall back on, so it cannot have a condition"
                              : "'%s' changes no result, so it cannot have a condition",
                          setting_at(setting)->name);
        return STATUS_OK;
    }
    TRY(condition_parse(&spec->reader, value, &when));
    slot->when = when;
    slot->condition = value;
done:
    return status;
}

enum status spec_read_when(struct spec *spec, const char *prefix, const struct tree *map)
{
    enum status status = STATUS_OK;

    if (map->kind == TREE_NULL)
        return STATUS_OK;
    if (map->kind != TREE_MAP) {
        diagnostics_error(spec->diagnostics, &map->at, NULL,
                          "'when' expects a map from settings to conditions, got %s",
                          tree_describe(spec->arena, map));
        return STATUS_OK;
    }
    for (int64_t i = 0; i < map->n; i++) {
        const struct tree_entry *entry = &map->entries[i];
        const char *name = entry->key;
        if (*prefix != '\0')
            TRY_ALLOC(name, arena_format(spec->arena, "%s.%s", prefix, entry->key));
        if (entry->value->kind == TREE_MAP && setting_is_section(name)) {
            TRY(spec_read_when(spec, name, entry->value));
            continue;
        }
        int setting = spec_find_setting(spec, name, &entry->at);
        if (setting >= 0)
            TRY(read_condition(spec, setting, entry));
    }
done:
    return status;
}

/* ---- other programs' keys ---- */

const char *spec_foreign_key(const char *name)
{
    static const struct {
        const char *key, *advice;
    } rows[] = {
        {"program", "the methods are built in, 'unlearn.method' chooses one; leave it out"},
        {"command", "the methods are built in; leave it out"},
        {"project", "results go to results/<name>; leave it out"},
        {"entity", "results go to results/<name>; leave it out"},
        {"controller", "rank 0 deals the runs; leave it out"},
        {"job", "nothing is started elsewhere; leave it out"},
        {"queue", "nothing is started elsewhere; leave it out"},
        {"count", "write 'run_cap'"},
        {"matrix", "write 'parameters'"},
        {"strategy", "write 'parameters', 'exclude' and 'include' at the top"},
        {"hydra", "write 'parameters'"},
        {"defaults", "write 'base' with a list of files"},
        {"sweep", "write 'parameters'"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].key, name) == 0)
            return rows[i].advice;
    return NULL;
}
