/* The keys `metric` and `early_terminate`, and what they mean together. */
#include "sweep/spec/spec.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { MOST_ITERATIONS = 1000000, MOST_ETA = 1000, MOST_RUNS = 1000000 };

static const struct tree *text_of(struct spec *spec, const struct tree_entry *entry,
                                  const char *parent)
{
    if (tree_is_scalar(entry->value) && entry->value->kind != TREE_NULL)
        return entry->value;
    diagnostics_error(spec->diagnostics, &entry->value->at, NULL,
                      "'%s' of '%s' expects text, got %s", entry->key, parent,
                      tree_describe(spec->arena, entry->value));
    return NULL;
}

static bool holds(const char *const *names, const char *word)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], word) == 0)
            return true;
    return false;
}

static bool is_map(struct spec *spec, const struct tree_entry *entry, const char *example)
{
    if (entry->value->kind == TREE_MAP)
        return true;
    diagnostics_error(spec->diagnostics, &entry->value->at, NULL,
                      "'%s' expects a map such as %s, got %s", entry->key, example,
                      tree_describe(spec->arena, entry->value));
    return false;
}

/* ---- metric ---- */

/* None when memory ran out: whatever comes next fails of that as well. */
static const char *const *metric_names(struct spec *spec, bool is_compared)
{
    static const char *const none[] = {NULL};
    const char *const *names = none;

    return early_metric_names(spec->arena, is_compared, &names) == STATUS_OK ? names : none;
}

static void read_metric_name(struct spec *spec, const struct tree_entry *entry)
{
    const struct tree *value = text_of(spec, entry, "metric");

    if (value == NULL)
        return;
    if (!holds(metric_names(spec, false), value->text) &&
        !holds(metric_names(spec, true), value->text)) {
        diagnostics_error(
            spec->diagnostics, &value->at,
            did_you_mean(spec->arena, value->text, metric_names(spec, false)),
            "unknown metric '%s', expected one of %s, or, compared with retrain, one of %s",
            value->text, names_joined(spec->arena, metric_names(spec, false)),
            names_joined(spec->arena, metric_names(spec, true)));
        return;
    }
    spec->early.metric = value->text;
    spec->metric_at = value->at;
}

static void read_goal(struct spec *spec, const struct tree_entry *entry, bool *has_goal)
{
    static const char *const words[] = {"maximize", "minimize", NULL};
    const struct tree *value = text_of(spec, entry, "metric");

    *has_goal = true;
    if (value == NULL)
        return;
    spec->early.is_maximized = strcmp(value->text, words[0]) == 0;
    if (!holds(words, value->text))
        diagnostics_error(spec->diagnostics, &value->at,
                          did_you_mean(spec->arena, value->text, words),
                          "'goal' of 'metric' must be maximize or minimize, got '%s'", value->text);
}

enum status spec_read_metric(struct spec *spec, const struct tree_entry *entry)
{
    static const char *const words[] = {"name", "goal", NULL};
    bool has_name = false, has_goal = false;

    if (!is_map(spec, entry, "{name: RA, goal: maximize}"))
        return STATUS_OK;
    for (int64_t i = 0; i < entry->value->n; i++) {
        const struct tree_entry *item = &entry->value->entries[i];
        if (strcmp(item->key, "name") == 0) {
            has_name = true;
            read_metric_name(spec, item);
        } else if (strcmp(item->key, "goal") == 0) {
            read_goal(spec, item, &has_goal);
        } else {
            diagnostics_error(spec->diagnostics, &item->at,
                              did_you_mean(spec->arena, item->key, words),
                              "unknown key '%s' of 'metric'", item->key);
        }
    }
    if (!has_name)
        diagnostics_error(spec->diagnostics, &entry->at, NULL, "'metric' needs 'name', one of %s",
                          names_joined(spec->arena, metric_names(spec, false)));
    if (!has_goal)
        diagnostics_error(spec->diagnostics, &entry->at, NULL,
                          "'metric' needs 'goal': maximize or minimize");
    return STATUS_OK;
}

/* ---- early_terminate ---- */

static void read_type(struct spec *spec, const struct tree_entry *entry)
{
    const struct tree *value = text_of(spec, entry, "early_terminate");

    if (value == NULL)
        return;
    for (int i = 0; early_type_names[i] != NULL; i++)
        if (strcmp(value->text, early_type_names[i]) == 0)
            spec->early.type = (enum early_type)(EARLY_SHA + i);
    if (holds(early_type_names, value->text))
        return;
    diagnostics_error(spec->diagnostics, &value->at,
                      strcmp(value->text, "hyperband") == 0
                          ? "sha is one bracket of hyperband, with the same min_iter and eta"
                          : did_you_mean(spec->arena, value->text, early_type_names),
                      "'type' of 'early_terminate' must be sha, asha or median, got '%s'",
                      value->text);
}

struct number_key {
    const char *name;
    int64_t least, most;
    size_t offset; /* of the int64_t in struct early_terminate */
};
static const struct number_key number_keys[] = {
    {"min_iter", 1, MOST_ITERATIONS, offsetof(struct early_terminate, min_iter)},
    {"eta", 2, MOST_ETA, offsetof(struct early_terminate, eta)},
    {"min_runs", 1, MOST_RUNS, offsetof(struct early_terminate, min_runs)},
    {NULL, 0, 0, 0}};

static const struct number_key *find_number(const char *name)
{
    for (const struct number_key *key = number_keys; key->name != NULL; key++)
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

static void read_number(struct spec *spec, const struct tree_entry *item,
                        const struct number_key *key)
{
    const struct tree *value = item->value;

    if (value->kind != TREE_INTEGER)
        diagnostics_error(spec->diagnostics, &value->at, NULL,
                          "'%s' of 'early_terminate' expects an integer, got %s", key->name,
                          tree_describe(spec->arena, value));
    else if (value->integer < key->least || value->integer > key->most)
        diagnostics_error(spec->diagnostics, &value->at, NULL,
                          "'%s' of 'early_terminate' must be in [%lld, %lld], got %s", key->name,
                          (long long)key->least, (long long)key->most, value->text);
    else
        memcpy((char *)&spec->early + key->offset, &value->integer, sizeof value->integer);
}

static void unknown_key(struct spec *spec, const struct tree_entry *item)
{
    static const char *const words[] = {"type", "min_iter", "eta", "min_runs", NULL};
    bool is_hyperband = strcmp(item->key, "max_iter") == 0 || strcmp(item->key, "s") == 0;

    diagnostics_error(spec->diagnostics, &item->at,
                      is_hyperband
                          ? "a run's epochs are its maximum; 'min_iter' says when the first "
                            "decision is made"
                          : did_you_mean(spec->arena, item->key, words),
                      "unknown key '%s' of 'early_terminate'", item->key);
}

/* A key that the type does not read would be a wish without effect. */
static void check_reader(struct spec *spec, const struct tree_entry *item)
{
    bool is_median = spec->early.type == EARLY_MEDIAN;

    if (spec->early.type == EARLY_NONE)
        return;
    if (strcmp(item->key, "eta") == 0 && is_median)
        diagnostics_error(spec->diagnostics, &item->at, NULL,
                          "'eta' is read by sha and asha, not by median");
    if (strcmp(item->key, "min_runs") == 0 && !is_median)
        diagnostics_error(spec->diagnostics, &item->at, NULL, "'min_runs' is read by median only");
}

enum status spec_read_early_terminate(struct spec *spec, const struct tree_entry *entry)
{
    bool has_type = false;
    struct early_terminate *early = &spec->early;

    early->type = EARLY_NONE;
    early->min_iter = 1;
    early->eta = 3;
    early->min_runs = 5;
    if (!is_map(spec, entry, "{type: sha, min_iter: 2, eta: 3}"))
        return STATUS_OK;
    spec->early_at = entry->at;
    for (int64_t i = 0; i < entry->value->n; i++) {
        const struct tree_entry *item = &entry->value->entries[i];
        const struct number_key *number = find_number(item->key);
        if (strcmp(item->key, "type") == 0) {
            has_type = true;
            read_type(spec, item);
        } else if (number != NULL) {
            read_number(spec, item, number);
        } else {
            unknown_key(spec, item);
        }
    }
    if (!has_type)
        diagnostics_error(spec->diagnostics, &entry->at, NULL,
                          "'early_terminate' needs 'type': sha, asha or median");
    for (int64_t i = 0; i < entry->value->n; i++)
        check_reader(spec, &entry->value->entries[i]);
    return STATUS_OK;
}

/* ---- together ---- */

static bool has_reference(const struct sweep *sweep)
{
    for (int64_t i = 0; i < sweep->n_runs; i++)
        if (sweep->runs[i].is_reference)
            return true;
    return false;
}

/* Whether a run that trains has no images to validate with. */
static bool lacks_validation(const struct sweep *sweep)
{
    for (int64_t i = 0; i < sweep->n_runs; i++)
        if (early_run_epochs(&sweep->runs[i]) > 0 && sweep->runs[i].settings.data.validation <= 0)
            return true;
    return false;
}

static bool has_rung(const struct spec *spec, const struct sweep *sweep)
{
    for (int64_t i = 0; i < sweep->n_runs; i++)
        if (early_run_epochs(&sweep->runs[i]) > spec->early.min_iter)
            return true;
    return false;
}

void spec_check_early(struct spec *spec, const struct sweep *sweep)
{
    const struct early_terminate *early = &spec->early;
    bool is_compared = early->metric != NULL && holds(metric_names(spec, true), early->metric);

    if (is_compared && early->type != EARLY_NONE)
        diagnostics_error(spec->diagnostics, &spec->metric_at, NULL,
                          "'%s' compares with a retrained model; early_terminate needs what a run "
                          "can say of itself: %s",
                          early->metric, names_joined(spec->arena, metric_names(spec, false)));
    else if (is_compared && sweep->n_runs > 0 && !has_reference(sweep))
        diagnostics_error(spec->diagnostics, &spec->metric_at, NULL,
                          "'%s' needs retrain among the values of unlearn.method", early->metric);
    if (early->metric != NULL && strcmp(early->metric, "validation_accuracy") == 0 &&
        lacks_validation(sweep))
        diagnostics_error(spec->diagnostics, &spec->metric_at,
                          "data.validation: 0.1 sets a tenth of the training images aside",
                          "'validation_accuracy' needs images to validate with, but "
                          "data.validation is 0");
    if (early->type != EARLY_NONE && early->metric == NULL)
        diagnostics_error(spec->diagnostics, &spec->early_at,
                          "add metric: {name: RA, goal: maximize}",
                          "'early_terminate' needs 'metric'");
    else if (early->type != EARLY_NONE && sweep->n_runs > 0 && !has_rung(spec, sweep))
        diagnostics_warning(spec->diagnostics, &spec->early_at, NULL,
                            "no run trains for more than %lld epochs, so none is stopped early",
                            (long long)early->min_iter);
}

void spec_print_early(const struct spec *spec, struct text *out)
{
    const struct early_terminate *early = &spec->early;

    if (early->metric != NULL)
        text_append(out, "metric: {name: %s, goal: %s}\n", early->metric,
                    early->is_maximized ? "maximize" : "minimize");
    if (early->type == EARLY_NONE)
        return;
    text_append(out, "early_terminate: {type: %s, min_iter: %lld, ",
                early_type_names[early->type - EARLY_SHA], (long long)early->min_iter);
    if (early->type == EARLY_MEDIAN)
        text_append(out, "min_runs: %lld}\n", (long long)early->min_runs);
    else
        text_append(out, "eta: %lld}\n", (long long)early->eta);
}
