/* `prunelora settings`: the reference of every setting, printed from the table that reads them. */
#include "cli/cli.h"

#include "cli/options.h"
#include "config/settings_table.h"
#include "unlearn/method.h"

#include <stdio.h>
#include <string.h>

static const char *type_of(const struct setting *setting)
{
    static const char *const names[] = {
        [SETTING_INTEGER] = "integer",    [SETTING_NUMBER] = "number",
        [SETTING_BOOL] = "true or false", [SETTING_ENUM] = "one of",
        [SETTING_CHOICE] = "one of",      [SETTING_SWITCH] = "one of",
        [SETTING_ARCHITECTURE] = "name",  [SETTING_METHOD] = "name",
        [SETTING_TEXT] = "text",          [SETTING_REGEX] = "regular expression",
        [SETTING_DURATION] = "time",      [SETTING_NORMALISATION] = "base, published or [a, b, c]",
        [SETTING_EPOCHS] = "list",        [SETTING_ATTACKS] = "list",
    };
    return names[setting->kind];
}

static void print_range(const struct setting *setting, struct text *out)
{
    char least[32], most[32];

    if (setting->kind != SETTING_INTEGER && setting->names != NULL) {
        for (int i = 0; setting->names[i] != NULL; i++)
            text_append(out, "%s%s", i > 0 ? ", " : " ", setting->names[i]);
    } else if (setting->maximum > setting->minimum) {
        text_append(out, " in [%s, %s%c", text_from_double(setting->minimum, least),
                    text_from_double(setting->maximum, most), setting->is_maximum_open ? ')' : ']');
    }
    if (*setting->unit != '\0')
        text_append(out, " (%s)", setting->unit);
}

static void print_default(const struct setting *setting, struct text *out)
{
    if (setting->standard == NULL)
        text_append(out, "must be given");
    else if (setting->group != GROUP_BASE_TRAIN)
        text_append(out, "default %s", setting->standard);
    else if (strcmp(setting->by_recipe[0], setting->by_recipe[1]) == 0)
        text_append(out, "default %s", setting->by_recipe[0]);
    else
        text_append(out, "default %s; %s for resnet20 to resnet110", setting->by_recipe[0],
                    setting->by_recipe[1]);
    if (setting->published != NULL)
        text_append(out, "; %s under compat: lora-unlearn", setting->published);
}

static void print_readers(const struct setting *setting, struct text *out)
{
    bool is_first = true, is_every = true;

    if (setting->group == GROUP_EXECUTION) {
        text_append(out, "how to run: not part of a run's id");
        return;
    }
    for (int i = 0; method_at(i) != NULL; i++)
        is_every = is_every && (method_at(i)->reads & setting->group) != 0;
    text_append(out, is_every ? "read by every method" : "read by ");
    for (int i = 0; !is_every && method_at(i) != NULL; i++) {
        if ((method_at(i)->reads & setting->group) == 0)
            continue;
        text_append(out, "%s%s", is_first ? "" : ", ", method_at(i)->name);
        is_first = false;
    }
}

static void print_setting(const struct setting *setting, struct text *out)
{
    text_append(out, "%s: %s", setting->name, type_of(setting));
    print_range(setting, out);
    text_append(out, "\n    %s\n    ", setting->help);
    print_default(setting, out);
    text_append(out, "\n    ");
    print_readers(setting, out);
    text_append(out, "\n");
}

static bool is_asked_for(const struct setting *setting, const char *name)
{
    size_t length = name != NULL ? strlen(name) : 0;

    return name == NULL || strcmp(setting->name, name) == 0 ||
           (strncmp(setting->name, name, length) == 0 && setting->name[length] == '.');
}

static enum status unknown(const char *name)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    const char *const *names = NULL;

    TRY(arena_create(&arena));
    TRY_ALLOC(names, setting_names(arena));
    const char *hint = did_you_mean(arena, name, names);
    TRY(fail(STATUS_BAD_CONFIG, "unknown setting '%s'%s%s", name, hint != NULL ? "; " : "",
             hint != NULL ? hint : ""));
done:
    arena_destroy(arena);
    return status;
}

static enum status print_settings(const char *name)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    for (int i = 0; i < setting_count(); i++)
        if (is_asked_for(setting_at(i), name))
            print_setting(setting_at(i), &text);
    TRY(text_finish(&text));
    if (text.length == 0)
        TRY(unknown(name));
    fputs(text_value(&text), stdout);
done:
    text_release(&text);
    return status;
}

int cli_settings(int argc, char **argv)
{
    const struct options options = {
        .usage = "prunelora settings [NAME]",
        .summary = "Every setting: type, range, default and the methods that read it.",
        .example = "prunelora settings prune",
        .max_positional = 1,
    };
    struct positionals positionals;
    bool is_help = false;

    enum status status = options_parse(&options, argc, argv, &positionals, &is_help);
    if (status == STATUS_OK && !is_help)
        status = print_settings(positionals.n > 0 ? positionals.items[0] : NULL);
    return cli_finish(status);
}
