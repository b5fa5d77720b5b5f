/* Spec → points → runs. Excluded points are left out, included ones follow. */
#include "sweep/points/expand.h"

#include "unlearn/forget.h"
#include "unlearn/run_network.h"

#include <string.h>

struct expansion {
    struct spec *spec;
    struct content *content;
    struct sweep *sweep;
    struct axes axes;
    struct point_maker *maker;
    struct identity_writer *identities;
    struct run_set *runs;
};

/* ---- before: is everything there that a point needs? ---- */

/* forget.class is required unless another forget.* says what to forget. */
static bool is_other_forget_given(const struct spec *spec)
{
    for (enum forget_kind kind = FORGET_BY_CLASS + 1; kind < N_FORGET_KINDS; kind++)
        if (spec->slots[setting_find(forget_setting(kind))].layer > 0)
            return true;
    return false;
}

static bool has_required_settings(struct spec *spec)
{
    bool has_all = true;

    for (int i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        const struct slot *slot = &spec->slots[i];
        if (setting->standard != NULL || slot_is_given(slot))
            continue;
        if (strcmp(setting->name, "forget.class") == 0 && is_other_forget_given(spec))
            continue;
        has_all = false;
        if (!slot->is_broken)
            diagnostics_error(spec->diagnostics, &spec->top, NULL,
                              "'%s' is not set and has no default", setting->name);
    }
    return has_all;
}

/* ---- exclude and include ---- */

static bool is_value_equal(const struct spec *spec, const struct match *match, int setting,
                           const struct point *point)
{
    const struct setting_reader reader = {.arena = spec->arena, .is_again = true};
    struct settings offered = {0};

    if (point->offered[setting] == NULL)
        return setting_is_same(setting_at(setting), match->wanted, &point->settings);
    (void)setting_read(&reader, setting_at(setting), point->offered[setting], &offered);
    return setting_is_same(setting_at(setting), match->wanted, &offered);
}

static bool is_match(const struct spec *spec, const struct match *match, const struct point *point)
{
    for (int64_t i = 0; i < match->n; i++)
        if (!is_value_equal(spec, match, match->values[i].setting, point))
            return false;
    return match->n > 0;
}

/* Looks at the values that were listed, also where a condition then puts a default. */
static bool is_excluded(struct spec *spec, const struct point *point)
{
    bool is_out = false;

    for (int64_t i = 0; i < spec->exclude.n; i++) {
        bool is_hit = is_match(spec, &spec->exclude.items[i], point);
        spec->exclude.items[i].n_hits += is_hit;
        is_out = is_out || is_hit;
    }
    return is_out;
}

/* Whether a condition lets the method at this point see the swept setting at all. */
static bool is_default(const struct spec *spec, const struct point *point, int setting)
{
    return spec->slots[setting].when != NULL && point->chosen[setting] == NULL;
}

/* An included point must say every swept setting that its method reads: no value is made up. */
static bool check_included(struct expansion *expansion, const struct point *point,
                           const struct match *match)
{
    bool is_complete = true;

    for (int i = 0; i < expansion->axes.n; i++) {
        const struct setting *setting = setting_at(expansion->axes.settings[i]);
        if (point->chosen[expansion->axes.settings[i]] != NULL ||
            is_default(expansion->spec, point, expansion->axes.settings[i]) ||
            setting_is_other_forget(expansion->axes.settings[i], point_forget_kind(point)) ||
            (method_reads(point->method) & setting->group) == 0)
            continue;
        is_complete = false;
        diagnostics_error(
            expansion->spec->diagnostics, &match->at, NULL,
            "this included point lacks '%s', which is swept and which method '%s' reads",
            setting->name, point->method->name);
    }
    return is_complete;
}

/* ---- points ---- */

/* For `plan` to say. */
static enum status note_composition(struct sweep *sweep, const struct point *point)
{
    enum status status = STATUS_OK;
    const struct composed_method found = {point->asked, point->method->name};

    if (strcmp(found.asked, found.method) == 0)
        return STATUS_OK;
    for (int64_t i = 0; i < sweep->n_composed; i++)
        if (strcmp(sweep->composed[i].asked, found.asked) == 0 &&
            strcmp(sweep->composed[i].method, found.method) == 0)
            return STATUS_OK;
    struct composed_method *longer = NULL;
    TRY_ALLOC(longer, ARENA_ARRAY(sweep->arena, sweep->n_composed + 1, struct composed_method));
    if (sweep->n_composed > 0)
        memcpy(longer, sweep->composed, (size_t)sweep->n_composed * sizeof *longer);
    longer[sweep->n_composed++] = found;
    sweep->composed = longer;
done:
    return status;
}

static enum status add_point(struct expansion *expansion, struct point *point)
{
    enum status status = STATUS_OK;
    struct sweep *sweep = expansion->sweep;
    struct meaning meaning = {.settings = &point->settings,
                              .method = point->method,
                              .base_recipe = point->architecture->base_recipe};
    struct identity key;
    char text[PATTERN_BYTES];

    TRY(note_composition(sweep, point));
    spec_check_selection(expansion->spec, point);
    spec_check_batch_norm(expansion->spec, point);
    TRY(content_resolve(expansion->content, point, &meaning.contents));
    point->contents = meaning.contents;
    meaning.lora_targets = method_lora_targets(point->architecture, &point->settings, text);
    TRY(identity_find(expansion->identities, &meaning, &key));
    TRY(run_set_add(expansion->runs, point, &key, sweep->n_points,
                    &sweep->points[sweep->n_points]));
    sweep->n_points++;
done:
    return status;
}

static enum status expand_axes(struct expansion *expansion)
{
    enum status status = STATUS_OK;
    struct point point = {0};

    for (int64_t i = 0; i < expansion->axes.n_points; i++) {
        bool is_good = false;
        axes_choose(&expansion->axes, i, expansion->maker, &point);
        TRY(point_fill(expansion->maker, &point, &is_good));
        bool is_out = is_good && is_excluded(expansion->spec, &point);
        expansion->sweep->n_excluded += is_out;
        if (is_good && !is_out)
            point_settle_method(expansion->spec, &point, &is_good);
        if (is_good && !is_out)
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

    point_begin(expansion->maker, &point);
    for (int64_t i = 0; i < match->n; i++) {
        int setting = match->values[i].setting;
        point.chosen[setting] = match->values[i].value;
        point.formulas[setting] = NULL;
        point.is_said[setting] = true;
    }
    for (int i = 0; i < setting_count(); i++) /* of what it forgets, nothing else stands */
        if (setting_is_other_forget(i, match_forget_kind(match)) && !point.is_said[i]) {
            point.chosen[i] = NULL;
            point.formulas[i] = NULL;
        }
    for (int i = 0; i < setting_count(); i++) { /* what a point cannot be without */
        if (setting_at(i)->standard != NULL || point.chosen[i] != NULL ||
            setting_is_other_forget(i, point_forget_kind(&point)))
            continue;
        diagnostics_error(spec->diagnostics, &match->at, NULL, "this included point lacks '%s'",
                          setting_at(i)->name);
        return STATUS_OK;
    }
    for (int64_t i = 0; i < spec->n_seeds; i++) {
        bool is_good = false;
        point.seed = spec->seeds[i];
        struct point filled = point;
        TRY(point_fill(expansion->maker, &filled, &is_good));
        if (is_good)
            point_settle_method(spec, &filled, &is_good);
        if (!is_good || !check_included(expansion, &filled, match))
            return STATUS_OK;
        expansion->sweep->n_included++;
        TRY(add_point(expansion, &filled));
    }
done:
    return status;
}

/* ---- after ---- */

static void check_totals(struct expansion *expansion)
{
    struct spec *spec = expansion->spec;
    int64_t n_runs = run_set_count(expansion->runs);

    for (int64_t i = 0; i < spec->exclude.n; i++)
        if (spec->exclude.items[i].n_hits == 0)
            diagnostics_warning(spec->diagnostics, &spec->exclude.items[i].at, NULL,
                                "this entry of 'exclude' matches no point");
    if (spec->method == SWEEP_GRID && spec->run_cap > 0 && n_runs > spec->run_cap)
        diagnostics_error(spec->diagnostics, &spec->run_cap_at, NULL,
                          "the sweep has %lld runs, but 'run_cap' allows %lld", (long long)n_runs,
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
    if (!axes_init(spec, &expansion.axes) || !is_possible)
        return STATUS_OK; /* reported */
    sweep->n_grid = expansion.axes.n_points;
    int64_t most = sweep->n_grid + spec->include.n * spec->n_seeds;
    TRY_ALLOC(sweep->points, ARENA_ARRAY(sweep->arena, most, int64_t));
    TRY(point_maker_create(spec, &expansion.maker));
    TRY(identity_writer_create(&expansion.identities));
    TRY(run_set_create(&expansion.runs));
    TRY(expand_axes(&expansion));
    for (int64_t i = 0; i < spec->include.n; i++)
        TRY(expand_included(&expansion, &spec->include.items[i]));
    TRY(axes_describe(&expansion.axes, sweep));
    TRY(run_set_finish(expansion.runs, sweep->arena, &sweep->runs));
    sweep->n_runs = run_set_count(expansion.runs);
    check_totals(&expansion);
    check_references(&expansion);
done:
    point_maker_destroy(expansion.maker);
    identity_writer_destroy(expansion.identities);
    run_set_destroy(expansion.runs);
    return status;
}
