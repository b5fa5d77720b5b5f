/* Settings by name: `config`, dotted or nested, and what an assignment does to the layers before.
 */
#include "sweep/spec/spec.h"

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
                          "the seeds of a sweep are given by 'seeds', not by a setting");
        return -1;
    }
    if (index >= 0)
        return index;
    if (setting_is_planned(name))
        diagnostics_error(spec->diagnostics, at, NULL, "'%s' is not supported yet", name);
    else if (setting_is_section(name))
        diagnostics_error(spec->diagnostics, at, NULL,
                          "'%s' is a section of settings and has no value", name);
    else
        diagnostics_error(spec->diagnostics, at, suggest(spec, name), "unknown setting '%s'", name);
    return -1;
}

/* An expression for a setting: of the right kind, and not where the program cannot wait for it. */
static enum status read_expression(struct spec *spec, const struct setting *setting,
                                   const struct tree *value, struct expression **out)
{
    enum result_kind wanted = RESULT_TEXT;
    const char *reason = NULL;
    bool is_possible = setting_result_kind(setting, &wanted);

    if (!is_possible)
        reason = "is a list, which no expression can give";
    else if (setting->counts == COUNTS_NEVER)
        reason = "changes no result, so it cannot depend on other settings";
    else if (setting->kind == SETTING_ARCHITECTURE)
        reason = "decides what other settings are, so it cannot depend on them";
    if (reason != NULL) {
        diagnostics_error(spec->diagnostics, &value->at, NULL, "'%s' %s", setting->name, reason);
        return STATUS_OK;
    }
    enum status status = expression_parse(&spec->reader, value, out);
    if (status != STATUS_OK || *out == NULL)
        return status;
    enum result_kind kind = expression_kind(*out);
    bool is_number = kind == RESULT_INTEGER || kind == RESULT_NUMBER;
    bool wants_number = wanted == RESULT_INTEGER || wanted == RESULT_NUMBER;
    bool is_switched = kind == RESULT_BOOL && setting->kind == SETTING_SWITCH;
    if (kind == wanted || (is_number && wants_number) || is_switched)
        return STATUS_OK;
    diagnostics_error(spec->diagnostics, &value->at, NULL,
                      "'%s' expects %s, but this expression is %s", setting->name,
                      wants_number            ? "a number"
                      : wanted == RESULT_BOOL ? "true or false"
                                              : "text",
                      is_number             ? "a number"
                      : kind == RESULT_BOOL ? "true or false"
                                            : "text");
    *out = NULL;
    return STATUS_OK;
}

static enum status read_value(struct spec *spec, const struct setting *setting,
                              const struct tree *value, struct expression **out, bool *is_read)
{
    enum status status = STATUS_OK;
    struct settings scratch = {0};

    *out = NULL;
    if (value->kind == TREE_TEXT && text_has_expression(value->text)) {
        TRY(read_expression(spec, setting, value, out));
        *is_read = *out != NULL;
    } else {
        *is_read = setting_read(&spec->reader, setting, value, &scratch);
    }
done:
    return status;
}

/* Keeps the values that can be read and reports the others. */
static enum status keep_readable(struct spec *spec, const struct slot_values *values,
                                 struct slot *slot)
{
    enum status status = STATUS_OK;
    struct expression **expressions = NULL;
    struct tree **kept = NULL;
    int64_t n = 0;

    TRY_ALLOC(kept, ARENA_ARRAY(spec->arena, values->n, struct tree *));
    TRY_ALLOC(expressions, ARENA_ARRAY(spec->arena, values->n, struct expression *));
    for (int64_t i = 0; i < values->n; i++) {
        bool is_read = false;
        TRY(read_value(spec, setting_at(values->setting), values->items[i], &expressions[n],
                       &is_read));
        if (is_read)
            kept[n++] = values->items[i];
    }
    slot->values = kept;
    slot->expressions = expressions;
    slot->n_values = n;
    slot->draw = values->draw;
    slot->written = values->written;
    slot->is_broken = !slot_is_given(slot);
done:
    return status;
}

bool slot_is_given(const struct slot *slot)
{
    return slot->n_values > 0 || (slot->draw != NULL && slot->draw->kind != DRAW_CATEGORICAL);
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
    if (values->is_axis && setting->counts == COUNTS_NEVER) {
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
    return spec_assign(
        spec,
        &(struct slot_values){.setting = setting, .at = entry->at, .items = &entry->value, .n = 1});
}

enum status spec_read_config(struct spec *spec, const char *prefix, const struct tree *map)
{
    enum status status = STATUS_OK;

    if (map->kind == TREE_NULL)
        return STATUS_OK;
    if (map->kind != TREE_MAP) {
        diagnostics_error(spec->diagnostics, &map->at, NULL,
                          "'%s' expects a map of settings, got %s",
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
