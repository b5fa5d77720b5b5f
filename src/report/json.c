/* An array of objects, one per run and line, with the same keys in each. */
#include "report/records.h"

#include <cjson/cJSON.h>

/* Quoting is cJSON's; a fresh string per value keeps memory at one value however many runs. */
static enum status append_string(const char *value, struct text *out)
{
    enum status status = STATUS_OK;
    cJSON *item = NULL;
    char *printed = NULL;

    item = cJSON_CreateStringReference(value);
    printed = cJSON_PrintUnformatted(item); /* NULL for NULL */
    if (printed == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory quoting a text"));
    text_append(out, "%s", printed);
done:
    cJSON_free(printed);
    cJSON_Delete(item);
    return status;
}

static enum status append_cell(const struct cell *cell, struct text *out)
{
    if (cell->kind == CELL_TEXT)
        return append_string(cell->text, out);
    if (cell->kind == CELL_MISSING)
        text_append(out, "null");
    else
        cell_print(cell, out);
    return STATUS_OK;
}

enum status json_compose(const struct records *records, struct text *out)
{
    enum status status = STATUS_OK;

    text_append(out, "[");
    for (int64_t row = 0; row < records->n_rows; row++) {
        text_append(out, "%s\n{", row > 0 ? "," : "");
        for (int64_t field = 0; field < records->n_fields; field++) {
            struct cell cell = records_cell(records, row, field);
            text_append(out, "%s", field > 0 ? ", " : "");
            TRY(append_string(records->fields[field].name, out));
            text_append(out, ": ");
            TRY(append_cell(&cell, out));
        }
        text_append(out, "}");
    }
    text_append(out, "\n]\n");
    TRY(text_finish(out));
done:
    return status;
}
