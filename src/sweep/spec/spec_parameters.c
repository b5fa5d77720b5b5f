/* `parameters`, dotted or nested: down to the settings that vary. */
#include "sweep/spec/spec.h"

#include <string.h>

static enum status read_axis(struct spec *spec, const char *name, const struct tree_entry *entry)
{
    if (entry->value->kind == TREE_MAP && setting_is_section(name) && setting_find(name) < 0)
        return spec_read_parameters(spec, name, entry->value);
    int setting = spec_find_setting(spec, name, &entry->at);
    return setting < 0 ? STATUS_OK : spec_read_axis(spec, setting, entry);
}

enum status spec_read_parameters(struct spec *spec, const char *prefix, const struct tree *map)
{
    enum status status = STATUS_OK;

    if (map->kind == TREE_NULL)
        return STATUS_OK;
    if (map->kind != TREE_MAP) {
        diagnostics_error(spec->diagnostics, &map->at, NULL,
                          "'parameters' expects a map of settings, got %s",
                          tree_describe(spec->arena, map));
        return STATUS_OK;
    }
    for (int64_t i = 0; i < map->n; i++) {
        const struct tree_entry *entry = &map->entries[i];
        const char *name = entry->key;
        if (*prefix != '\0' && strcmp(name, "parameters") == 0) {
            diagnostics_error(spec->diagnostics, &entry->at, NULL,
                              "nested parameters need no 'parameters': write '%s: {...}' with the "
                              "settings inside",
                              prefix);
            continue;
        }
        if (*prefix != '\0')
            TRY_ALLOC(name, arena_format(spec->arena, "%s.%s", prefix, entry->key));
        TRY(read_axis(spec, name, entry));
    }
done:
    return status;
}
