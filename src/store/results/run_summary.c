/* {"state","message","attempt","host","started","device","numerics","threads","eval_batch_size",
 * "measures":{name: value or [value, units, long name]}, "history":{name: [units, [values]]},
 * "files":{name: [bytes, crc]}} */
#include "store/results/run_summary.h"

#include "base/file.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- printing ---- */

/* cJSON's own numbers lose the last bits. */
static cJSON *number_item(double value)
{
    char digits[32];

    if (isnan(value))
        return cJSON_CreateNull();
    if (isinf(value)) /* JSON has no word for it; this is read as what it is */
        return cJSON_CreateRaw(value > 0 ? "1e999" : "-1e999");
    return cJSON_CreateRaw(text_from_double(value, digits));
}

static bool add(cJSON *object, const char *name, cJSON *item)
{
    if (item != NULL && cJSON_AddItemToObject(object, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool append(cJSON *array, cJSON *item)
{
    if (item != NULL && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add_measures(cJSON *object, const struct run_file *run)
{
    cJSON *measures = cJSON_AddObjectToObject(object, "measures");
    bool is_made = measures != NULL;

    for (int64_t i = 0; is_made && i < run->n_values; i++) {
        const struct run_value *value = &run->values[i];
        if (strcmp(value->units, "1") == 0 && strcmp(value->long_name, value->name) == 0) {
            is_made = add(measures, value->name, number_item(value->value));
            continue;
        }
        cJSON *row = cJSON_AddArrayToObject(measures, value->name);
        is_made = row != NULL && append(row, number_item(value->value)) &&
                  append(row, cJSON_CreateString(value->units)) &&
                  append(row, cJSON_CreateString(value->long_name));
    }
    return is_made;
}

static bool add_history(cJSON *object, const struct run_file *run)
{
    cJSON *history = cJSON_AddObjectToObject(object, "history");
    bool is_made = history != NULL;

    for (int64_t i = 0; is_made && i < run->n_history; i++) {
        const struct run_series *series = &run->history[i];
        cJSON *row = cJSON_AddArrayToObject(history, series->name), *values = cJSON_CreateArray();
        is_made = row != NULL && append(row, cJSON_CreateString(series->units));
        is_made = append(is_made ? row : NULL, values) && is_made;
        for (int64_t k = 0; is_made && k < series->n; k++)
            is_made = append(values, number_item(series->values[k]));
    }
    return is_made;
}

static bool add_files(cJSON *object, const struct run_summary *summary)
{
    cJSON *files = cJSON_AddObjectToObject(object, "files");
    bool is_made = files != NULL;

    for (int64_t i = 0; is_made && i < summary->n_files; i++) {
        char crc[9];
        snprintf(crc, sizeof crc, "%08" PRIx32, summary->files[i].crc);
        cJSON *row = cJSON_AddArrayToObject(files, summary->files[i].name);
        is_made = row != NULL && append(row, cJSON_CreateNumber((double)summary->files[i].bytes)) &&
                  append(row, cJSON_CreateString(crc));
    }
    return is_made;
}

static bool add_heading(cJSON *object, const struct run_file *run)
{
    const char *device = run->device != NULL ? run->device : "";

    return add(object, "state", cJSON_CreateString(run->state)) &&
           add(object, "message", cJSON_CreateString(run->message)) &&
           add(object, "attempt", cJSON_CreateNumber((double)run->attempt)) &&
           add(object, "host", cJSON_CreateString(run->host)) &&
           add(object, "started", cJSON_CreateString(run->started)) &&
           add(object, "device", cJSON_CreateString(device)) &&
           add(object, "numerics", cJSON_CreateNumber((double)run->numerics)) &&
           add(object, "threads", cJSON_CreateNumber((double)run->n_threads)) &&
           add(object, "eval_batch_size", cJSON_CreateNumber((double)run->eval_batch_size));
}

enum status run_summary_print(const struct run_summary *summary, struct text *out)
{
    cJSON *object = cJSON_CreateObject();
    bool is_made = object != NULL && add_heading(object, &summary->run) &&
                   add_measures(object, &summary->run) && add_history(object, &summary->run) &&
                   add_files(object, summary);
    char *printed = is_made ? cJSON_PrintUnformatted(object) : NULL;

    cJSON_Delete(object);
    if (printed == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory composing a run's summary");
    text_append_bytes(out, printed, (int64_t)strlen(printed));
    cJSON_free(printed);
    return text_finish(out);
}

/* ---- parsing ---- */

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static double number_in(const cJSON *item)
{
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static int64_t integer_in(const cJSON *item)
{
    double value = number_in(item);
    return fabs(value) < 9e15 ? (int64_t)value : 0; /* false for NaN too */
}

static enum status copy(const cJSON *item, struct arena *arena, const char **out)
{
    *out = arena_strdup(arena, cJSON_IsString(item) ? item->valuestring : "");
    return *out != NULL ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

static int64_t count(const cJSON *parent)
{
    return parent != NULL ? cJSON_GetArraySize(parent) : 0;
}

static enum status parse_measures(const cJSON *measures, struct arena *arena, struct run_file *run)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(run->values, ARENA_ARRAY(arena, count(measures), struct run_value));
    for (const cJSON *item = measures != NULL ? measures->child : NULL; item; item = item->next) {
        struct run_value *value = &run->values[run->n_values++];
        TRY_ALLOC(value->name, arena_strdup(arena, item->string));
        value->units = "1";
        value->long_name = value->name;
        value->value = number_in(cJSON_IsArray(item) ? cJSON_GetArrayItem(item, 0) : item);
        if (!cJSON_IsArray(item))
            continue;
        TRY(copy(cJSON_GetArrayItem(item, 1), arena, &value->units));
        TRY(copy(cJSON_GetArrayItem(item, 2), arena, &value->long_name));
    }
done:
    return status;
}

static enum status parse_history(const cJSON *history, struct arena *arena, struct run_file *run)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(run->history, ARENA_ARRAY(arena, count(history), struct run_series));
    for (const cJSON *item = history != NULL ? history->child : NULL; item; item = item->next) {
        struct run_series *series = &run->history[run->n_history++];
        const cJSON *values = cJSON_GetArrayItem(item, 1);
        TRY_ALLOC(series->name, arena_strdup(arena, item->string));
        TRY(copy(cJSON_GetArrayItem(item, 0), arena, &series->units));
        TRY_ALLOC(series->values, ARENA_ARRAY(arena, count(values), double));
        for (const cJSON *value = values != NULL ? values->child : NULL; value; value = value->next)
            series->values[series->n++] = number_in(value);
    }
done:
    return status;
}

static enum status parse_files(const cJSON *files, struct arena *arena, struct run_summary *out)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(out->files, ARENA_ARRAY(arena, count(files), struct written_file));
    for (const cJSON *item = files != NULL ? files->child : NULL; item != NULL; item = item->next) {
        struct written_file *file = &out->files[out->n_files++];
        const char *crc = "";
        TRY_ALLOC(file->name, arena_strdup(arena, item->string));
        file->bytes = integer_in(cJSON_GetArrayItem(item, 0));
        TRY(copy(cJSON_GetArrayItem(item, 1), arena, &crc));
        file->crc = (uint32_t)strtoul(crc, NULL, 16);
    }
done:
    return status;
}

static enum status parse_heading(const cJSON *object, struct arena *arena, struct run_file *run)
{
    enum status status = STATUS_OK;

    run->id = run->name = run->settings_json = "";
    run->attempt = integer_in(member(object, "attempt"));
    run->numerics = integer_in(member(object, "numerics"));
    run->n_threads = integer_in(member(object, "threads"));
    run->eval_batch_size = integer_in(member(object, "eval_batch_size"));
    TRY(copy(member(object, "state"), arena, &run->state));
    TRY(copy(member(object, "message"), arena, &run->message));
    TRY(copy(member(object, "host"), arena, &run->host));
    TRY(copy(member(object, "started"), arena, &run->started));
    TRY(copy(member(object, "device"), arena, &run->device));
done:
    return status;
}

enum status run_summary_parse(const char *json, struct arena *arena, struct run_summary *out)
{
    enum status status = STATUS_OK;
    struct run_summary made = {0};
    cJSON *object = cJSON_Parse(json);

    if (!cJSON_IsObject(object) || member(object, "measures") == NULL)
        TRY(fail(STATUS_BAD_DATA, "the summary of a run is not a JSON object with measures"));
    TRY(parse_heading(object, arena, &made.run));
    TRY(parse_measures(member(object, "measures"), arena, &made.run));
    TRY(parse_history(member(object, "history"), arena, &made.run));
    TRY(parse_files(member(object, "files"), arena, &made));
    *out = made;
done:
    cJSON_Delete(object);
    return status;
}
