/* A rectangle of character cells: drawn in memory, compared with what a terminal shows, written at
 * once. Whatever stands in a text, no control character reaches the terminal. */
#ifndef BASE_SCREEN_H
#define BASE_SCREEN_H

#include "base/text.h"

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_TITLE,
    STYLE_GOOD,
    STYLE_WARNING,
    STYLE_BAD,
    N_STYLES
};

struct character_cell {
    uint32_t character; /* 0: the right half of a wide one */
    enum style style;
};

struct screen {
    int rows, columns;
    bool has_utf8; /* else ASCII stands in for everything beyond it */
    struct character_cell *cells;
};

/* All blank. */
CHECKED enum status screen_create(int rows, int columns, bool has_utf8, struct screen **out);
void screen_destroy(struct screen *screen); /* accepts NULL */

/* Where something is drawn; what lies outside the screen is left out. */
struct text_field {
    int row, column, width;
    enum style style;
};
/* A text, cut to the width with "…". Control characters and broken UTF-8 show as '?'. Returns the
 * columns it took. */
int screen_put(struct screen *screen, struct text_field place, const char *text);
int screen_format(struct screen *screen, struct text_field place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A text in up to n_rows rows, broken at blanks, the last one cut. Returns the rows it took. */
int screen_put_wrapped(struct screen *screen, struct text_field place, int n_rows,
                       const char *text);
/* As screen_format, at the right end of the width. */
void screen_format_right(struct screen *screen, struct text_field place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A share in [0, 1] as a bar. */
void screen_bar(struct screen *screen, struct text_field place, double share);
/* One cell per value, or per group of values when there are more than the width; the least value is
 * lowest. NaN leaves its cell blank. */
void screen_sparkline(struct screen *screen, struct text_field place, const double *values, int n);

/* What takes a terminal from `before` to `now`: the rows that differ, or all when before is NULL.
 */
struct screen_change {
    const struct screen *before, *now;
    bool has_colour;
};
void screen_append_change(const struct screen_change *change, struct text *out);
/* Rows [first, first + n) as lines without trailing blanks. */
void screen_append_lines(const struct screen *screen, int first, int n, bool has_colour,
                         struct text *out);

#endif
