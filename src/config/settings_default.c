/* Defaults: the table's texts, read as a user's would be. */
#include "config/flow_value.h"
#include "config/settings_table.h"

#include <assert.h>
#include <string.h>

static const char *default_text(const struct setting *setting, int recipe, bool is_published)
{
    if (setting->by_recipe[recipe] != NULL)
        return setting->by_recipe[recipe];
    if (is_published && setting->published != NULL)
        return setting->published;
    return setting->standard;
}

static enum status read_default(const struct setting_reader *reader, const struct setting *setting,
                                const char *text, struct settings *out)
{
    const struct source source = {setting->name, text};
    const struct position at = {&source, 1, 1, 1};
    struct flow_values values = {0};
    enum status status = flow_parse(text, &at, reader->arena, reader->diagnostics, &values);

    if (status != STATUS_OK)
        return status;
    bool is_read = values.n == 1 && setting_read(reader, setting, values.items[0], out);
    assert(is_read); /* our own texts; a test reads them all */
    (void)is_read;
    return STATUS_OK;
}

enum status setting_read_text(struct arena *arena, const struct setting *setting, const char *text,
                              struct settings *out)
{
    struct diagnostics diagnostics = {0};
    const struct setting_reader reader = {.arena = arena, .diagnostics = &diagnostics};
    enum status status = read_default(&reader, setting, text, out);

    diagnostics_release(&diagnostics);
    return status;
}

int base_recipe_index(const char *name)
{
    for (int i = 0; name != NULL && i < N_BASE_RECIPES; i++)
        if (strcmp(base_recipe_names[i], name) == 0)
            return i;
    return 0;
}

enum status settings_default(struct arena *arena, const char *base_recipe, bool is_published,
                             struct settings *out)
{
    enum status status = STATUS_OK;
    struct diagnostics diagnostics = {0};
    struct setting_reader reader = {.arena = arena, .diagnostics = &diagnostics};
    struct settings settings = {.model = {.arch = "", .weights = ""},
                                .data.path = "",
                                .unlearn.method = "",
                                .forget = {.class_index = -1, .indices = ""}};
    int recipe = base_recipe_index(base_recipe);

    for (int i = 0; i < setting_count(); i++) {
        const char *text = default_text(setting_at(i), recipe, is_published);
        if (text != NULL)
            TRY(read_default(&reader, setting_at(i), text, &settings));
    }
    *out = settings;
done:
    diagnostics_release(&diagnostics);
    return status;
}
