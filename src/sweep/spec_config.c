/* Settings by name: `config`, dotted or nested, and what an assignment does to the layers before.
 */
#include "sweep/spec.h"

#include <string.h>

static const char *suggest(struct spec *spec, const char *name)
{
    const char *const *names = setting_names(spec->arena);

    return names != NULL ? did_you_mean(spec->arena, name, names) : NULL;
}

int spec_find_setting(struct spec *spec, const char *name, const struct position *at)
{
    int index = setting_find(name);

    if (index >= 0 && strcmp(name, "seed") == 0) {
        diagnostics_error(spec->diagnostics, at, "write 'seeds'",
                          "the seeds of a sweep are given by 'seeds', not as a setting");
        return -1;
    }
    if (index >= 0)
        return index;
    if (setting_is_planned(name))
        diagnostics_error(spec->diagnostics, at, NULL, "'%s' is not supported yet", name);
    else if (setting_is_section(name))
        diagnostics_error(spec->diagnostics, at, NULL, "'%s' holds settings, it has no value",
                          name);
    else
        diagnostics_error(spec->diagnostics, at, suggest(spec, name), "unknown setting '%s'", name);
    return -1;
}

/* Keeps the values that can be read and reports the others. */
static enum status keep_readable(struct spec *spec, const struct slot_values *values,
                                 struct slot *slot)
{
    enum status status = STATUS_OK;
    struct settings scratch = {0};
    struct tree **kept = NULL;

    TRY_ALLOC(kept, ARENA_ARRAY(spec->arena, values->n, struct tree *));
    slot->values = kept;
    slot->n_values = 0;
    for (int64_t i = 0; i < values->n; i++)
        if (setting_read(&spec->reader, setting_at(values->setting), values->items[i], &scratch))
            kept[slot->n_values++] = values->items[i];
    slot->is_broken = slot->n_values == 0;
done:
    return status;
}

static bool is_given_twice(struct spec *spec, const struct slot_values *values)
{
    const struct slot *slot = &spec->slots[values->setting];
    const char *name = setting_at(values->setting)->name;

    if (slot->layer != spec->layer)
        return false;
    if ((slot->order > 0) != values->is_axis)
        diagnostics_error(spec->diagnostics, &values->at, NULL,
                          "'%s' is both a constant and a parameter, first at line %d column %d",
                          name, slot->at.line, slot->at.column);
    else
        diagnostics_error(spec->diagnostics, &values->at, NULL,
                          "'%s' is given twice, first at line %d column %d", name, slot->at.line,
                          slot->at.column);
    return true;
}

enum status spec_assign(struct spec *spec, const struct slot_values *values)
{
    enum status status = STATUS_OK;
    struct slot *slot = &spec->slots[values->setting];
    const struct setting *setting = setting_at(values->setting);

    if (is_given_twice(spec, values))
        return STATUS_OK;
    if (values->is_axis && setting->group == GROUP_EXECUTION) {
        diagnostics_error(spec->diagnostics, &values->at, NULL,
                          "'%s' changes no result, so it cannot be swept", setting->name);
        return STATUS_OK;
    }
    slot->layer = spec->layer;
    slot->at = values->at;
    if (!values->is_axis)
        slot->order = 0;
    else if (slot->order == 0)
        slot->order = ++spec->n_orders;
    TRY(keep_readable(spec, values, slot));
done:
    return status;
}

static enum status read_entry(struct spec *spec, const char *name, const struct tree_entry *entry)
{
    int setting = -1;

    if (entry->value->kind == TREE_MAP && setting_is_section(name))
        return spec_read_config(spec, name, entry->value);
    setting = spec_find_setting(spec, name, &entry->at);
    if (setting < 0)
        return STATUS_OK;
    return spec_assign(spec, &(struct slot_values){setting, false, entry->at, &entry->value, 1});
}

enum status spec_read_config(struct spec *spec, const char *prefix, const struct tree *map)
{
    enum status status = STATUS_OK;

    if (map->kind == TREE_NULL)
        return STATUS_OK;
    if (map->kind != TREE_MAP) {
        diagnostics_error(spec->diagnostics, &map->at, NULL, "'%s' wants a map of settings, got %s",
                          *prefix == '\0' ? "config" : prefix, tree_describe(spec->arena, map));
        return STATUS_OK;
    }
    for (int64_t i = 0; i < map->n; i++) {
        const struct tree_entry *entry = &map->entries[i];
        const char *name = entry->key;
        if (*prefix != '\0')
            TRY_ALLOC(name, arena_format(spec->arena, "%s.%s", prefix, entry->key));
        TRY(read_entry(spec, name, entry));
    }
done:
    return status;
}
