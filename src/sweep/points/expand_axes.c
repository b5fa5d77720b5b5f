/* What varies, and how points are counted: in mixed radix for a grid, one draw after the other for
 * random and sobol. */
#include "sweep/points/expand.h"

#include <string.h>

static const int64_t most_points = 1000000;

static const struct zip *zip_of(const struct spec *spec, int setting)
{
    for (int64_t i = 0; i < spec->n_zips; i++)
        for (int k = 0; k < spec->zips[i].n; k++)
            if (spec->zips[i].settings[k] == setting)
                return &spec->zips[i];
    return NULL;
}

/* A digit of one setting, or of all that are zipped with it. Lists that differ in length were
 * reported; the shortest counts. */
static void add_digit(struct axes *axes, int setting)
{
    const struct spec *spec = axes->spec;
    const struct zip *zip = zip_of(spec, setting);
    struct digit *digit = &axes->digits[axes->n_digits++];
    int n = zip != NULL ? zip->n : 1;

    *digit = (struct digit){.n_values = spec->slots[setting].n_values};
    for (int i = 0; i < n; i++) {
        int member = zip != NULL ? zip->settings[i] : setting;
        const struct slot *slot = &spec->slots[member];
        if (slot->order == 0 || !slot_is_given(slot))
            continue;
        digit->settings[digit->n++] = member;
        digit->n_values = slot->n_values < digit->n_values ? slot->n_values : digit->n_values;
    }
    digit->stream = draw_stream_of(spec->method == SWEEP_SOBOL ? DRAW_BY_SOBOL : DRAW_BY_CHANCE,
                                   setting_at(zip != NULL ? zip->settings[0] : setting));
}

static bool has_digit(const struct axes *axes, int setting)
{
    for (int i = 0; i < axes->n_digits; i++)
        for (int k = 0; k < axes->digits[i].n; k++)
            if (axes->digits[i].settings[k] == setting)
                return true;
    return false;
}

bool axes_init(const struct spec *spec, struct axes *out)
{
    int64_t n = spec->n_seeds;

    out->spec = spec;
    for (int order = 1; order <= spec->n_orders; order++) {
        for (int i = 0; i < setting_count(); i++) {
            if (spec->slots[i].order != order || !slot_is_given(&spec->slots[i]))
                continue;
            out->settings[out->n++] = i;
            if (!has_digit(out, i))
                add_digit(out, i);
        }
    }
    if (spec->method != SWEEP_GRID)
        n *= spec->run_cap > 0 ? spec->run_cap : 0;
    for (int i = 0; spec->method == SWEEP_GRID && i < out->n_digits && n <= most_points; i++)
        n *= out->digits[i].n_values; /* at most 1e6 · 1e5 before the test */
    out->n_points = n;
    if (n <= most_points)
        return true;
    diagnostics_error(spec->diagnostics,
                      spec->method == SWEEP_GRID ? &spec->top : &spec->run_cap_at, NULL,
                      "%s has more than %lld points; split the sweep",
                      spec->method == SWEEP_GRID ? "the grid" : "'run_cap' times the seeds",
                      (long long)most_points);
    return false;
}

static void choose_value(const struct axes *axes, const struct digit *digit, int64_t value,
                         struct point *point)
{
    for (int i = 0; i < digit->n; i++) {
        const struct slot *slot = &axes->spec->slots[digit->settings[i]];
        point->chosen[digit->settings[i]] = slot->values[value];
        point->formulas[digit->settings[i]] = slot->expressions[value];
    }
}

static void choose_grid(const struct axes *axes, int64_t index, struct point *point)
{
    for (int i = axes->n_digits - 1; i >= 0; i--) {
        const struct digit *digit = &axes->digits[i];
        choose_value(axes, digit, index % digit->n_values, point);
        index /= digit->n_values;
    }
}

static void choose_draw(const struct axes *axes, int64_t index, struct point_maker *maker,
                        struct point *point)
{
    for (int i = 0; i < axes->n_digits; i++) {
        const struct digit *digit = &axes->digits[i];
        const struct draw *draw = axes->spec->slots[digit->settings[0]].draw;
        double fraction = draw_fraction(&digit->stream, index);
        if (digit->n_values > 0)
            choose_value(axes, digit, draw_index(draw, fraction, digit->n_values), point);
        else
            point_choose_drawn(maker, point, digit->settings[0], draw_number(draw, fraction));
    }
}

void axes_choose(const struct axes *axes, int64_t index, struct point_maker *maker,
                 struct point *point)
{
    const struct spec *spec = axes->spec;

    point_begin(maker, point);
    point->seed = spec->seeds[index % spec->n_seeds];
    index /= spec->n_seeds;
    if (spec->method == SWEEP_GRID)
        choose_grid(axes, index, point);
    else
        choose_draw(axes, index, maker, point);
}

/* ---- for people ---- */

/* "log_uniform_values, min 1e-4, max 1e-2" */
static void describe_draw(const struct tree *map, struct text *out)
{
    const struct tree *name = tree_member(map, "distribution");

    text_append(out, "%s", name != NULL ? name->text : "uniform");
    for (int64_t i = 0; i < map->n; i++)
        if (strcmp(map->entries[i].key, "distribution") != 0)
            text_append(out, ", %s %s", map->entries[i].key, map->entries[i].value->text);
}

static void describe_values(const struct slot *slot, struct text *out)
{
    for (int64_t i = 0; i < slot->n_values; i++) {
        const struct tree *value = slot->values[i];
        text_append(out, "%s", i > 0 ? ", " : "");
        if (tree_is_scalar(value))
            text_append(out, "%s", value->text);
        else
            tree_print(value, out);
    }
}

static enum status describe(const struct axes *axes, int axis, struct sweep *sweep)
{
    enum status status = STATUS_OK;
    const struct slot *slot = &axes->spec->slots[axes->settings[axis]];
    struct text text = {0};

    if (slot->n_values == 0)
        describe_draw(slot->written, &text);
    else
        describe_values(slot, &text);
    TRY(text_finish(&text));
    sweep->axes[axis] = setting_at(axes->settings[axis])->name;
    TRY_ALLOC(sweep->axis_values[axis], arena_strdup(sweep->arena, text_value(&text)));
done:
    text_release(&text);
    return status;
}

enum status axes_describe(const struct axes *axes, struct sweep *sweep)
{
    enum status status = STATUS_OK;
    const struct spec *spec = axes->spec;
    struct text seeds = {0};

    sweep->n_axes = axes->n + 1;
    TRY_ALLOC(sweep->axes, ARENA_ARRAY(sweep->arena, sweep->n_axes, const char *));
    TRY_ALLOC(sweep->axis_values, ARENA_ARRAY(sweep->arena, sweep->n_axes, const char *));
    for (int i = 0; i < axes->n; i++)
        TRY(describe(axes, i, sweep));
    for (int64_t i = 0; i < spec->n_seeds; i++)
        text_append(&seeds, "%s%lld", i > 0 ? ", " : "", (long long)spec->seeds[i]);
    TRY(text_finish(&seeds));
    sweep->axes[axes->n] = "seed";
    TRY_ALLOC(sweep->axis_values[axes->n], arena_strdup(sweep->arena, text_value(&seeds)));
done:
    text_release(&seeds);
    return status;
}
