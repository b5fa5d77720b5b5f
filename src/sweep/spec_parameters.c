/* `parameters`: axes by values, value, range or a bare list; and the partial points of exclude and
 * include. */
#include "sweep/spec.h"

#include <stdio.h>
#include <string.h>

enum { MOST_VALUES = 100000 };

struct axis_source { /* the one key an axis map may have, and what it means */
    struct spec *spec;
    int setting;
    const struct tree_entry *entry; /* "lora.rank: …" */
};

static enum status assign(const struct axis_source *axis, struct tree *const *items, int64_t n,
                          bool is_axis)
{
    return spec_assign(axis->spec,
                       &(struct slot_values){axis->setting, is_axis, axis->entry->at, items, n});
}

/* Keeps the setting from counting as missing on top of the mistake just reported. */
static enum status mark_broken(const struct axis_source *axis)
{
    return assign(axis, NULL, 0, true);
}

static enum status read_values(const struct axis_source *axis, const struct tree *values)
{
    const char *name = setting_at(axis->setting)->name;

    if (values->kind == TREE_LIST && values->n > 0)
        return assign(axis, values->items, values->n, true);
    if (values->kind == TREE_LIST)
        diagnostics_error(axis->spec->diagnostics, &values->at, NULL,
                          "'%s' has an empty list of values", name);
    else
        diagnostics_error(axis->spec->diagnostics, &values->at, "write [ … ]",
                          "the values of '%s' want a list, got %s", name,
                          tree_describe(axis->spec->arena, values));
    return mark_broken(axis);
}

static enum status read_range(const struct axis_source *axis, const struct tree *range)
{
    enum status status = STATUS_OK;
    struct diagnostics *diagnostics = axis->spec->diagnostics;
    const char *name = setting_at(axis->setting)->name;
    struct tree **items = NULL;
    char number[32];
    int64_t distance = 0;
    bool is_pair = range->kind == TREE_LIST && range->n == 2 &&
                   range->items[0]->kind == TREE_INTEGER && range->items[1]->kind == TREE_INTEGER;

    if (!is_pair)
        diagnostics_error(diagnostics, &range->at, NULL,
                          "the range of '%s' wants two integers [first, last]", name);
    else if (__builtin_sub_overflow(range->items[1]->integer, range->items[0]->integer,
                                    &distance) ||
             distance >= MOST_VALUES)
        diagnostics_error(diagnostics, &range->at, NULL,
                          "the range of '%s' has more than %d values", name, MOST_VALUES);
    else if (distance < 0)
        diagnostics_error(diagnostics, &range->at, NULL,
                          "the range of '%s' ends before it begins: %s to %s", name,
                          range->items[0]->text, range->items[1]->text);
    if (!is_pair || distance < 0 || distance >= MOST_VALUES)
        return mark_broken(axis);
    TRY_ALLOC(items, ARENA_ARRAY(axis->spec->arena, distance + 1, struct tree *));
    for (int64_t i = 0; i <= distance; i++) {
        snprintf(number, sizeof number, "%lld", (long long)range->items[0]->integer + i);
        TRY(tree_scalar(axis->spec->arena, &range->at, number, false, &items[i]));
    }
    TRY(assign(axis, items, distance + 1, true));
done:
    return status;
}

static enum status read_axis_map(const struct axis_source *axis, const struct tree *map)
{
    static const char *const words[] = {"values", "value", "range", NULL};
    static const char *const planned[] = {"distribution", "min", "max", "mu", "sigma", "q", NULL};
    struct diagnostics *diagnostics = axis->spec->diagnostics;
    const char *name = setting_at(axis->setting)->name;

    if (map->n == 0)
        diagnostics_error(diagnostics, &map->at, NULL, "'%s' wants values, value or range", name);
    for (int64_t i = 1; i < map->n; i++)
        diagnostics_error(diagnostics, &map->entries[i].at, NULL,
                          "'%s' has '%s' already; '%s' beside it has no meaning", name,
                          map->entries[0].key, map->entries[i].key);
    if (map->n != 1)
        return mark_broken(axis);
    const struct tree_entry *entry = &map->entries[0];
    if (strcmp(entry->key, "values") == 0)
        return read_values(axis, entry->value);
    if (strcmp(entry->key, "value") == 0)
        return assign(axis, &entry->value, 1, false);
    if (strcmp(entry->key, "range") == 0)
        return read_range(axis, entry->value);
    for (int i = 0; planned[i] != NULL; i++) {
        if (strcmp(entry->key, planned[i]) == 0) {
            diagnostics_error(diagnostics, &entry->at, NULL, "'%s' is not supported yet",
                              entry->key);
            return mark_broken(axis);
        }
    }
    diagnostics_error(diagnostics, &entry->at, did_you_mean(axis->spec->arena, entry->key, words),
                      "unknown key '%s' of '%s'; it may be values, value or range", entry->key,
                      name);
    return mark_broken(axis);
}

static enum status read_axis(struct spec *spec, const char *name, const struct tree_entry *entry)
{
    struct axis_source axis = {spec, -1, entry};

    if (entry->value->kind == TREE_MAP && setting_is_section(name) && setting_find(name) < 0)
        return spec_read_parameters(spec, name, entry->value);
    axis.setting = spec_find_setting(spec, name, &entry->at);
    if (axis.setting < 0)
        return STATUS_OK;
    if (entry->value->kind == TREE_MAP)
        return read_axis_map(&axis, entry->value);
    return entry->value->kind == TREE_LIST ? read_values(&axis, entry->value)
                                           : assign(&axis, &entry->value, 1, false);
}

enum status spec_read_parameters(struct spec *spec, const char *prefix, const struct tree *map)
{
    enum status status = STATUS_OK;

    if (map->kind == TREE_NULL)
        return STATUS_OK;
    if (map->kind != TREE_MAP) {
        diagnostics_error(spec->diagnostics, &map->at, NULL,
                          "'parameters' wants a map of settings, got %s",
                          tree_describe(spec->arena, map));
        return STATUS_OK;
    }
    for (int64_t i = 0; i < map->n; i++) {
        const struct tree_entry *entry = &map->entries[i];
        const char *name = entry->key;
        if (*prefix != '\0')
            TRY_ALLOC(name, arena_format(spec->arena, "%s.%s", prefix, entry->key));
        TRY(read_axis(spec, name, entry));
    }
done:
    return status;
}

/* Flattens nested maps of one exclude or include entry. */
static enum status add_values(struct spec *spec, const char *prefix, const struct tree *map,
                              struct match *match)
{
    enum status status = STATUS_OK;
    struct settings scratch = {0};

    for (int64_t i = 0; i < map->n; i++) {
        const struct tree_entry *entry = &map->entries[i];
        const char *name = entry->key;
        if (*prefix != '\0')
            TRY_ALLOC(name, arena_format(spec->arena, "%s.%s", prefix, entry->key));
        if (entry->value->kind == TREE_MAP && setting_is_section(name)) {
            TRY(add_values(spec, name, entry->value, match));
            continue;
        }
        int setting = spec_find_setting(spec, name, &entry->at);
        if (setting < 0 ||
            !setting_read(&spec->reader, setting_at(setting), entry->value, &scratch))
            continue;
        for (int64_t k = 0; k < match->n; k++)
            if (match->values[k].setting == setting)
                diagnostics_error(spec->diagnostics, &entry->at, NULL, "'%s' is given twice", name);
        if (match->n < MAX_SETTINGS)
            match->values[match->n++] = (struct match_value){setting, entry->value};
    }
done:
    return status;
}

enum status spec_read_matches(struct spec *spec, const struct tree_entry *entry,
                              struct matches *out)
{
    enum status status = STATUS_OK;
    const struct tree *list = entry->value;

    if (list->kind != TREE_LIST) {
        diagnostics_error(spec->diagnostics, &list->at, NULL, "'%s' wants a list of maps, got %s",
                          entry->key, tree_describe(spec->arena, list));
        return STATUS_OK;
    }
    out->n = 0; /* a later layer's list replaces an earlier one's */
    for (int64_t i = 0; i < list->n; i++) {
        const struct tree *map = list->items[i];
        if (map->kind != TREE_MAP || map->n == 0) {
            diagnostics_error(spec->diagnostics, &map->at, NULL,
                              "an entry of '%s' wants a map of settings, got %s", entry->key,
                              map->kind == TREE_MAP ? "an empty one"
                                                    : tree_describe(spec->arena, map));
            continue;
        }
        TRY(heap_grow(&out->items, &out->capacity, out->n + 1, sizeof *out->items));
        struct match *match = &out->items[out->n++];
        *match = (struct match){.at = map->at};
        TRY_ALLOC(match->values, ARENA_ARRAY(spec->arena, MAX_SETTINGS, struct match_value));
        TRY(add_values(spec, "", map, match));
    }
done:
    return status;
}
