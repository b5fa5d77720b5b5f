/* The canonical text of a run. Changing what it says changes every id: raise the version then. */
#include "sweep/identity.h"

#include "config/settings_table.h"

#include <stdlib.h>
#include <string.h>

#define IDENTITY_VERSION "1"

static bool recipe_ignores(const struct recipe *recipe, const char *member)
{
    if (strcmp(member, "momentum") == 0)
        return recipe->optimizer != OPTIMIZER_SGD;
    if (strcmp(member, "milestones") == 0 || strcmp(member, "gamma") == 0)
        return recipe->schedule != SCHEDULE_STEP;
    return false;
}

/* Groups of settings that are part of it, and whether the method is. */
struct scope {
    unsigned groups;
    bool has_method;
};

static bool is_part(const struct meaning *meaning, struct scope scope,
                    const struct setting *setting)
{
    const char *member = strrchr(setting->name, '.');
    bool is_path =
        strcmp(setting->name, "model.weights") == 0 || strcmp(setting->name, "data.path") == 0;

    bool is_method = strcmp(setting->name, "unlearn.method") == 0;

    /* what every run computed in before there was a choice: old ids stay */
    if (strcmp(setting->name, "precision") == 0 &&
        strcmp(meaning->settings->precision, "fp32") == 0)
        return false;
    if ((setting->group & scope.groups) == 0 || setting->group == GROUP_EXECUTION || is_path ||
        (is_method && !scope.has_method))
        return false;
    if (setting->group == GROUP_TRAIN)
        return !recipe_ignores(&meaning->settings->train, member + 1);
    if (setting->group == GROUP_BASE_TRAIN)
        return !recipe_ignores(&meaning->settings->base_train, member + 1);
    return true;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends one "name=value" line to the text as a line of its own. */
static void append_setting(const struct meaning *meaning, const struct setting *setting,
                           struct text *out)
{
    struct settings resolved;

    text_append(out, "%s=", setting->name);
    if (strcmp(setting->name, "lora.targets") == 0) {
        resolved = *meaning->settings;
        resolved.lora.targets = meaning->lora_targets;
        setting_print(setting, &resolved, out);
    } else {
        setting_print(setting, meaning->settings, out);
    }
}

enum { MAX_LINES = MAX_SETTINGS + 2 };

static enum status collect_lines(const struct meaning *meaning, struct scope scope,
                                 struct text lines[MAX_LINES], int *n_lines)
{
    enum status status = STATUS_OK;
    int n = 0;

    text_append(&lines[n++], "data.split=%s", meaning->contents.split);
    if ((scope.groups & GROUP_WEIGHTS) != 0)
        text_append(&lines[n++], "model.weights=%s", meaning->contents.weights);
    for (int i = 0; i < setting_count(); i++)
        if (is_part(meaning, scope, setting_at(i)))
            append_setting(meaning, setting_at(i), &lines[n++]);
    for (int i = 0; i < n; i++)
        TRY(text_finish(&lines[i]));
    *n_lines = n;
done:
    return status;
}

static enum status compose(const struct meaning *meaning, struct scope scope, struct text *out)
{
    enum status status = STATUS_OK;
    struct text lines[MAX_LINES] = {{0}};
    const char *sorted[MAX_LINES];
    int n = 0;

    TRY(collect_lines(meaning, scope, lines, &n));
    for (int i = 0; i < n; i++)
        sorted[i] = text_value(&lines[i]);
    qsort(sorted, (size_t)n, sizeof *sorted, compare_lines);
    text_append(out, "identity=" IDENTITY_VERSION "\n");
    for (int i = 0; i < n; i++)
        text_append(out, "%s\n", sorted[i]);
    TRY(text_finish(out));
done:
    for (int i = 0; i < MAX_LINES; i++)
        text_release(&lines[i]);
    return status;
}

enum status identity_text(const struct meaning *meaning, struct text *out)
{
    return compose(meaning, (struct scope){meaning->method->reads, true}, out);
}

enum status identity_hash(const struct meaning *meaning, char hex[HASH_HEX_BYTES])
{
    enum status status = STATUS_OK;
    struct text text = {0};

    TRY(identity_text(meaning, &text));
    TRY(hash_bytes(text_value(&text), (size_t)text.length, hex));
done:
    text_release(&text);
    return status;
}

enum status identity_comparable_hash(const struct meaning *meaning, char hex[HASH_HEX_BYTES])
{
    enum status status = STATUS_OK;
    struct text text = {0};

    TRY(compose(meaning, (struct scope){GROUP_MODEL | GROUP_SEED, false}, &text));
    TRY(hash_bytes(text_value(&text), (size_t)text.length, hex));
done:
    text_release(&text);
    return status;
}
