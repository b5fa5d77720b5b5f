/* Settings from a command line without a sweep: the table's own readers, one value each. */
#include "cli/eval_settings.h"

#include "config/flow_value.h"
#include "config/settings_table.h"
#include "store/weights/weights.h"
#include "unlearn/forget.h"

#include <string.h>

static bool is_read_here(const char *name)
{
    int i = setting_find(name);

    if (i < 0 || strcmp(name, "forget.kind") == 0)
        return false;
    enum setting_counts counts = setting_at(i)->counts;
    return counts == COUNTS_IN_SPLIT || counts == COUNTS_AS_CLASS ||
           text_starts_with(name, "model.vit.");
}

static enum status read_value(const char *name, const char *value, struct arena *arena,
                              struct settings *out)
{
    enum status status = STATUS_OK;
    const struct source source = {"--set", value};
    const struct position at = {&source, 1, 1, 1};
    struct diagnostics diagnostics = {0};
    const struct setting_reader reader = {.arena = arena, .diagnostics = &diagnostics};
    struct flow_values values = {0};

    TRY(flow_parse(value, &at, arena, &diagnostics, &values));
    bool is_read = values.n == 1 &&
                   setting_read(&reader, setting_at(setting_find(name)), values.items[0], out);
    if (!is_read && diagnostics.n_errors > 0)
        TRY(fail(STATUS_BAD_CONFIG, "%.*s", (int)strcspn(text_value(&diagnostics.text), "\n"),
                 text_value(&diagnostics.text)));
    if (!is_read)
        TRY(fail(STATUS_BAD_CONFIG, "--set %s expects one value, got '%s'", name, value));
done:
    diagnostics_release(&diagnostics);
    return status;
}

static enum status read_set(const char *text, struct arena *arena, struct settings *out,
                            enum forget_kind *given)
{
    enum status status = STATUS_OK;
    const char *equals = strchr(text, '=');
    char *name = NULL;

    TRY_ALLOC(name, arena_strdup(arena, text));
    if (equals != NULL)
        name[equals - text] = '\0';
    if (equals == NULL || !is_read_here(name))
        return fail(
            STATUS_BAD_CONFIG,
            "--set expects forget.class, .classes, .superclass, .fraction, .count, .indices, "
            ".within or .seed, data.validation, data.split_seed or model.vit.* = a value, "
            "got '%s'",
            text);
    for (enum forget_kind kind = 0; kind < N_FORGET_KINDS; kind++) {
        if (strcmp(forget_setting(kind), name) != 0)
            continue;
        if (*given != N_FORGET_KINDS)
            return fail(STATUS_BAD_CONFIG, "both %s and %s are given: remove one",
                        forget_setting(*given), name);
        *given = kind;
    }
    TRY(read_value(name, equals + 1, arena, out));
done:
    return status;
}

enum status eval_settings_read(const struct option_texts *sets, const char *forget_class,
                               struct arena *arena, struct settings *out)
{
    enum status status = STATUS_OK;
    enum forget_kind given = forget_class != NULL ? FORGET_BY_CLASS : N_FORGET_KINDS;

    out->forget.class_index = out->forget.superclass = out->forget.within = -1;
    out->forget.indices = "";
    if (forget_class != NULL && strcmp(forget_class, "none") != 0 &&
        (!text_to_int64(forget_class, &out->forget.class_index) || out->forget.class_index < 0))
        return fail(STATUS_BAD_CONFIG, "--forget-class expects a class number or none, got '%s'",
                    forget_class);
    for (int64_t i = 0; i < sets->n; i++)
        TRY(read_set(sets->items[i], arena, out, &given));
    if (given != N_FORGET_KINDS)
        out->forget.kind = given;
done:
    return status;
}

static void take(int64_t *size, int64_t from_recipe)
{
    if (*size == 0)
        *size = from_recipe;
}

enum status eval_settings_size(const char *hash, struct arena *arena, struct settings *settings)
{
    enum status status = STATUS_OK;
    struct vit_shape *shape = &settings->model.vit;
    struct manifest manifest = {0};
    struct settings recipe;
    bool is_present = false;

    TRY(manifest_load(settings->model.weights, hash, arena, &manifest, &is_present));
    if (!is_present || manifest.recipe == NULL ||
        settings_from_json(manifest.recipe, arena, &recipe) != STATUS_OK)
        return STATUS_OK; /* not written here: nothing is known */
    take(&shape->patch, recipe.model.vit.patch);
    take(&shape->layers, recipe.model.vit.layers);
    take(&shape->heads, recipe.model.vit.heads);
    take(&shape->width, recipe.model.vit.width);
    take(&shape->mlp, recipe.model.vit.mlp);
done:
    return status;
}
