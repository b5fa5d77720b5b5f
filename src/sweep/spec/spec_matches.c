/* The partial points of exclude and include. */
#include "sweep/spec/spec.h"

#include <string.h>

/* Flattens nested maps of one exclude or include entry. */
static enum status add_values(struct spec *spec, const char *prefix, const struct tree *map,
                              struct match *match)
{
    enum status status = STATUS_OK;
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
            !setting_read(&spec->reader, setting_at(setting), entry->value, match->wanted))
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
        diagnostics_error(spec->diagnostics, &list->at, NULL, "'%s' expects a list of maps, got %s",
                          entry->key, tree_describe(spec->arena, list));
        return STATUS_OK;
    }
    out->n = 0; /* a later layer's list replaces an earlier one's */
    for (int64_t i = 0; i < list->n; i++) {
        const struct tree *map = list->items[i];
        if (map->kind != TREE_MAP || map->n == 0) {
            diagnostics_error(spec->diagnostics, &map->at, NULL,
                              "an entry of '%s' must be a map of settings, got %s", entry->key,
                              map->kind == TREE_MAP ? "an empty map"
                                                    : tree_describe(spec->arena, map));
            continue;
        }
        TRY(heap_grow(&out->items, &out->capacity, out->n + 1, sizeof *out->items));
        struct match *match = &out->items[out->n++];
        *match = (struct match){.at = map->at};
        TRY_ALLOC(match->wanted, ARENA_NEW(spec->arena, struct settings));
        TRY_ALLOC(match->values, ARENA_ARRAY(spec->arena, MAX_SETTINGS, struct match_value));
        TRY(add_values(spec, "", map, match));
    }
done:
    return status;
}
