/* A point's settings. What every point shares is read once; a point costs what varies. */
#include "sweep/points/point.h"

#include "unlearn/composition.h"
#include "unlearn/forget.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_BUCKETS = 1024, NUMBER_BYTES = 32 };

struct kept_text { /* texts that expressions made, each once */
    struct kept_text *next;
    const char *text;
};

struct method_settings { /* of a method that has defaults of its own */
    struct method_settings *next;
    const struct method *method;
    int recipe;
    struct settings defaults; /* all: its own, and the architecture's */
    int own[MAX_SETTINGS], n_own;
};

struct point_maker {
    const struct spec *spec;
    struct settings defaults[N_BASE_RECIPES];
    struct settings shared[N_BASE_RECIPES]; /* with the constants that never change */
    int varying[MAX_SETTINGS];              /* settings to be read at every point */
    int n_varying;
    struct tree drawn[MAX_SETTINGS]; /* numbers of the point under way, drawn and calculated */
    char texts[MAX_SETTINGS][NUMBER_BYTES];
    struct text scratch;
    struct kept_text *kept[N_BUCKETS];
    struct method_settings *of_methods; /* in the spec's arena */
    int arch, method;                   /* index of model.arch, unlearn.method */
    int forget[N_FORGET_KINDS];         /* of what says that something is forgotten */
};

const struct position *point_at(const struct point *point, const char *setting,
                                const struct position *top)
{
    const struct tree *chosen = point->chosen[setting_find(setting)];

    return chosen != NULL ? &chosen->at : top;
}

enum forget_kind point_forget_kind(const struct point *point)
{
    for (enum forget_kind kind = 0; kind < N_FORGET_KINDS; kind++)
        if (point->chosen[setting_find(forget_setting(kind))] != NULL)
            return kind;
    return N_FORGET_KINDS;
}

/* The kind from what is chosen, and nothing of the other kinds, which an included point may have
 * replaced. */
static void settle_forget(const struct point_maker *maker, int recipe, struct point *point)
{
    for (enum forget_kind kind = 0; kind < N_FORGET_KINDS; kind++) {
        if (point->chosen[maker->forget[kind]] == NULL)
            continue;
        forget_keep(kind, &maker->defaults[recipe], &point->settings);
        return;
    }
}

/* A constant that is the same at every point. */
static bool is_shared(const struct slot *slot)
{
    return slot->order == 0 && slot->n_values > 0 && slot->expressions[0] == NULL &&
           slot->when == NULL;
}

static void read_shared(struct point_maker *maker)
{
    const struct setting_reader reader = {.arena = maker->spec->arena, .is_again = true};

    for (int i = 0; i < setting_count(); i++) {
        const struct slot *slot = &maker->spec->slots[i];
        if (!is_shared(slot))
            maker->varying[maker->n_varying++] = i;
        for (int k = 0; k < N_BASE_RECIPES && is_shared(slot); k++)
            (void)setting_read(&reader, setting_at(i), slot->values[0], &maker->shared[k]);
    }
}

enum status point_maker_create(const struct spec *spec, struct point_maker **out)
{
    enum status status = STATUS_OK;
    struct point_maker *maker = NULL;

    TRY_ALLOC(maker, heap_alloc(1, sizeof *maker));
    maker->spec = spec;
    maker->arch = setting_find("model.arch");
    maker->method = setting_find("unlearn.method");
    for (enum forget_kind kind = 0; kind < N_FORGET_KINDS; kind++)
        maker->forget[kind] = setting_find(forget_setting(kind));
    for (int i = 0; i < N_BASE_RECIPES; i++) {
        TRY(settings_default(spec->arena, base_recipe_names[i], spec->is_published,
                             &maker->defaults[i]));
        maker->shared[i] = maker->defaults[i];
    }
    read_shared(maker);
    *out = maker;
    maker = NULL;
done:
    point_maker_destroy(maker);
    return status;
}

void point_maker_destroy(struct point_maker *maker)
{
    if (maker == NULL)
        return;
    text_release(&maker->scratch);
    free(maker);
}

void point_begin(const struct point_maker *maker, struct point *point)
{
    for (int i = 0; i < setting_count(); i++) {
        const struct slot *slot = &maker->spec->slots[i];
        bool is_constant = slot->order == 0 && slot->n_values > 0;
        point->chosen[i] = is_constant ? slot->values[0] : NULL;
        point->formulas[i] = is_constant ? slot->expressions[0] : NULL;
        point->offered[i] = NULL;
        point->is_said[i] = false;
    }
}

/* A number as a tree of its own at the place of what it came from. */
static void put_number(struct point_maker *maker, int setting, const struct tree *from,
                       double number)
{
    struct tree *tree = &maker->drawn[setting];
    bool is_integer = setting_at(setting)->kind == SETTING_INTEGER && number == rint(number) &&
                      fabs(number) <= 0x1p53;

    *tree = (struct tree){.kind = is_integer ? TREE_INTEGER : TREE_FLOAT,
                          .at = from->at,
                          .text = maker->texts[setting],
                          .integer = is_integer ? (int64_t)number : 0,
                          .number = number};
    if (is_integer)
        snprintf(maker->texts[setting], NUMBER_BYTES, "%lld", (long long)tree->integer);
    else
        (void)text_from_double(number, maker->texts[setting]);
}

void point_choose_drawn(struct point_maker *maker, struct point *point, int setting, double number)
{
    put_number(maker, setting, maker->spec->slots[setting].written, number);
    point->chosen[setting] = &maker->drawn[setting];
    point->formulas[setting] = NULL;
}

static enum status keep_text(struct point_maker *maker, const char *text, const char **out)
{
    enum status status = STATUS_OK;
    struct kept_text *kept = NULL;
    size_t bucket = 5381;

    for (const char *c = text; *c != '\0'; c++)
        bucket = bucket * 33 + (unsigned char)*c;
    struct kept_text **head = &maker->kept[bucket % N_BUCKETS];
    for (kept = *head; kept != NULL; kept = kept->next)
        if (strcmp(kept->text, text) == 0)
            break;
    if (kept == NULL) {
        TRY_ALLOC(kept, ARENA_NEW(maker->spec->arena, struct kept_text));
        TRY_ALLOC(kept->text, arena_strdup(maker->spec->arena, text));
        kept->next = *head;
        *head = kept;
    }
    *out = kept->text;
done:
    return status;
}

/* The value of a formula as a tree at the formula's place. */
static enum status calculate(struct point_maker *maker, const struct point *point, int setting,
                             struct tree *out)
{
    enum status status = STATUS_OK;
    struct result value = {0};
    const struct tree *from = point->chosen[setting];

    TRY(expression_value(point->formulas[setting], &point->settings, &maker->scratch, &value));
    if (value.kind == RESULT_INTEGER || value.kind == RESULT_NUMBER) {
        put_number(maker, setting, from, value.number);
        *out = maker->drawn[setting];
        return STATUS_OK;
    }
    *out = (struct tree){.kind = value.kind == RESULT_BOOL ? TREE_BOOL : TREE_TEXT,
                         .at = from->at,
                         .boolean = value.boolean,
                         .text = value.boolean ? "true" : "false"};
    if (value.kind == RESULT_TEXT)
        TRY(keep_text(maker, value.text, &out->text));
done:
    return status;
}

/* A failure of arithmetic is a mistake at the formula; other failures pass through. */
static enum status report(const struct point_maker *maker, int setting, const struct tree *at,
                          enum status failed)
{
    if (failed != STATUS_BAD_CONFIG)
        return failed;
    diagnostics_error(maker->spec->diagnostics, &at->at, NULL, "'%s': %s",
                      setting_at(setting)->name, status_message());
    return STATUS_OK;
}

static enum status is_wanted(struct point_maker *maker, const struct point *point, int setting,
                             bool *out, bool *is_good)
{
    const struct slot *slot = &maker->spec->slots[setting];
    struct result value = {.boolean = true};
    enum status status = STATUS_OK;

    if (slot->when != NULL && !point->is_said[setting])
        status = expression_value(slot->when, &point->settings, &maker->scratch, &value);
    *is_good = *is_good && status == STATUS_OK;
    *out = status == STATUS_OK && value.boolean;
    return status == STATUS_OK ? status : report(maker, setting, slot->condition, status);
}

/* A setting that reads others: its default where its condition is false, else its value. */
static enum status fill_dependent(struct point_maker *maker, struct point *point, int setting,
                                  const struct settings *defaults, bool *is_good)
{
    enum status status = STATUS_OK;
    bool is_in = true;
    struct tree value = {0};

    TRY(is_wanted(maker, point, setting, &is_in, is_good));
    if (!is_in) {
        setting_copy(setting_at(setting), defaults, &point->settings);
        point->offered[setting] = point->formulas[setting] == NULL ? point->chosen[setting] : NULL;
        point->chosen[setting] = NULL;
        point->formulas[setting] = NULL;
        return STATUS_OK;
    }
    if (point->formulas[setting] == NULL)
        return STATUS_OK;
    enum status calculated = calculate(maker, point, setting, &value);
    if (calculated == STATUS_OK) {
        *is_good =
            setting_read(&maker->spec->reader, setting_at(setting), &value, &point->settings) &&
            *is_good;
        return STATUS_OK;
    }
    *is_good = false;
    TRY(report(maker, setting, point->chosen[setting], calculated));
done:
    return status;
}

static enum status method_settings_create(struct point_maker *maker, const struct method *method,
                                          int recipe, struct method_settings **out)
{
    enum status status = STATUS_OK;
    struct method_settings *row = NULL;

    TRY_ALLOC(row, ARENA_NEW(maker->spec->arena, struct method_settings));
    *row = (struct method_settings){
        .method = method, .recipe = recipe, .defaults = maker->defaults[recipe]};
    TRY(method_defaults(method, maker->spec->arena, &row->defaults));
    for (int i = 0; i < setting_count(); i++)
        if (method_default(method, setting_at(i)->name) != NULL)
            row->own[row->n_own++] = i;
    row->next = maker->of_methods;
    maker->of_methods = row;
    *out = row;
done:
    return status;
}

/* What nobody chose is what the method was published with. *defaults: for architecture and method,
 * of all settings. */
static enum status fill_defaults(struct point_maker *maker, struct point *point, int recipe,
                                 const struct settings **defaults)
{
    enum status status = STATUS_OK;
    const struct method *method = method_find(point->settings.unlearn.method);
    struct method_settings *row = maker->of_methods;

    *defaults = &maker->defaults[recipe];
    if (method == NULL || !method_has_defaults(method))
        return STATUS_OK;
    while (row != NULL && (row->method != method || row->recipe != recipe))
        row = row->next;
    if (row == NULL)
        TRY(method_settings_create(maker, method, recipe, &row));
    *defaults = &row->defaults;
    for (int k = 0; k < row->n_own; k++)
        if (point->chosen[row->own[k]] == NULL)
            setting_copy(setting_at(row->own[k]), &row->defaults, &point->settings);
done:
    return status;
}

enum status point_fill(struct point_maker *maker, struct point *point, bool *is_good)
{
    enum status status = STATUS_OK;
    const struct spec *spec = maker->spec;
    const struct setting_reader reader = {.arena = spec->arena, .is_again = true};
    const struct settings *defaults = NULL;

    *is_good = true;
    point->architecture = architecture_find(point->chosen[maker->arch]->text);
    int recipe = base_recipe_index(point->architecture->base_recipe);
    point->settings = maker->shared[recipe];
    for (int k = 0; k < maker->n_varying; k++) {
        int i = maker->varying[k];
        const struct tree *chosen = point->chosen[i];
        if (chosen == NULL || point->formulas[i] != NULL)
            continue;
        bool is_drawn = chosen == &maker->drawn[i];
        bool is_read = setting_read(is_drawn ? &spec->reader : &reader, setting_at(i), chosen,
                                    &point->settings);
        *is_good = *is_good && is_read;
    }
    for (int i = 0; i < setting_count(); i++) /* instead of a constant */
        if (point->is_said[i])
            (void)setting_read(&reader, setting_at(i), point->chosen[i], &point->settings);
    TRY(fill_defaults(maker, point, recipe, &defaults));
    point->settings.seed = point->seed;
    settle_forget(maker, recipe, point);
    for (int k = 0; k < spec->n_dependent; k++) {
        TRY(fill_dependent(maker, point, spec->dependent[k], defaults, is_good));
        if (spec->dependent[k] == maker->method)
            TRY(fill_defaults(maker, point, recipe, &defaults));
    }
    point->method = method_find(point->settings.unlearn.method);
done:
    return status;
}

void point_settle_method(struct spec *spec, struct point *point, bool *is_good)
{
    const char *setting = NULL;

    point->asked = point->settings.unlearn.method;
    *is_good = unlearn_settle(&point->settings, &setting) == STATUS_OK;
    if (!*is_good)
        diagnostics_error(spec->diagnostics, point_at(point, setting, &spec->top), NULL, "%s",
                          status_message());
    point->method = method_find(point->settings.unlearn.method);
}
