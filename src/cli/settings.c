/* `prunelora settings`: the reference of every setting, printed from the table that reads them: as
 * text for the terminal, or as the page docs/settings.md. */
#include "cli/cli.h"

#include "cli/options/options.h"
#include "config/settings_table.h"
#include "model/model.h"
#include "unlearn/method.h"

#include <stdio.h>
#include <string.h>

static const char *type_of(const struct setting *setting)
{
    static const char *const names[] = {
        [SETTING_INTEGER] = "integer",
        [SETTING_NUMBER] = "number",
        [SETTING_AMOUNT] = "number",
        [SETTING_BOOL] = "true or false",
        [SETTING_ENUM] = "one of",
        [SETTING_SWITCH] = "one of",
        [SETTING_CHOICE] = "one of",
        [SETTING_ARCHITECTURE] = "one of",
        [SETTING_METHOD] = "one of",
        [SETTING_TEXT] = "text",
        [SETTING_REGEX] = "regular expression",
        [SETTING_DURATION] = "time",
        [SETTING_NORMALISATION] = "base, published or [a, b, c]",
        [SETTING_EPOCHS] = "list",
        [SETTING_CLASSES] = "list",
        [SETTING_ATTACKS] = "list",
    };
    return names[setting->kind];
}

static void print_range(const struct setting *setting, struct text *out)
{
    char least[32], most[32];

    if (setting->kind == SETTING_ARCHITECTURE) {
        for (int i = 0; architecture_at(i) != NULL; i++)
            text_append(out, "%s %s", i > 0 ? "," : "", architecture_at(i)->name);
    } else if (setting->kind == SETTING_METHOD) {
        for (int i = 0; method_at(i) != NULL; i++)
            text_append(out, "%s %s", i > 0 ? "," : "", method_at(i)->name);
    } else if (setting->names != NULL) {
        for (int i = 0; setting->names[i] != NULL; i++)
            text_append(out, "%s%s", i > 0 ? ", " : " ", setting->names[i]);
    } else if (setting->maximum > setting->minimum) {
        text_append(out, " in [%s, %s%c", text_from_double(setting->minimum, least),
                    text_from_double(setting->maximum, most), setting->is_maximum_open ? ')' : ']');
        if (setting->word != NULL)
            text_append(out, " or %s", setting->word);
    }
    if (*setting->unit != '\0')
        text_append(out, " (%s)", setting->unit);
}

/* Of a setting that has one. */
static void print_default(const struct setting *setting, struct text *out)
{
    static const char *const readers[N_BASE_RECIPES] = {"resnet18 to resnet152",
                                                        "resnet20 to resnet110", "simple_vit"};

    text_append(out, "%s", setting->standard);
    for (int i = 0; i < N_BASE_RECIPES; i++)
        if (setting->by_recipe[i] != NULL && strcmp(setting->by_recipe[i], setting->standard) != 0)
            text_append(out, "; %s for %s", setting->by_recipe[i], readers[i]);
    for (int i = 0; method_at(i) != NULL; i++)
        if (method_default(method_at(i), setting->name) != NULL)
            text_append(out, "; %s for %s", method_default(method_at(i), setting->name),
                        method_at(i)->name);
    if (setting->published != NULL)
        text_append(out, "; %s under compat: lora-unlearn", setting->published);
}

static void print_readers(const struct setting *setting, struct text *out)
{
    bool is_first = true, is_every = true;

    for (int i = 0; method_at(i) != NULL; i++)
        is_every = is_every && (method_reads(method_at(i)) & setting->group) != 0;
    if (is_every)
        text_append(out, "every method");
    for (int i = 0; !is_every && method_at(i) != NULL; i++) {
        if ((method_reads(method_at(i)) & setting->group) == 0)
            continue;
        text_append(out, "%s%s", is_first ? "" : ", ", method_at(i)->name);
        is_first = false;
    }
}

static void print_setting(const struct setting *setting, struct text *out)
{
    text_append(out, "%s: %s", setting->name, type_of(setting));
    print_range(setting, out);
    text_append(out, "\n    %s\n    %s", setting->help,
                setting->standard != NULL ? "default " : "must be given");
    if (setting->standard != NULL)
        print_default(setting, out);
    if (setting->group == GROUP_EXECUTION) {
        text_append(out, "\n    how to run: not part of a run's id\n");
        return;
    }
    text_append(out, "\n    read by ");
    print_readers(setting, out);
    text_append(out, "\n");
}

static bool is_asked_for(const struct setting *setting, const char *name)
{
    size_t length = name != NULL ? strlen(name) : 0;

    return name == NULL || strcmp(setting->name, name) == 0 ||
           (strncmp(setting->name, name, length) == 0 && setting->name[length] == '.');
}

/* ---- docs/settings.md ---- */

/* "base.train" of "base.train.lr"; settings without a dot belong to the whole run. */
static int section_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL ? (int)(dot - name) : 0;
}

static void print_section(const struct setting *setting, struct text *out)
{
    int n = section_length(setting->name);

    if (n > 0)
        text_append(out, "\n## %.*s\n", n, setting->name);
    else
        text_append(out, "\n## Of the whole run\n");
    text_append(out,
                "\n| setting | values | default | meaning | read by |\n|---|---|---|---|---|\n");
}

static void print_page_row(const struct setting *setting, struct text *out)
{
    text_append(out, "| `%s` | %s", setting->name, type_of(setting));
    print_range(setting, out);
    text_append(out, " | %s", setting->standard != NULL ? "" : "none: must be given");
    if (setting->standard != NULL)
        print_default(setting, out);
    text_append(out, " | %s | ", setting->help);
    if (setting->group == GROUP_EXECUTION)
        text_append(out, "no method: says how to run");
    else
        print_readers(setting, out);
    text_append(out, " |\n");
}

static void print_page(const char *name, struct text *out)
{
    const struct setting *last = NULL;

    for (int i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        int n = section_length(setting->name);
        if (!is_asked_for(setting, name))
            continue;
        if (last == NULL || section_length(last->name) != n ||
            strncmp(last->name, setting->name, (size_t)n) != 0)
            print_section(setting, out);
        print_page_row(setting, out);
        last = setting;
    }
}

static const char page_head[] =
    "# Settings\n\n"
    "Every setting of a run, as `config`, `parameters`, `--set` and `prunelora train` take it. "
    "This\n"
    "page is printed by `prunelora settings --format markdown`.\n\n"
    "A method reads some settings and not others; only those it reads make two runs different, so "
    "a\n"
    "sweep over the others does not multiply its runs. What says how to run (`resources`,\n"
    "`checkpoint`) never makes a run another one.\n";

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

static enum status print_settings(const char *name, bool is_page)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    for (int i = 0; !is_page && i < setting_count(); i++)
        if (is_asked_for(setting_at(i), name))
            print_setting(setting_at(i), &text);
    if (is_page)
        print_page(name, &text);
    TRY(text_finish(&text));
    if (text.length == 0)
        TRY(unknown(name));
    printf("%s%s", is_page && name == NULL ? page_head : "", text_value(&text));
done:
    text_release(&text);
    return status;
}

static enum status check_format(const char *format)
{
    if (strcmp(format, "text") != 0 && strcmp(format, "markdown") != 0)
        return fail(STATUS_BAD_CONFIG, "--format must be text or markdown, got '%s'", format);
    return STATUS_OK;
}

int cli_settings(int argc, char **argv)
{
    const char *format = "text";
    const struct option_row rows[] = {
        {"format", 0, OPTION_TEXT, &format, "NAME", "text (default) or markdown"},
    };
    const struct options options = {
        .usage = "prunelora settings [NAME] [--format text|markdown]",
        .summary = "Every setting: type, range, default and the methods that read it.",
        .example = "prunelora settings prune",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .max_positional = 1,
    };
    const char *name = NULL;
    bool is_help = false;

    enum status status = options_parse_one(&options, argc, argv, &name, &is_help);
    if (status == STATUS_OK && !is_help)
        status = check_format(format);
    if (status == STATUS_OK && !is_help)
        status = print_settings(name, strcmp(format, "markdown") == 0);
    return cli_finish(status);
}
