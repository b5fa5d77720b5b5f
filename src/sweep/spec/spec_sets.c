/* --set key=value: the last layer. All of them form one source, a line each, so that mistakes show
 * the text and which one it was. */
#include "config/flow_value.h"
#include "sweep/spec/spec.h"

#include <string.h>

static enum status join_sets(struct spec *spec, const char *const *sets, int64_t n_sets,
                             struct source **out)
{
    enum status status = STATUS_OK;
    struct text text = {0};
    struct source *source = NULL;

    for (int64_t i = 0; i < n_sets; i++)
        text_append(&text, "%s\n", sets[i]);
    TRY(text_finish(&text));
    TRY_ALLOC(source, ARENA_NEW(spec->arena, struct source));
    source->name = "--set";
    TRY_ALLOC(source->text, arena_strdup(spec->arena, text_value(&text)));
    *out = source;
done:
    text_release(&text);
    return status;
}

static enum status make_map(struct spec *spec, const struct tree_entry *entry, struct tree **out)
{
    enum status status = STATUS_OK;
    struct tree *map = NULL;

    TRY_ALLOC(map, ARENA_NEW(spec->arena, struct tree));
    *map = (struct tree){.kind = TREE_MAP, .at = entry->at, .n = 1, .weight = 2};
    TRY_ALLOC(map->entries, ARENA_NEW(spec->arena, struct tree_entry));
    map->entries[0] = *entry;
    *out = map;
done:
    return status;
}

/* seeds=5, seeds=0,1,2, name=x, on_failure.retries=0: a key of the file's top. */
static enum status set_top_key(struct spec *spec, struct tree_entry *entry,
                               const struct flow_values *values)
{
    enum status status = STATUS_OK;
    const char *dot = strchr(entry->key, '.');
    bool is_several = values->n > 1 || strcmp(entry->key, "base") == 0;

    entry->value = values->items[0];
    if (is_several)
        TRY(tree_list(spec->arena, &values->at, values->items, values->n, &entry->value));
    if (dot != NULL) {
        struct tree_entry inner = {dot + 1, entry->at, entry->value};
        TRY_ALLOC(entry->key,
                  arena_format(spec->arena, "%.*s", (int)(dot - entry->key), entry->key));
        TRY(make_map(spec, &inner, &entry->value));
    }
    TRY(spec_read_key(spec, entry));
done:
    return status;
}

static bool is_top_key(struct spec *spec, const struct tree_entry *entry)
{
    static const char *const file_only[] = {"base",    "config", "parameters", "exclude",
                                            "include", "zip",    "when",       NULL};
    static const char *const maps[] = {"on_failure.", "metric.", "early_terminate.", NULL};

    for (int i = 0; file_only[i] != NULL; i++)
        if (strcmp(entry->key, file_only[i]) == 0)
            diagnostics_error(spec->diagnostics, &entry->at, NULL,
                              "'%s' can only be given in a file", entry->key);
    for (int i = 0; maps[i] != NULL; i++)
        if (text_starts_with(entry->key, maps[i]))
            return true;
    return spec_top_key_exists(entry->key);
}

static enum status set_one(struct spec *spec, const char *text, const struct position *at)
{
    enum status status = STATUS_OK;
    struct flow_values values = {0};
    struct tree_entry entry = {.at = *at};
    const char *equals = strchr(text, '=');

    entry.at.length = equals != NULL ? (int)(equals - text) : (int)strlen(text);
    if (equals == NULL || equals == text) {
        diagnostics_error(spec->diagnostics, &entry.at, NULL, "--set expects key=value");
        return STATUS_OK;
    }
    TRY_ALLOC(entry.key, arena_format(spec->arena, "%.*s", (int)(equals - text), text));
    struct position value_at = *at;
    value_at.column += entry.at.length + 1;
    int64_t n_errors = spec->diagnostics->n_errors;
    bool is_top = is_top_key(spec, &entry);
    if (spec->diagnostics->n_errors > n_errors)
        return STATUS_OK;
    int setting = is_top ? -1 : spec_find_setting(spec, entry.key, &entry.at);
    TRY(flow_parse(equals + 1, &value_at, spec->arena, spec->diagnostics, &values));
    if (values.n == 0)
        return STATUS_OK;
    if (is_top)
        return set_top_key(spec, &entry, &values);
    if (setting >= 0)
        TRY(spec_assign(spec, &(struct slot_values){.setting = setting,
                                                    .is_axis = values.n > 1,
                                                    .at = entry.at,
                                                    .items = values.items,
                                                    .n = values.n}));
done:
    return status;
}

enum status spec_read_sets(struct spec *spec, const char *const *sets, int64_t n_sets)
{
    enum status status = STATUS_OK;
    struct source *source = NULL;

    if (n_sets == 0)
        return STATUS_OK;
    TRY(join_sets(spec, sets, n_sets, &source));
    for (int64_t i = 0; i < n_sets; i++) {
        struct position at = {source, (int)i + 1, 1, 1};
        if (strpbrk(sets[i], "\n\r") != NULL)
            diagnostics_error(spec->diagnostics, &at, NULL, "--set must be a single line");
        else
            TRY(set_one(spec, sets[i], &at));
    }
done:
    return status;
}
