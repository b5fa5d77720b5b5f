/* What only the whole sweep can show, once every layer has been read: do zipped lists agree, does
 * the method fit the parameters, in which order settings follow from each other. */
#include "sweep/spec/spec.h"

#include <string.h>

/* ---- zip ---- */

/* The values of a zipped parameter, or −1 after a diagnostic. */
static int64_t zipped_values(struct spec *spec, const struct zip *zip, int setting)
{
    const struct slot *slot = &spec->slots[setting];
    const char *name = setting_at(setting)->name;

    if (slot->is_broken)
        return -1;
    if (slot->order == 0 || slot->n_values == 0)
        diagnostics_error(spec->diagnostics, &zip->at, NULL,
                          "'zip' expects parameters with lists of values, but '%s' %s", name,
                          !slot_is_given(slot) ? "is not set"
                          : slot->order == 0   ? "is a constant"
                                               : "is drawn from a distribution");
    else if (slot->draw != NULL)
        diagnostics_error(spec->diagnostics, &zip->at, NULL,
                          "'%s' is zipped, so its probabilities have no meaning", name);
    else
        return slot->n_values;
    return -1;
}

static void check_zip(struct spec *spec, const struct zip *zip)
{
    int64_t n_first = zip->n > 0 ? zipped_values(spec, zip, zip->settings[0]) : -1;

    for (int i = 1; i < zip->n; i++) {
        int64_t n = zipped_values(spec, zip, zip->settings[i]);
        if (n < 0 || n_first < 0 || n == n_first)
            continue;
        diagnostics_error(spec->diagnostics, &zip->at, NULL,
                          "zipped lists must be equally long: '%s' has %lld values, '%s' has %lld",
                          setting_at(zip->settings[0])->name, (long long)n_first,
                          setting_at(zip->settings[i])->name, (long long)n);
    }
}

/* ---- method ---- */

static void check_method(struct spec *spec)
{
    const char *method = sweep_method_names[spec->method];

    if (spec->method != SWEEP_GRID && spec->run_cap < 0)
        diagnostics_error(spec->diagnostics, &spec->method_at, NULL,
                          "method %s needs 'run_cap', the number of points to draw", method);
    for (int i = 0; i < setting_count(); i++) {
        const struct slot *slot = &spec->slots[i];
        if (slot->draw == NULL || spec->method != SWEEP_GRID)
            continue;
        diagnostics_error(spec->diagnostics, &slot->written->at,
                          "list its values, or write method: random or sobol",
                          "a grid takes every value once, so it cannot draw '%s'",
                          setting_at(i)->name);
    }
}

/* ---- order ---- */

struct walk { /* depth first through what settings read */
    struct spec *spec;
    enum { NEW, OPEN, DONE } states[MAX_SETTINGS];
    int path[MAX_SETTINGS];
    int n_path;
};

static bool depends_on(const struct slot *slot, int setting)
{
    for (int64_t i = 0; i < slot->n_values; i++)
        if (slot->expressions[i] != NULL && expression_reads(slot->expressions[i], setting))
            return true;
    return slot->when != NULL && expression_reads(slot->when, setting);
}

static bool is_dependent(const struct slot *slot)
{
    bool has_expression = false;

    for (int64_t i = 0; i < slot->n_values && !has_expression; i++)
        has_expression = slot->expressions[i] != NULL;
    return has_expression || (slot->when != NULL && slot_is_given(slot));
}

/* "'lora.alpha' depends on itself: lora.alpha -> lora.rank -> lora.alpha" */
static void report_cycle(struct walk *walk, int setting)
{
    struct text names = {0};
    const struct slot *slot = &walk->spec->slots[setting];
    int first = 0;

    while (walk->path[first] != setting)
        first++;
    for (int i = first; i < walk->n_path; i++)
        text_append(&names, "%s -> ", setting_at(walk->path[i])->name);
    diagnostics_error(walk->spec->diagnostics,
                      slot->when != NULL ? &slot->condition->at : &slot->at, NULL,
                      "'%s' depends on itself: %s%s", setting_at(setting)->name, text_value(&names),
                      setting_at(setting)->name);
    text_release(&names);
}

static void visit(struct walk *walk, int setting)
{
    struct spec *spec = walk->spec;
    const struct slot *slot = &spec->slots[setting];

    if (walk->states[setting] == OPEN)
        report_cycle(walk, setting);
    if (walk->states[setting] != NEW)
        return;
    walk->states[setting] = OPEN;
    walk->path[walk->n_path++] = setting;
    for (int i = 0; i < setting_count(); i++)
        if (depends_on(slot, i))
            visit(walk, i);
    walk->n_path--;
    walk->states[setting] = DONE;
    if (is_dependent(slot))
        spec->dependent[spec->n_dependent++] = setting;
}

static void check_conditions(struct spec *spec)
{
    for (int i = 0; i < setting_count(); i++) {
        const struct slot *slot = &spec->slots[i];
        if (slot->when != NULL && !slot_is_given(slot) && !slot->is_broken)
            diagnostics_warning(spec->diagnostics, &slot->condition->at, NULL,
                                "'%s' is not set in this sweep, so its condition has no effect",
                                setting_at(i)->name);
    }
}

void spec_check(struct spec *spec)
{
    struct walk walk = {.spec = spec};

    spec_check_forget(spec);
    for (int64_t i = 0; i < spec->n_zips; i++)
        check_zip(spec, &spec->zips[i]);
    check_method(spec);
    check_conditions(spec);
    for (int i = 0; i < setting_count(); i++)
        visit(&walk, i);
}
