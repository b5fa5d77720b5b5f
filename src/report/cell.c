/* One value of one run: comparing, printing, reading from JSON. */
#include "report/cell.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

/* 3 and 3.0 are the same value: integer columns with gaps are kept as floating point. */
bool cell_equals(const struct cell *a, const struct cell *b)
{
    bool is_number_a = a->kind == CELL_INTEGER || a->kind == CELL_NUMBER;
    bool is_number_b = b->kind == CELL_INTEGER || b->kind == CELL_NUMBER;

    if (is_number_a && is_number_b && a->kind != b->kind)
        return (a->kind == CELL_INTEGER ? (double)a->integer : a->number) ==
               (b->kind == CELL_INTEGER ? (double)b->integer : b->number);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case CELL_MISSING:
        return true;
    case CELL_NUMBER:
        return a->number == b->number;
    case CELL_INTEGER:
    case CELL_BOOL:
        return a->integer == b->integer;
    default:
        return strcmp(a->text, b->text) == 0;
    }
}

void cell_print(const struct cell *cell, struct text *out)
{
    char number[32];

    switch (cell->kind) {
    case CELL_MISSING:
        return;
    case CELL_INTEGER:
        text_append(out, "%lld", (long long)cell->integer);
        return;
    case CELL_NUMBER:
        text_append(out, "%s", text_from_double(cell->number, number));
        return;
    case CELL_BOOL:
        text_append(out, "%s", cell->integer != 0 ? "true" : "false");
        return;
    default:
        text_append(out, "%s", cell->text);
    }
}

struct cell cell_from_number(double value)
{
    if (!isfinite(value))
        return (struct cell){.kind = CELL_MISSING};
    return (struct cell){.kind = CELL_NUMBER, .number = value};
}

enum status cell_from_json(const struct cJSON *item, struct arena *arena, struct cell *out)
{
    enum status status = STATUS_OK;
    char *printed = NULL, *text = NULL;
    double whole = 0.0;

    *out = (struct cell){.kind = CELL_MISSING};
    if (cJSON_IsNull(item))
        return STATUS_OK;
    if (cJSON_IsBool(item)) {
        *out = (struct cell){.kind = CELL_BOOL, .integer = cJSON_IsTrue(item)};
    } else if (cJSON_IsNumber(item)) {
        bool is_whole = modf(item->valuedouble, &whole) == 0.0 && fabs(whole) < 0x1p53;
        *out = is_whole ? (struct cell){.kind = CELL_INTEGER, .integer = (int64_t)whole}
                        : cell_from_number(item->valuedouble);
    } else if (cJSON_IsString(item)) {
        TRY_ALLOC(text, arena_strdup(arena, item->valuestring));
        *out = (struct cell){.kind = CELL_TEXT, .text = text};
    } else {
        printed = cJSON_PrintUnformatted(item);
        if (printed == NULL)
            TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory reading settings"));
        TRY_ALLOC(text, arena_strdup(arena, printed));
        *out = (struct cell){.kind = CELL_JSON, .text = text};
    }
done:
    cJSON_free(printed);
    return status;
}
