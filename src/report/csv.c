/* One line per run, as RFC 4180 quotes it; missing values are empty, so that pandas reads NaN. */
#include "report/records.h"

#include <string.h>

static void append_quoted(const char *value, struct text *out)
{
    if (strpbrk(value, ",\"\r\n") == NULL) {
        text_append(out, "%s", value);
        return;
    }
    text_append(out, "\"");
    for (const char *at = value; *at != '\0'; at++)
        text_append_bytes(out, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
    text_append(out, "\"");
}

static void append_cell(const struct cell *cell, struct text *out)
{
    if (cell->kind == CELL_TEXT || cell->kind == CELL_JSON)
        append_quoted(cell->text, out);
    else
        cell_print(cell, out);
}

enum status csv_compose(const struct records *records, struct text *out)
{
    for (int64_t field = 0; field < records->n_fields; field++) {
        text_append(out, "%s", field > 0 ? "," : "");
        append_quoted(records->fields[field].name, out);
    }
    text_append(out, "\n");
    for (int64_t row = 0; row < records->n_rows; row++) {
        for (int64_t field = 0; field < records->n_fields; field++) {
            struct cell cell = records_cell(records, row, field);
            text_append(out, "%s", field > 0 ? "," : "");
            append_cell(&cell, out);
        }
        text_append(out, "\n");
    }
    return text_finish(out);
}
