/* The keys at the top of a sweep file, one row each. */
#include "sweep/spec/spec.h"

#include <stdio.h>
#include <string.h>

enum { MOST_SEEDS = 100000, MOST_FAILURES = 1000000 };
static const int64_t most_runs = 1000000;

static bool read_integer(struct spec *spec, const struct tree_entry *entry, int64_t least,
                         int64_t most, int64_t *out)
{
    const struct tree *value = entry->value;

    if (value->kind != TREE_INTEGER) {
        diagnostics_error(spec->diagnostics, &value->at, NULL, "'%s' expects an integer, got %s",
                          entry->key, tree_describe(spec->arena, value));
        return false;
    }
    if (value->integer < least || value->integer > most) {
        diagnostics_error(spec->diagnostics, &value->at, NULL,
                          "'%s' must be in [%lld, %lld], got %s", entry->key, (long long)least,
                          (long long)most, value->text);
        return false;
    }
    *out = value->integer;
    return true;
}

static bool read_text(struct spec *spec, const struct tree_entry *entry, const char **out)
{
    if (!tree_is_scalar(entry->value) || entry->value->kind == TREE_NULL) {
        diagnostics_error(spec->diagnostics, &entry->value->at, NULL, "'%s' expects text, got %s",
                          entry->key, tree_describe(spec->arena, entry->value));
        return false;
    }
    *out = entry->value->text;
    return true;
}

static enum status read_name(struct spec *spec, const struct tree_entry *entry)
{
    const char *name = NULL;

    if (!read_text(spec, entry, &name))
        return STATUS_OK;
    if (*name == '\0' || *name == '.' || strchr(name, '/') != NULL)
        diagnostics_error(spec->diagnostics, &entry->value->at, NULL,
                          "'name' names the results folder: it cannot be empty, begin with '.' or "
                          "hold '/'");
    else
        spec->name = name;
    return STATUS_OK;
}

static enum status read_description(struct spec *spec, const struct tree_entry *entry)
{
    (void)read_text(spec, entry, &spec->description);
    return STATUS_OK;
}

static enum status read_config(struct spec *spec, const struct tree_entry *entry)
{
    return spec_read_config(spec, "", entry->value);
}

static enum status read_section(struct spec *spec, const struct tree_entry *entry)
{
    return spec_read_config(spec, entry->key, entry->value);
}

static enum status read_parameters(struct spec *spec, const struct tree_entry *entry)
{
    return spec_read_parameters(spec, "", entry->value);
}

const char *const sweep_method_names[] = {"grid", "random", "sobol", NULL};

static enum status read_method(struct spec *spec, const struct tree_entry *entry)
{
    const char *word = NULL;

    if (!read_text(spec, entry, &word))
        return STATUS_OK;
    for (int i = 0; sweep_method_names[i] != NULL; i++) {
        if (strcmp(word, sweep_method_names[i]) != 0)
            continue;
        spec->method = (enum sweep_method)i;
        spec->method_at = entry->value->at;
        return STATUS_OK;
    }
    if (strcmp(word, "bayes") == 0)
        diagnostics_error(spec->diagnostics, &entry->value->at, NULL,
                          "method 'bayes' is not in this version; random and sobol draw points "
                          "without looking at results");
    else
        diagnostics_error(spec->diagnostics, &entry->value->at,
                          did_you_mean(spec->arena, word, sweep_method_names),
                          "'method' must be grid, random or sobol, got '%s'; the unlearning method "
                          "is 'unlearn.method'",
                          word);
    return STATUS_OK;
}

static enum status read_run_cap(struct spec *spec, const struct tree_entry *entry)
{
    if (read_integer(spec, entry, 1, most_runs, &spec->run_cap))
        spec->run_cap_at = entry->value->at;
    return STATUS_OK;
}

static enum status read_compat(struct spec *spec, const struct tree_entry *entry)
{
    static const char *const words[] = {"lora-unlearn", NULL};
    const char *word = NULL;

    if (!read_text(spec, entry, &word))
        return STATUS_OK;
    spec->is_published = strcmp(word, words[0]) == 0;
    if (!spec->is_published)
        diagnostics_error(spec->diagnostics, &entry->value->at,
                          did_you_mean(spec->arena, word, words),
                          "'compat' must be lora-unlearn, got '%s'", word);
    return STATUS_OK;
}

static enum status count_seeds(struct spec *spec, int64_t n)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(spec->seeds, ARENA_ARRAY(spec->arena, n, int64_t));
    for (int64_t i = 0; i < n; i++)
        spec->seeds[i] = i;
    spec->n_seeds = n;
done:
    return status;
}

static enum status list_seeds(struct spec *spec, const struct tree *list)
{
    enum status status = STATUS_OK;
    int64_t *seeds = NULL, n = 0;
    const struct setting *setting = setting_at(setting_find("seed"));

    if (list->n == 0 || list->n > MOST_SEEDS)
        diagnostics_error(spec->diagnostics, &list->at, NULL,
                          "'seeds' expects 1 to %d seeds, got %lld", MOST_SEEDS,
                          (long long)list->n);
    TRY_ALLOC(seeds, ARENA_ARRAY(spec->arena, list->n, int64_t));
    for (int64_t i = 0; i < list->n && list->n <= MOST_SEEDS; i++) {
        struct settings one = {0};
        if (!setting_read(&spec->reader, setting, list->items[i], &one))
            continue;
        for (int64_t k = 0; k < n; k++)
            if (seeds[k] == one.seed)
                diagnostics_error(spec->diagnostics, &list->items[i]->at, NULL,
                                  "seed %lld is listed twice", (long long)one.seed);
        seeds[n++] = one.seed;
    }
    if (n > 0) {
        spec->seeds = seeds;
        spec->n_seeds = n;
    }
done:
    return status;
}

static enum status read_seeds(struct spec *spec, const struct tree_entry *entry)
{
    int64_t n = 0;

    spec->seeds_at = entry->value->at;
    if (entry->value->kind == TREE_LIST)
        return list_seeds(spec, entry->value);
    if (entry->value->kind != TREE_INTEGER) {
        diagnostics_error(spec->diagnostics, &entry->value->at, NULL,
                          "'seeds' expects a count or a list, got %s",
                          tree_describe(spec->arena, entry->value));
        return STATUS_OK;
    }
    if (!read_integer(spec, entry, 1, MOST_SEEDS, &n))
        return STATUS_OK;
    return count_seeds(spec, n);
}

/* Read as any setting that is true or false. */
static void read_fail_fast(struct spec *spec, const struct tree *value)
{
    static const struct setting setting = {.name = "fail_fast",
                                           .kind = SETTING_BOOL,
                                           .offset = offsetof(struct settings, train.drop_last)};
    struct settings scratch = {0};

    if (setting_read(&spec->reader, &setting, value, &scratch))
        spec->fail_fast = scratch.train.drop_last;
}

static enum status read_on_failure(struct spec *spec, const struct tree_entry *entry)
{
    static const char *const words[] = {"retries", "crash_limit", "max_fails", "fail_fast", NULL};
    const struct tree *map = entry->value;

    if (map->kind != TREE_MAP)
        diagnostics_error(spec->diagnostics, &map->at, NULL, "'on_failure' expects a map, got %s",
                          tree_describe(spec->arena, map));
    for (int64_t i = 0; map->kind == TREE_MAP && i < map->n; i++) {
        const struct tree_entry *item = &map->entries[i];
        if (strcmp(item->key, words[0]) == 0)
            (void)read_integer(spec, item, 0, 1000, &spec->retries);
        else if (strcmp(item->key, words[1]) == 0)
            (void)read_integer(spec, item, 1, 1000, &spec->crash_limit);
        else if (strcmp(item->key, words[2]) == 0)
            (void)read_integer(spec, item, 1, MOST_FAILURES, &spec->max_fails);
        else if (strcmp(item->key, words[3]) != 0)
            diagnostics_error(spec->diagnostics, &item->at,
                              did_you_mean(spec->arena, item->key, words),
                              "unknown key '%s' of 'on_failure'", item->key);
        else
            read_fail_fast(spec, item->value);
    }
    return STATUS_OK;
}

static enum status read_exclude(struct spec *spec, const struct tree_entry *entry)
{
    return spec_read_matches(spec, entry, &spec->exclude);
}

static enum status read_include(struct spec *spec, const struct tree_entry *entry)
{
    return spec_read_matches(spec, entry, &spec->include);
}

static enum status read_when(struct spec *spec, const struct tree_entry *entry)
{
    return spec_read_when(spec, "", entry->value);
}

static enum status skip(struct spec *spec, const struct tree_entry *entry)
{
    (void)spec;
    (void)entry;
    return STATUS_OK;
}

static const struct key_row {
    const char *name;
    enum status (*read)(struct spec *spec, const struct tree_entry *entry);
} rows[] = {
    {"name", read_name},
    {"description", read_description},
    {"base", skip}, /* read before the file's own keys */
    {"config", read_config},
    {"method", read_method},
    {"parameters", read_parameters},
    {"seeds", read_seeds},
    {"run_cap", read_run_cap},
    {"on_failure", read_on_failure},
    {"checkpoint", read_section},
    {"resources", read_section},
    {"compat", read_compat},
    {"exclude", read_exclude},
    {"include", read_include},
    {"zip", spec_read_zip},
    {"when", read_when},
    {"metric", spec_read_metric},
    {"early_terminate", spec_read_early_terminate},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static const struct key_row *find_row(const char *name)
{
    for (int i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

bool spec_top_key_exists(const char *name)
{
    return find_row(name) != NULL;
}

enum status spec_read_key(struct spec *spec, const struct tree_entry *entry)
{
    const struct key_row *row = find_row(entry->key);
    const char *names[N_ROWS + 1] = {NULL};
    bool is_setting = setting_is_section(entry->key) || setting_find(entry->key) >= 0 ||
                      setting_is_planned(entry->key);

    if (row != NULL)
        return row->read(spec, entry);
    for (int i = 0; i < N_ROWS; i++)
        names[i] = rows[i].name;
    if (spec_foreign_key(entry->key) != NULL)
        diagnostics_error(spec->diagnostics, &entry->at, NULL, "'%s' has no meaning here: %s",
                          entry->key, spec_foreign_key(entry->key));
    else
        diagnostics_error(spec->diagnostics, &entry->at,
                          is_setting ? "settings go under 'config' or 'parameters'"
                                     : did_you_mean(spec->arena, entry->key, names),
                          "unknown key '%s'", entry->key);
    return STATUS_OK;
}

enum status spec_read_tree(struct spec *spec, const struct tree *tree, bool is_base)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < tree->n; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        const struct tree one = {
            .kind = TREE_MAP, .at = entry->at, .n = 1, .entries = &tree->entries[i]};
        bool is_setting = find_row(entry->key) == NULL &&
                          (setting_is_section(entry->key) || setting_find(entry->key) >= 0);
        bool is_base_section = strcmp(entry->key, "base") == 0 && entry->value->kind == TREE_MAP;
        if (is_base && (is_setting || is_base_section))
            TRY(spec_read_config(spec, "", &one));
        else if (is_base_section)
            diagnostics_error(spec->diagnostics, &entry->at, NULL,
                              "'base' lists files here; the settings base.train.* go under "
                              "'config'");
        else
            TRY(spec_read_key(spec, entry));
    }
done:
    return status;
}
