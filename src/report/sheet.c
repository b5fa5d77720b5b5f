/* Columns as wide as their widest cell, two blanks between. */
#include "report/sheet.h"

#include <assert.h>
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

struct panel { /* columns that are printed side by side, after those of text */
    int64_t first, end;
};

/* As many columns from `first` on as fit, at least one. */
static struct panel panel_at(const struct sheet *sheet, const int64_t *widths, int64_t first)
{
    struct panel panel = {first, first};
    int64_t width = 0;

    for (int64_t c = 0; c < sheet->n_left; c++)
        width += widths[c] + 2;
    for (; panel.end < sheet->n_columns; panel.end++) {
        width += widths[panel.end] + (panel.end > first ? 2 : 0);
        if (sheet->most_width > 0 && width > sheet->most_width && panel.end > first)
            break;
    }
    return panel;
}

static void print_cell(const struct sheet *sheet, int64_t line, int64_t c, int64_t width,
                       struct text *out)
{
    const char *value = sheet->cells[line * sheet->n_columns + c];
    int pad = (int)(width - width_of(value));

    if (c < sheet->n_left)
        text_append(out, "%s%*s  ", value, pad, "");
    else
        text_append(out, "%*s%s", pad, "", value);
}

static void print_line(const struct sheet *sheet, const int64_t *widths, int64_t line,
                       const struct panel *panel, struct text *out)
{
    for (int64_t c = 0; c < sheet->n_left; c++)
        print_cell(sheet, line, c, widths[c], out);
    for (int64_t c = panel->first; c < panel->end; c++) {
        print_cell(sheet, line, c, widths[c], out);
        text_append(out, "%s", c + 1 < panel->end ? "  " : "\n");
    }
}

enum status sheet_print(const struct sheet *sheet, struct text *out)
{
    enum status status = STATUS_OK;
    int64_t *widths = NULL;

    assert(sheet->n_left < sheet->n_columns);
    TRY_ALLOC(widths, ARENA_ARRAY(sheet->arena, sheet->n_columns, int64_t));
    for (int64_t c = 0; c < sheet->n_columns; c++)
        widths[c] = column_width(sheet, c);
    for (struct panel panel = {.end = sheet->n_left}; panel.end < sheet->n_columns;) {
        text_append(out, "%s", panel.end > sheet->n_left ? "\n" : "");
        panel = panel_at(sheet, widths, panel.end);
        for (int64_t line = 0; line < sheet->n_lines; line++)
            print_line(sheet, widths, line, &panel, out);
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
