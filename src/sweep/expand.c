/* Spec → points → runs. The grid is counted in mixed radix: the last axis fastest, the seeds faster
 * still; excluded points are left out, included ones follow. */
#include "sweep/expand.h"

#include <string.h>

static const int64_t most_points = 1000000;

struct expansion {
    struct spec *spec;
    struct content *content;
    struct sweep *sweep;
    int axes[MAX_SETTINGS]; /* setting of each axis, in order */
    int n_axes;
    struct settings defaults[N_BASE_RECIPES];
    struct run_set *runs;
};

/* ---- before: is everything there that a point needs? ---- */

static bool has_required_settings(struct spec *spec)
{
    bool has_all = true;

    for (int i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        const struct slot *slot = &spec->slots[i];
        if (setting->standard != NULL || slot->n_values > 0)
            continue;
        has_all = false;
        if (!slot->is_broken)
            diagnostics_error(spec->diagnostics, &spec->top, NULL,
                              "'%s' is not set; it has no default", setting->name);
    }
    return has_all;
}

static bool count_grid(struct expansion *expansion)
{
    struct spec *spec = expansion->spec;
    int64_t n = spec->n_seeds;

    for (int order = 1; order <= spec->n_orders; order++)
        for (int i = 0; i < setting_count(); i++)
            if (spec->slots[i].order == order && spec->slots[i].n_values > 0)
                expansion->axes[expansion->n_axes++] = i;
    for (int i = 0; i < expansion->n_axes && n <= most_points; i++)
        n *= spec->slots[expansion->axes[i]].n_values; /* at most 1e6 · 1e5 before the test */
    expansion->sweep->n_grid = n;
    if (n <= most_points)
        return true;
    diagnostics_error(spec->diagnostics, &spec->top, NULL,
                      "the grid has more than %lld points; split the sweep",
                      (long long)most_points);
    return false;
}

/* ---- exclude and include ---- */

/* Compared as printed, so that 1 and 1.0 are the same number. */
static enum status is_value_equal(const struct spec *spec, const struct match_value *value,
                                  const struct settings *settings, bool *out)
{
    enum status status = STATUS_OK;
    const struct setting *setting = setting_at(value->setting);
    const struct setting_reader reader = {.arena = spec->arena};
    struct settings wanted = *settings;
    struct text a = {0}, b = {0};

    (void)setting_read(&reader, setting, value->value, &wanted);
    setting_print(setting, &wanted, &a);
    setting_print(setting, settings, &b);
    TRY(text_finish(&a));
    TRY(text_finish(&b));
    *out = strcmp(text_value(&a), text_value(&b)) == 0;
done:
    text_release(&a);
    text_release(&b);
    return status;
}

static enum status is_match(const struct spec *spec, const struct match *match,
                            const struct settings *settings, bool *out)
{
    enum status status = STATUS_OK;
    bool is_equal = match->n > 0;

    for (int64_t i = 0; i < match->n && is_equal; i++)
        TRY(is_value_equal(spec, &match->values[i], settings, &is_equal));
    *out = is_equal;
done:
    return status;
}

static enum status is_excluded(struct spec *spec, const struct settings *settings, bool *out)
{
    enum status status = STATUS_OK;

    *out = false;
    for (int64_t i = 0; i < spec->exclude.n; i++) {
        bool is_hit = false;
        TRY(is_match(spec, &spec->exclude.items[i], settings, &is_hit));
        spec->exclude.items[i].n_hits += is_hit;
        *out = *out || is_hit;
    }
done:
    return status;
}

/* An included point must say every swept setting that its method reads: no value is made up. */
static bool check_included(struct expansion *expansion, const struct point *point,
                           const struct match *match)
{
    bool is_complete = true;

    for (int i = 0; i < expansion->n_axes; i++) {
        const struct setting *setting = setting_at(expansion->axes[i]);
        if (point->chosen[expansion->axes[i]] != NULL ||
            (point->method->reads & setting->group) == 0)
            continue;
        is_complete = false;
        diagnostics_error(expansion->spec->diagnostics, &match->at, NULL,
                          "this included point lacks '%s', which is swept and method '%s' reads",
                          setting->name, point->method->name);
    }
    return is_complete;
}

/* ---- points ---- */

static enum status add_point(struct expansion *expansion, struct point *point)
{
    enum status status = STATUS_OK;
    struct sweep *sweep = expansion->sweep;
    struct meaning meaning = {.settings = &point->settings, .method = point->method};
    struct point_key key;

    TRY(content_resolve(expansion->content, point, &meaning.contents));
    meaning.lora_targets = strcmp(point->settings.lora.targets, "default") == 0
                               ? point->architecture->lora_targets
                               : point->settings.lora.targets;
    TRY(identity_hash(&meaning, key.all));
    TRY(identity_comparable_hash(&meaning, key.comparable));
    TRY(run_set_add(expansion->runs, point, &key, sweep->n_points,
                    &sweep->points[sweep->n_points]));
    sweep->n_points++;
done:
    return status;
}

static void choose_constants(const struct spec *spec, struct point *point)
{
    for (int i = 0; i < setting_count(); i++) {
        const struct slot *slot = &spec->slots[i];
        point->chosen[i] = slot->order == 0 && slot->n_values > 0 ? slot->values[0] : NULL;
    }
}

static void choose_grid_point(const struct expansion *expansion, int64_t index, struct point *point)
{
    const struct spec *spec = expansion->spec;

    choose_constants(spec, point);
    point->seed = spec->seeds[index % spec->n_seeds];
    index /= spec->n_seeds;
    for (int i = expansion->n_axes - 1; i >= 0; i--) {
        const struct slot *slot = &spec->slots[expansion->axes[i]];
        point->chosen[expansion->axes[i]] = slot->values[index % slot->n_values];
        index /= slot->n_values;
    }
}

static enum status expand_grid(struct expansion *expansion)
{
    enum status status = STATUS_OK;
    struct point point = {0};

    for (int64_t i = 0; i < expansion->sweep->n_grid; i++) {
        bool is_out = false;
        choose_grid_point(expansion, i, &point);
        point_fill(expansion->spec, expansion->defaults, &point);
        TRY(is_excluded(expansion->spec, &point.settings, &is_out));
        expansion->sweep->n_excluded += is_out;
        if (!is_out)
            TRY(add_point(expansion, &point));
    }
done:
    return status;
}

static enum status expand_included(struct expansion *expansion, const struct match *match)
{
    enum status status = STATUS_OK;
    struct spec *spec = expansion->spec;
    struct point point = {0};

    choose_constants(spec, &point);
    for (int64_t i = 0; i < match->n; i++)
        point.chosen[match->values[i].setting] = match->values[i].value;
    for (int i = 0; i < setting_count(); i++) { /* what a point cannot be without */
        if (setting_at(i)->standard != NULL || point.chosen[i] != NULL)
            continue;
        diagnostics_error(spec->diagnostics, &match->at, NULL, "this included point lacks '%s'",
                          setting_at(i)->name);
        return STATUS_OK;
    }
    for (int64_t i = 0; i < spec->n_seeds; i++) {
        point.seed = spec->seeds[i];
        point_fill(spec, expansion->defaults, &point);
        if (!check_included(expansion, &point, match))
            return STATUS_OK;
        expansion->sweep->n_included++;
        TRY(add_point(expansion, &point));
    }
done:
    return status;
}

/* ---- after: what the sweep keeps ---- */

static enum status describe_axis(struct expansion *expansion, int axis)
{
    enum status status = STATUS_OK;
    const struct slot *slot = &expansion->spec->slots[expansion->axes[axis]];
    struct sweep *sweep = expansion->sweep;
    struct text text = {0};

    for (int64_t i = 0; i < slot->n_values; i++) {
        const struct tree *value = slot->values[i];
        text_append(&text, "%s", i > 0 ? ", " : "");
        if (tree_is_scalar(value))
            text_append(&text, "%s", value->text);
        else
            tree_print(value, &text);
    }
    TRY(text_finish(&text));
    sweep->axes[axis] = setting_at(expansion->axes[axis])->name;
    TRY_ALLOC(sweep->axis_values[axis], arena_strdup(sweep->arena, text_value(&text)));
done:
    text_release(&text);
    return status;
}

static enum status describe_axes(struct expansion *expansion)
{
    enum status status = STATUS_OK;
    const struct spec *spec = expansion->spec;
    struct sweep *sweep = expansion->sweep;
    struct text seeds = {0};

    sweep->n_axes = expansion->n_axes + 1;
    TRY_ALLOC(sweep->axes, ARENA_ARRAY(sweep->arena, sweep->n_axes, const char *));
    TRY_ALLOC(sweep->axis_values, ARENA_ARRAY(sweep->arena, sweep->n_axes, const char *));
    for (int i = 0; i < expansion->n_axes; i++)
        TRY(describe_axis(expansion, i));
    for (int64_t i = 0; i < spec->n_seeds; i++)
        text_append(&seeds, "%s%lld", i > 0 ? ", " : "", (long long)spec->seeds[i]);
    TRY(text_finish(&seeds));
    sweep->axes[expansion->n_axes] = "seed";
    TRY_ALLOC(sweep->axis_values[expansion->n_axes],
              arena_strdup(sweep->arena, text_value(&seeds)));
done:
    text_release(&seeds);
    return status;
}

static void check_totals(struct expansion *expansion)
{
    struct spec *spec = expansion->spec;
    int64_t n_runs = run_set_count(expansion->runs);

    for (int64_t i = 0; i < spec->exclude.n; i++)
        if (spec->exclude.items[i].n_hits == 0)
            diagnostics_warning(spec->diagnostics, &spec->exclude.items[i].at, NULL,
                                "this exclude matches no point");
    if (spec->run_cap > 0 && n_runs > spec->run_cap)
        diagnostics_error(spec->diagnostics, &spec->run_cap_at, NULL,
                          "the sweep has %lld runs, 'run_cap' allows %lld", (long long)n_runs,
                          (long long)spec->run_cap);
    if (n_runs == 0 && spec->diagnostics->n_errors == 0)
        diagnostics_error(spec->diagnostics, &spec->top, NULL, "every point is excluded");
}

/* Two recipes of retraining: which of them is the exact answer is not ours to say. */
static void check_references(struct expansion *expansion)
{
    const struct sweep *sweep = expansion->sweep;

    for (int64_t i = 0; i < sweep->n_runs; i++) {
        const struct run *run = &sweep->runs[i];
        if (!run->is_reference || run->reference == NULL)
            continue;
        diagnostics_warning(expansion->spec->diagnostics, &expansion->spec->top,
                            "leave one recipe of retraining in the sweep",
                            "%s and %s retrain for the same runs; all are compared with the first",
                            run->reference->name, run->name);
        return; /* one of them says it for all */
    }
}

enum status expand(struct spec *spec, struct content *content, struct sweep *sweep)
{
    enum status status = STATUS_OK;
    struct expansion expansion = {.spec = spec, .content = content, .sweep = sweep};

    bool is_possible = has_required_settings(spec);
    if (!count_grid(&expansion) || !is_possible)
        return STATUS_OK; /* reported */
    int64_t most = sweep->n_grid + spec->include.n * spec->n_seeds;
    TRY_ALLOC(sweep->points, ARENA_ARRAY(sweep->arena, most, int64_t));
    TRY(defaults_create(spec, expansion.defaults));
    TRY(run_set_create(&expansion.runs));
    TRY(expand_grid(&expansion));
    for (int64_t i = 0; i < spec->include.n; i++)
        TRY(expand_included(&expansion, &spec->include.items[i]));
    check_totals(&expansion);
    TRY(describe_axes(&expansion));
    TRY(run_set_finish(expansion.runs, sweep->arena, &sweep->runs));
    sweep->n_runs = run_set_count(expansion.runs);
    check_references(&expansion);
done:
    run_set_destroy(expansion.runs);
    return status;
}
