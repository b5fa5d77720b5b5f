/* Aligned text: cells first, widths after. Private to src/report. */
#ifndef REPORT_SHEET_H
#define REPORT_SHEET_H

#include "base/text.h"

struct sheet {
    struct arena *arena; /* borrowed */
    int64_t n_columns;   /* >= 1 */
    int64_t n_left; /* the first columns are text, to the left; the rest numbers, to the right */
    int64_t most_width; /* columns that do not fit go below, the text repeated; 0: all in one */
    int64_t n_lines, capacity;
    const char **cells; /* [n_lines, n_columns], owned */
};

CHECKED enum status sheet_add_line(struct sheet *sheet); /* of empty cells */
/* Sets a cell of the last line; "" shows as a dash. */
CHECKED enum status sheet_set(struct sheet *sheet, int64_t column, const char *value);
CHECKED enum status sheet_print(const struct sheet *sheet, struct text *out);
void sheet_release(struct sheet *sheet);

#endif
