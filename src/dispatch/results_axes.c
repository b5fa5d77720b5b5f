/* Swept settings as columns: found in the settings' JSON, so that every kind of setting takes the
 * same way. */
#include "dispatch/results_axes.h"

#include "config/settings_table.h"
#include "sweep/merged.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

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
            item != NULL && merged_is_read(axes->sweep->runs[i].settings.unlearn.method, name);
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

enum status results_axes_fill(const struct axes *axes)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = axes->sweep;
    cJSON **parsed = NULL;

    TRY_ALLOC(parsed, heap_alloc(sweep->n_runs, sizeof(cJSON *)));
    TRY(parse_settings(axes, parsed));
    for (int64_t i = 0; i < sweep->n_axes; i++) {
        struct result_column *column = &axes->columns[i];
        int found = setting_find(sweep->axes[i]);
        column->name = sweep->axes[i];
        column->units = found >= 0 ? setting_at(found)->unit : "";
        column->long_name = found >= 0 ? setting_at(found)->help : sweep->axes[i];
        TRY(fill_axis(axes, parsed, sweep->axes[i], column));
    }
done:
    for (int64_t i = 0; parsed != NULL && i < sweep->n_runs; i++)
        cJSON_Delete(parsed[i]);
    free(parsed);
    return status;
}
