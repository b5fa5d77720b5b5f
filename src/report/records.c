/* From typed columns and one JSON text per run to one table of cells. */
#include "report/records.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

static const char settings_column[] = "settings_json";

int64_t records_find(const struct records *records, const char *name)
{
    for (int64_t i = 0; i < records->n_fields; i++) {
        if (strcmp(records->fields[i].name, name) == 0)
            return i;
    }
    return -1;
}

struct cell records_cell(const struct records *records, int64_t row, int64_t field)
{
    if (field < 0)
        return (struct cell){.kind = CELL_MISSING};
    return records->cells[row * records->n_fields + field];
}

double records_number(const struct records *records, int64_t row, int64_t field)
{
    struct cell cell = records_cell(records, row, field);

    return cell.kind == CELL_NUMBER    ? cell.number
           : cell.kind == CELL_INTEGER ? (double)cell.integer
                                       : NAN;
}

const char *records_text(const struct records *records, int64_t row, int64_t field)
{
    struct cell cell = records_cell(records, row, field);
    return cell.kind == CELL_TEXT ? cell.text : "";
}

bool records_is_done(const struct records *records, int64_t row)
{
    return strcmp(records_text(records, row, records_find(records, "state")), "done") == 0;
}

static bool is_setting_name(const char *name)
{
    return strchr(name, '.') != NULL || strcmp(name, "seed") == 0;
}

static enum status add_field(struct records *records, struct arena *arena,
                             struct record_field field)
{
    enum status status = STATUS_OK;

    if (records->n_fields == records->fields_capacity) {
        struct record_field *grown = NULL;
        int64_t capacity = 2 * records->fields_capacity;
        TRY_ALLOC(grown, ARENA_ARRAY(arena, capacity, struct record_field));
        memcpy(grown, records->fields, (size_t)records->n_fields * sizeof *grown);
        records->fields = grown;
        records->fields_capacity = capacity;
    }
    records->fields[records->n_fields++] = field;
done:
    return status;
}

static const struct result_column *find_settings(const struct results *results)
{
    for (int64_t i = 0; i < results->n_columns; i++) {
        const struct result_column *column = &results->columns[i];
        if (column->kind == COLUMN_TEXT && strcmp(column->name, settings_column) == 0)
            return column;
    }
    return NULL;
}

static enum status add_columns(const struct results *results, struct arena *arena,
                               struct records *records)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < results->n_columns; i++) {
        const char *name = results->columns[i].name;
        if (&results->columns[i] != find_settings(results))
            TRY(add_field(records, arena,
                          (struct record_field){name, is_setting_name(name), true}));
    }
done:
    return status;
}

static struct cell column_cell(const struct result_column *column, int64_t row)
{
    switch (column->kind) {
    case COLUMN_TEXT:
        return (struct cell){.kind = CELL_TEXT, .text = column->texts[row]};
    case COLUMN_INTEGER:
        return (struct cell){.kind = CELL_INTEGER, .integer = column->integers[row]};
    default:
        return cell_from_number(column->floats[row]);
    }
}

static enum status parse_settings(const struct result_column *column, int64_t row, cJSON **out)
{
    const char *text = column->texts[row];

    *out = NULL;
    if (text[0] == '\0')
        return STATUS_OK;
    *out = cJSON_Parse(text);
    if (!cJSON_IsObject(*out)) {
        cJSON_Delete(*out);
        *out = NULL;
        return fail(STATUS_BAD_DATA, "row %lld: its settings are not a JSON object",
                    (long long)row);
    }
    return STATUS_OK;
}

/* Rows mostly name the same settings in the same order: where the last one was found is a guess
 * for the next. */
static int64_t find_after(const struct records *records, const char *name, int64_t last)
{
    int64_t guess = last + 1;

    if (guess < records->n_fields && strcmp(records->fields[guess].name, name) == 0)
        return guess;
    return records_find(records, name);
}

/* The field of a setting, added when no run before had it. */
static enum status setting_field(struct records *records, struct arena *arena, const char *text,
                                 int64_t *field)
{
    enum status status = STATUS_OK;
    char *name = NULL;

    *field = find_after(records, text, *field);
    if (*field >= 0)
        return STATUS_OK;
    TRY_ALLOC(name, arena_strdup(arena, text));
    TRY(add_field(records, arena, (struct record_field){name, true, false}));
    *field = records->n_fields - 1;
done:
    return status;
}

static enum status add_run_settings(const cJSON *object, struct arena *arena,
                                    struct records *records)
{
    enum status status = STATUS_OK;
    int64_t field = -1;

    for (const cJSON *item = object ? object->child : NULL; item; item = item->next) {
        TRY(setting_field(records, arena, item->string, &field));
        records->fields[field].is_setting = true;
    }
done:
    return status;
}

static enum status add_settings(const struct result_column *column, int64_t n_rows,
                                struct arena *arena, struct records *records)
{
    enum status status = STATUS_OK;
    cJSON *object = NULL;

    for (int64_t row = 0; row < n_rows; row++) {
        TRY(parse_settings(column, row, &object));
        TRY(add_run_settings(object, arena, records));
        cJSON_Delete(object);
        object = NULL;
    }
done:
    cJSON_Delete(object);
    return status;
}

static void fill_from_columns(const struct results *results, struct records *records)
{
    int64_t field = 0;

    for (int64_t i = 0; i < results->n_columns; i++) {
        if (&results->columns[i] == find_settings(results))
            continue;
        for (int64_t row = 0; row < results->n_rows; row++)
            records->cells[row * records->n_fields + field] =
                column_cell(&results->columns[i], row);
        field++;
    }
}

/* A typed column wins: it alone knows that a run's method does not read a swept setting. It only
 * takes an integer back from the float64 that makes room for gaps. */
static enum status fill_setting(const cJSON *item, struct arena *arena,
                                const struct record_field *field, struct cell *cell)
{
    enum status status = STATUS_OK;
    struct cell value;

    TRY(cell_from_json(item, arena, &value));
    if (!field->is_column || cell_equals(cell, &value))
        *cell = value;
done:
    return status;
}

static enum status fill_from_settings(const struct result_column *column, struct arena *arena,
                                      struct records *records)
{
    enum status status = STATUS_OK;
    cJSON *object = NULL;

    for (int64_t row = 0; row < records->n_rows; row++) {
        int64_t last = -1;
        TRY(parse_settings(column, row, &object));
        for (const cJSON *item = object ? object->child : NULL; item; item = item->next) {
            last = find_after(records, item->string, last);
            TRY(fill_setting(item, arena, &records->fields[last],
                             &records->cells[row * records->n_fields + last]));
        }
        cJSON_Delete(object);
        object = NULL;
    }
done:
    cJSON_Delete(object);
    return status;
}

enum status records_create(const struct results *results, struct arena *arena, struct records *out)
{
    enum status status = STATUS_OK;
    struct records records = {.n_rows = results->n_rows, .fields_capacity = 64};
    const struct result_column *settings = find_settings(results);

    TRY_ALLOC(records.fields, ARENA_ARRAY(arena, records.fields_capacity, struct record_field));
    TRY(add_columns(results, arena, &records));
    if (settings != NULL)
        TRY(add_settings(settings, results->n_rows, arena, &records));
    TRY_ALLOC(records.cells, ARENA_ARRAY(arena, records.n_rows * records.n_fields, struct cell));
    fill_from_columns(results, &records);
    if (settings != NULL)
        TRY(fill_from_settings(settings, arena, &records));
    *out = records;
done:
    return status;
}
