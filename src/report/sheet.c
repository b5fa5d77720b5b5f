/* Columns as wide as their widest cell, two blanks between. */
#include "report/sheet.h"

#include <stdlib.h>

/* Code points, so that "±" counts once. */
static int64_t width_of(const char *text)
{
    int64_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

enum status sheet_add_line(struct sheet *sheet)
{
    enum status status = STATUS_OK;

    TRY(heap_grow(&sheet->cells, &sheet->capacity, (sheet->n_lines + 1) * sheet->n_columns,
                  sizeof *sheet->cells));
    sheet->n_lines++;
    for (int64_t c = 0; c < sheet->n_columns; c++)
        sheet->cells[(sheet->n_lines - 1) * sheet->n_columns + c] = "–";
done:
    return status;
}

enum status sheet_set(struct sheet *sheet, int64_t column, const char *value)
{
    enum status status = STATUS_OK;
    char *copy = NULL;

    if (value[0] == '\0')
        return STATUS_OK; /* stays a dash */
    TRY_ALLOC(copy, arena_strdup(sheet->arena, value));
    sheet->cells[(sheet->n_lines - 1) * sheet->n_columns + column] = copy;
done:
    return status;
}

static int64_t column_width(const struct sheet *sheet, int64_t column)
{
    int64_t most = 0;

    for (int64_t line = 0; line < sheet->n_lines; line++) {
        int64_t width = width_of(sheet->cells[line * sheet->n_columns + column]);
        most = width > most ? width : most;
    }
    return most;
}

enum status sheet_print(const struct sheet *sheet, struct text *out)
{
    enum status status = STATUS_OK;
    int64_t *widths = NULL;

    TRY_ALLOC(widths, ARENA_ARRAY(sheet->arena, sheet->n_columns, int64_t));
    for (int64_t c = 0; c < sheet->n_columns; c++)
        widths[c] = column_width(sheet, c);
    for (int64_t line = 0; line < sheet->n_lines; line++) {
        for (int64_t c = 0; c < sheet->n_columns; c++) {
            const char *value = sheet->cells[line * sheet->n_columns + c];
            int pad = (int)(widths[c] - width_of(value));
            bool is_left = c < sheet->n_left, is_last = c == sheet->n_columns - 1;
            text_append(out, "%*s%s%*s%s", is_left ? 0 : pad, "", value,
                        is_left && !is_last ? pad : 0, "", is_last ? "\n" : "  ");
        }
    }
    status = text_finish(out);
done:
    return status;
}

void sheet_release(struct sheet *sheet)
{
    free(sheet->cells);
    *sheet = (struct sheet){.n_columns = 0};
}
