/* Settings as columns, from the typed settings of the runs. */
#include "dispatch/results/results_axes.h"

#include "config/expression.h"
#include "sweep/points/unread_settings.h"
#include "unlearn/composition.h"
#include "unlearn/forget.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

static const struct settings *settings_of(const struct results_axes *axes, int64_t run)
{
    return &axes->sweep->runs[run].settings;
}

/* As people read them: with what the method's switches come to. */
static struct settings shown_of(const struct results_axes *axes, int64_t run)
{
    struct settings shown = *settings_of(axes, run);

    unlearn_spell_out(&shown);
    return shown;
}

static bool is_read(const struct results_axes *axes, int64_t run, const struct setting *setting)
{
    return setting_is_read(settings_of(axes, run)->unlearn.method, setting->name);
}

/* ---- the values of one setting ---- */

/* Whole numbers where every run has one, else floats. */
static enum status fill_numbers(const struct results_axes *axes, const struct setting *setting,
                                struct result_column *column)
{
    enum status status = STATUS_OK;
    int64_t n = axes->sweep->n_runs, *integers = NULL;
    double *floats = NULL;
    bool is_whole = true;

    TRY_ALLOC(floats, ARENA_ARRAY(axes->arena, n, double));
    TRY_ALLOC(integers, ARENA_ARRAY(axes->arena, n, int64_t));
    for (int64_t i = 0; i < n; i++) {
        floats[i] =
            is_read(axes, i, setting) ? setting_result(setting, settings_of(axes, i)).number : NAN;
        is_whole = is_whole && floats[i] == rint(floats[i]) && fabs(floats[i]) < 9e15;
        integers[i] = is_whole ? (int64_t)floats[i] : 0;
    }
    column->kind = is_whole ? COLUMN_INTEGER : COLUMN_FLOAT;
    column->floats = floats;
    column->integers = integers;
done:
    return status;
}

/* "[0.5,0.25,0.25]" with as many digits as cJSON writes: these are in every results.h5 there is. */
static enum status numbers_text(const struct results_axes *axes, const double numbers[3],
                                const char **out)
{
    enum status status = STATUS_OK;
    char *printed = NULL;
    cJSON *list = cJSON_CreateDoubleArray(numbers, 3);

    printed = cJSON_PrintUnformatted(list); /* NULL for NULL */
    if (printed == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory printing a normalisation"));
    TRY_ALLOC(*out, arena_strdup(axes->arena, printed));
done:
    cJSON_free(printed);
    cJSON_Delete(list);
    return status;
}

static enum status normalisation_text(const struct results_axes *axes,
                                      const struct normalisation *normalisation, const char **out)
{
    if (normalisation->kind == NORMALISATION_GIVEN)
        return numbers_text(axes, normalisation->values, out);
    *out = normalisation->kind == NORMALISATION_BASE ? "base" : "published";
    return STATUS_OK;
}

/* As JSON, without blanks. */
static enum status list_text(const struct results_axes *axes, const struct setting *setting,
                             const struct settings *settings, const char **out)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    setting_print(setting, settings, &text);
    TRY(text_finish(&text));
    cJSON_Minify(text.data);
    TRY_ALLOC(*out, arena_strdup(axes->arena, text.data));
done:
    text_release(&text);
    return status;
}

static enum status text_of(const struct results_axes *axes, const struct setting *setting,
                           const struct settings *settings, const char **out)
{
    enum result_kind kind = RESULT_TEXT;

    if (setting->kind == SETTING_NORMALISATION)
        return normalisation_text(axes, (const void *)((const char *)settings + setting->offset),
                                  out);
    if (!setting_result_kind(setting, &kind))
        return list_text(axes, setting, settings, out);
    const struct result value = setting_result(setting, settings);
    *out = kind != RESULT_BOOL ? value.text : value.boolean ? "true" : "false";
    return STATUS_OK;
}

static enum status fill_texts(const struct results_axes *axes, const struct setting *setting,
                              struct result_column *column)
{
    enum status status = STATUS_OK;
    const char **texts = NULL;

    TRY_ALLOC(texts, ARENA_ARRAY(axes->arena, axes->sweep->n_runs, const char *));
    for (int64_t i = 0; i < axes->sweep->n_runs; i++) {
        const struct settings shown = shown_of(axes, i);
        texts[i] = "";
        if (is_read(axes, i, setting))
            TRY(text_of(axes, setting, &shown, &texts[i]));
    }
    column->kind = COLUMN_TEXT;
    column->texts = texts;
done:
    return status;
}

static bool is_number(const struct setting *setting)
{
    enum result_kind kind = RESULT_TEXT;

    return setting_result_kind(setting, &kind) && (kind == RESULT_INTEGER || kind == RESULT_NUMBER);
}

/* What no run reads is missing everywhere, which only floats can say. */
static enum status fill_column(const struct results_axes *axes, struct result_column *column)
{
    const struct setting *setting = setting_at(setting_find(column->name));
    bool is_any_read = false;

    for (int64_t i = 0; i < axes->sweep->n_runs && !is_any_read; i++)
        is_any_read = is_read(axes, i, setting);
    return is_number(setting) || !is_any_read ? fill_numbers(axes, setting, column)
                                              : fill_texts(axes, setting, column);
}

/* ---- which settings ---- */

static bool has_column(const struct results_axes *axes, const char *name)
{
    for (int64_t i = 0; i < axes->n; i++)
        if (strcmp(axes->columns[i].name, name) == 0)
            return true;
    return false;
}

static void add_column(struct results_axes *axes, const char *name)
{
    const struct setting *setting = setting_at(setting_find(name));

    if (!has_column(axes, name))
        axes->columns[axes->n++] = (struct result_column){
            .name = setting->name, .units = setting->unit, .long_name = setting->help};
}

static bool is_same_in_all(const struct results_axes *axes, const struct setting *setting)
{
    for (int64_t i = 1; i < axes->sweep->n_runs; i++)
        if (!setting_is_same(setting, settings_of(axes, 0), settings_of(axes, i)))
            return false;
    return true;
}

/* Among the runs whose methods read it. */
static bool differs(const struct results_axes *axes, const struct setting *setting)
{
    const struct settings *first = NULL;

    if (is_same_in_all(axes, setting)) /* of most settings; what a method reads costs more */
        return false;
    for (int64_t i = 0; i < axes->sweep->n_runs; i++) {
        if (!is_read(axes, i, setting))
            continue;
        if (first != NULL && !setting_is_same(setting, first, settings_of(axes, i)))
            return true;
        first = first != NULL ? first : settings_of(axes, i);
    }
    return false;
}

static enum status choose_columns(struct results_axes *axes)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = axes->sweep;

    TRY_ALLOC(axes->columns,
              ARENA_ARRAY(axes->arena, sweep->n_axes + setting_count(), struct result_column));
    for (int64_t i = 0; i < sweep->n_axes; i++)
        add_column(axes, sweep->axes[i]);
    add_column(axes, "unlearn.method");
    add_column(axes, "model.arch");
    for (int64_t i = 0; i < sweep->n_runs; i++)
        add_column(axes, forget_setting(settings_of(axes, i)->forget.kind));
    add_column(axes, "seed");
    for (int k = 0; k < setting_count(); k++)
        if (setting_at(k)->counts != COUNTS_NEVER && differs(axes, setting_at(k)))
            add_column(axes, setting_at(k)->name);
done:
    return status;
}

static enum status print_settings(const struct results_axes *axes)
{
    enum status status = STATUS_OK;
    struct text json = {0};

    for (int64_t i = 0; i < axes->sweep->n_runs; i++) {
        json.length = 0;
        TRY(settings_to_json(settings_of(axes, i), &json));
        TRY_ALLOC(axes->settings_json[i], arena_strdup(axes->arena, text_value(&json)));
    }
done:
    text_release(&json);
    return status;
}

enum status results_axes_fill(struct results_axes *axes)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(axes->settings_json, ARENA_ARRAY(axes->arena, axes->sweep->n_runs, const char *));
    TRY(print_settings(axes));
    TRY(choose_columns(axes));
    for (int64_t i = 0; i < axes->n; i++)
        TRY(fill_column(axes, &axes->columns[i]));
done:
    return status;
}
