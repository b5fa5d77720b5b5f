/* Swept settings as columns: found in the settings' JSON, so that every kind of setting takes the
 * same way. */
#include "dispatch/results/results_axes.h"

#include "config/settings_table.h"
#include "sweep/points/unread_settings.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers become a numeric column, anything else text as JSON writes it. */
static enum status fill_axis(const struct axes *axes, cJSON *const *settings, const char *name,
                             struct result_column *column)
{
    enum status status = STATUS_OK;
    int64_t n = axes->sweep->n_runs;
    double *floats = NULL;
    int64_t *integers = NULL;
    const char **texts = NULL;
    bool is_numeric = true, is_integral = true;

    TRY_ALLOC(floats, ARENA_ARRAY(axes->arena, n, double));
    TRY_ALLOC(integers, ARENA_ARRAY(axes->arena, n, int64_t));
    TRY_ALLOC(texts, ARENA_ARRAY(axes->arena, n, const char *));
    for (int64_t i = 0; i < n; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(settings[i], name);
        bool is_there =
            item != NULL && setting_is_read(axes->sweep->runs[i].settings.unlearn.method, name);
        char *printed = NULL;
        floats[i] = is_there && cJSON_IsNumber(item) ? item->valuedouble : NAN;
        is_numeric = is_numeric && (!is_there || cJSON_IsNumber(item));
        is_integral = is_integral && floats[i] == rint(floats[i]) && fabs(floats[i]) < 9e15;
        integers[i] = is_integral ? (int64_t)floats[i] : 0;
        if (is_there && !cJSON_IsString(item))
            printed = cJSON_PrintUnformatted(item);
        TRY_ALLOC(texts[i], arena_strdup(axes->arena, printed != NULL ? printed
                                                      : is_there      ? item->valuestring
                                                                      : ""));
        cJSON_free(printed);
    }
    column->kind = !is_numeric ? COLUMN_TEXT : is_integral ? COLUMN_INTEGER : COLUMN_FLOAT;
    column->floats = floats;
    column->integers = integers;
    column->texts = texts;
done:
    return status;
}

static enum status parse_settings(const struct axes *axes, cJSON **parsed)
{
    enum status status = STATUS_OK;
    struct text json = {0};

    for (int64_t i = 0; i < axes->sweep->n_runs; i++) {
        json.length = 0;
        TRY(settings_to_json(&axes->sweep->runs[i].settings, &json));
        TRY_ALLOC(axes->settings_json[i], arena_strdup(axes->arena, text_value(&json)));
        parsed[i] = cJSON_Parse(text_value(&json));
        if (parsed[i] == NULL)
            TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory reading the settings of a run"));
    }
done:
    text_release(&json);
    return status;
}

/* ---- which settings ---- */

static bool has_column(const struct axes *axes, const char *name)
{
    for (int64_t i = 0; i < axes->n; i++)
        if (strcmp(axes->columns[i].name, name) == 0)
            return true;
    return false;
}

static void add_name(struct axes *axes, const char *name)
{
    int found = setting_find(name);

    if (has_column(axes, name))
        return;
    axes->columns[axes->n++] = (struct result_column){
        .name = name,
        .units = found >= 0 ? setting_at(found)->unit : "",
        .long_name = found >= 0 ? setting_at(found)->help : name,
    };
}

/* Among the runs whose methods read it; values as they are printed. */
static bool differs(const struct axes *axes, cJSON *const *settings, const char *name)
{
    const cJSON *first = NULL;

    for (int64_t i = 0; i < axes->sweep->n_runs; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(settings[i], name);
        if (item == NULL || !setting_is_read(axes->sweep->runs[i].settings.unlearn.method, name))
            continue;
        if (first != NULL && !cJSON_Compare(first, item, true))
            return true;
        first = first != NULL ? first : item;
    }
    return false;
}

/* Runs print their settings in one order, so a walk over all of them at once finds out which are
 * the same in all. */
static void find_candidates(const struct axes *axes, cJSON *const *settings, bool *is_candidate)
{
    for (int64_t i = 1; i < axes->sweep->n_runs; i++) {
        const cJSON *first = settings[0]->child, *other = settings[i]->child;
        for (; first != NULL && other != NULL; first = first->next, other = other->next) {
            int found = setting_find(first->string);
            if (found >= 0 && !is_candidate[found])
                is_candidate[found] =
                    strcmp(first->string, other->string) != 0 || !cJSON_Compare(first, other, true);
        }
    }
}

static void add_forgotten(struct axes *axes, cJSON *const *settings)
{
    for (int64_t i = 0; i < axes->sweep->n_runs; i++) {
        const cJSON *kind = cJSON_GetObjectItemCaseSensitive(settings[i], "forget.kind");
        for (int k = 0; cJSON_IsString(kind) && k < setting_count(); k++) {
            const char *name = setting_at(k)->name;
            if (strncmp(name, "forget.", 7) == 0 && strcmp(name + 7, kind->valuestring) == 0)
                add_name(axes, name);
        }
    }
}

static enum status choose_names(struct axes *axes, cJSON *const *settings)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = axes->sweep;
    bool *is_candidate = NULL;

    TRY_ALLOC(is_candidate, ARENA_ARRAY(axes->arena, setting_count(), bool));
    TRY_ALLOC(axes->columns,
              ARENA_ARRAY(axes->arena, sweep->n_axes + setting_count(), struct result_column));
    for (int64_t i = 0; i < sweep->n_axes; i++)
        add_name(axes, sweep->axes[i]);
    add_name(axes, "unlearn.method");
    add_name(axes, "model.arch");
    add_forgotten(axes, settings);
    add_name(axes, "seed");
    find_candidates(axes, settings, is_candidate);
    for (int k = 0; k < setting_count(); k++)
        if (is_candidate[k] && setting_at(k)->group != GROUP_EXECUTION &&
            differs(axes, settings, setting_at(k)->name))
            add_name(axes, setting_at(k)->name);
done:
    return status;
}

enum status results_axes_fill(struct axes *axes)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = axes->sweep;
    cJSON **parsed = NULL;

    TRY_ALLOC(parsed, heap_alloc(sweep->n_runs, sizeof(cJSON *)));
    TRY_ALLOC(axes->settings_json, ARENA_ARRAY(axes->arena, sweep->n_runs, const char *));
    TRY(parse_settings(axes, parsed));
    TRY(choose_names(axes, parsed));
    for (int64_t i = 0; i < axes->n; i++)
        TRY(fill_axis(axes, parsed, axes->columns[i].name, &axes->columns[i]));
done:
    for (int64_t i = 0; parsed != NULL && i < sweep->n_runs; i++)
        cJSON_Delete(parsed[i]);
    free(parsed);
    return status;
}
