/* Cells, and how they become bytes. */
#include "base/screen.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_LEVELS = 8, FORMAT_BYTES = 1024 };
static const uint32_t broken = 0xFFFD;

static const char *const style_codes[N_STYLES] = {
    [STYLE_PLAIN] = "",         [STYLE_BOLD] = "\033[1m",  [STYLE_DIM] = "\033[2m",
    [STYLE_TITLE] = "\033[36m", [STYLE_GOOD] = "\033[32m", [STYLE_WARNING] = "\033[33m",
    [STYLE_BAD] = "\033[31m",
};

enum status screen_create(int rows, int columns, bool has_utf8, struct screen **out)
{
    enum status status = STATUS_OK;
    struct screen *made = NULL;

    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    *made = (struct screen){.rows = rows, .columns = columns, .has_utf8 = has_utf8};
    TRY_ALLOC(made->cells, heap_alloc((int64_t)rows * columns, sizeof *made->cells));
    for (int64_t i = 0; i < (int64_t)rows * columns; i++)
        made->cells[i].character = ' ';
    *out = made;
    made = NULL;
done:
    screen_destroy(made);
    return status;
}

void screen_destroy(struct screen *screen)
{
    if (screen == NULL)
        return;
    free(screen->cells);
    free(screen);
}

static struct character_cell *row_of(const struct screen *screen, int row)
{
    return screen->cells + (int64_t)row * screen->columns;
}

/* ---- drawing ---- */

/* The next character of a UTF-8 text; U+FFFD, one byte on, where it is none. */
static uint32_t next_character(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    int n_more = at[0] >= 0xF0 ? 3 : at[0] >= 0xE0 ? 2 : 1;
    uint32_t character = at[0];

    (*text)++;
    if (at[0] < 0x80)
        return character;
    if (at[0] < 0xC2 || at[0] > 0xF4)
        return broken;
    character &= 0x3Fu >> n_more;
    for (int i = 1; i <= n_more; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return broken;
        character = character << 6 | (at[i] & 0x3Fu);
    }
    *text += n_more;
    return character;
}

/* East Asian characters and emoji take two columns; marks that combine take none and are left out.
 */
static int width_of(uint32_t character)
{
    static const struct {
        uint32_t first, last;
        int width;
    } ranges[] = {
        {0x0300, 0x036F, 0},   {0x1100, 0x115F, 2}, {0x200B, 0x200F, 0},   {0x202A, 0x202E, 0},
        {0x2060, 0x206F, 0},   {0x20D0, 0x20FF, 0}, {0x2E80, 0xA4CF, 2},   {0xAC00, 0xD7A3, 2},
        {0xF900, 0xFAFF, 2},   {0xFE00, 0xFE0F, 0}, {0xFE30, 0xFE6F, 2},   {0xFEFF, 0xFEFF, 0},
        {0xFF00, 0xFF60, 2},   {0xFFE0, 0xFFE6, 2}, {0x1F300, 0x1FAFF, 2}, {0x20000, 0x3FFFD, 2},
        {0xE0000, 0xE0FFF, 0},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return ranges[i].width;
    return 1;
}

/* As this screen can show it. */
static uint32_t shown(const struct screen *screen, uint32_t character)
{
    bool is_control = character < 0x20 || (character >= 0x7F && character < 0xA0);

    if (is_control || character == broken || character == 0x2028 || character == 0x2029)
        return '?';
    if (character < 0x80 || screen->has_utf8)
        return character;
    return character == 0x2026 ? '~' : '?';
}

static bool is_inside(const struct screen *screen, int row, int column)
{
    return row >= 0 && row < screen->rows && column >= 0 && column < screen->columns;
}

static void set(struct screen *screen, int row, int column, struct character_cell cell)
{
    if (is_inside(screen, row, column))
        row_of(screen, row)[column] = cell;
}

static int text_columns(const struct screen *screen, const char *text)
{
    int n = 0;

    while (*text != '\0')
        n += width_of(shown(screen, next_character(&text)));
    return n;
}

int screen_put(struct screen *screen, struct text_field place, const char *text)
{
    int width = place.width, used = 0;

    if (place.column + width > screen->columns)
        width = screen->columns - place.column;
    if (width <= 0)
        return 0;
    bool is_cut = text_columns(screen, text) > width;
    while (*text != '\0') {
        uint32_t character = shown(screen, next_character(&text));
        int n = width_of(character);
        if (used + n > width - is_cut)
            break;
        for (int i = 0; i < n; i++)
            set(screen, place.row, place.column + used + i,
                (struct character_cell){i == 0 ? character : 0, place.style});
        used += n;
    }
    if (is_cut)
        set(screen, place.row, place.column + used++,
            (struct character_cell){shown(screen, 0x2026), place.style});
    return used;
}

int screen_format(struct screen *screen, struct text_field place, const char *format, ...)
{
    char text[FORMAT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return screen_put(screen, place, text);
}

/* Bytes of a text that fill a row up to a blank; all of them when it fits or has no blank in time.
 */
static size_t row_bytes(const struct screen *screen, const char *text, int width)
{
    const char *at = text, *blank = NULL;
    int used = 0;

    while (*at != '\0') {
        if (*at == ' ')
            blank = at;
        used += width_of(shown(screen, next_character(&at)));
        if (used > width && blank != NULL)
            return (size_t)(blank - text);
    }
    return strlen(text);
}

int screen_put_wrapped(struct screen *screen, struct text_field place, int n_rows, const char *text)
{
    int n = 0;

    while (n < n_rows && *text != '\0') {
        size_t bytes = n < n_rows - 1 ? row_bytes(screen, text, place.width) : strlen(text);
        char row[FORMAT_BYTES];
        snprintf(row, sizeof row, "%.*s", (int)bytes, text);
        screen_put(screen, place, row);
        text += bytes;
        text += strspn(text, " ");
        place.row++;
        n++;
    }
    return n;
}

void screen_format_right(struct screen *screen, struct text_field place, const char *format, ...)
{
    char text[FORMAT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int n = text_columns(screen, text);
    if (n < place.width) {
        place.column += place.width - n;
        place.width = n;
    }
    screen_put(screen, place, text);
}

void screen_bar(struct screen *screen, struct text_field place, double share)
{
    /* eighths of a cell where the terminal has them */
    int parts = screen->has_utf8 ? N_LEVELS : 1;
    int filled = (int)(fmin(fmax(share, 0), 1) * place.width * parts + 1e-9);

    for (int i = 0; i < place.width; i++) {
        int here = filled - i * parts;
        uint32_t character = screen->has_utf8 ? 0x2591 : '.';
        if (here >= parts)
            character = screen->has_utf8 ? 0x2588 : '#';
        else if (here > 0)
            character = (uint32_t)(0x2590 - here); /* U+258F is one eighth, U+2589 seven */
        set(screen, place.row, place.column + i,
            (struct character_cell){character, here > 0 ? place.style : STYLE_DIM});
    }
}

static double mean(const double *values, int n)
{
    double sum = 0;
    int counted = 0;

    for (int i = 0; i < n; i++)
        if (isfinite(values[i])) {
            sum += values[i];
            counted++;
        }
    return counted > 0 ? sum / counted : (double)NAN;
}

void screen_sparkline(struct screen *screen, struct text_field place, const double *values, int n)
{
    static const char ascii[N_LEVELS + 1] = "_.-:=+*#";
    int n_cells = n < place.width ? n : place.width;
    double least = INFINITY, most = -INFINITY;

    for (int pass = 0; pass < 2; pass++) /* the scale is of what is shown */
        for (int i = 0; i < n_cells; i++) {
            int first = (int)((int64_t)i * n / n_cells);
            int end = (int)((int64_t)(i + 1) * n / n_cells);
            double value = mean(values + first, end - first);
            if (isnan(value))
                continue;
            if (pass == 0) {
                least = fmin(least, value);
                most = fmax(most, value);
                continue;
            }
            double height = most > least ? (value - least) / (most - least) : 0;
            uint32_t level = (uint32_t)fmin(height * N_LEVELS, N_LEVELS - 1);
            set(screen, place.row, place.column + i,
                (struct character_cell){screen->has_utf8 ? 0x2581 + level : (uint32_t)ascii[level],
                                        place.style});
        }
}

/* ---- bytes ---- */

static void append_character(struct text *out, uint32_t character)
{
    char bytes[4];
    int n = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    if (n == 1) {
        bytes[0] = (char)character;
    } else {
        for (int i = n - 1; i > 0; i--, character >>= 6)
            bytes[i] = (char)(0x80 | (character & 0x3F));
        bytes[0] = (char)((0xF00u >> n & 0xFF) | character);
    }
    text_append_bytes(out, bytes, n);
}

static int used_columns(const struct screen *screen, int row)
{
    const struct character_cell *cells = row_of(screen, row);
    int n = screen->columns;

    while (n > 0 && cells[n - 1].character == ' ')
        n--;
    return n;
}

static void append_row(const struct screen *screen, int row, bool has_colour, struct text *out)
{
    const struct character_cell *cells = row_of(screen, row);
    enum style style = STYLE_PLAIN;
    int n = used_columns(screen, row);

    for (int i = 0; i < n; i++) {
        if (has_colour && cells[i].style != style && cells[i].character != ' ') {
            text_append(out, "%s%s", style != STYLE_PLAIN ? "\033[0m" : "",
                        style_codes[cells[i].style]);
            style = cells[i].style;
        }
        if (cells[i].character != 0)
            append_character(out, cells[i].character);
    }
    if (style != STYLE_PLAIN)
        text_append(out, "\033[0m");
}

void screen_append_change(const struct screen_change *change, struct text *out)
{
    const struct screen *now = change->now, *before = change->before;
    size_t row_bytes = (size_t)now->columns * sizeof *now->cells;

    for (int row = 0; row < now->rows; row++) {
        if (before != NULL && memcmp(row_of(before, row), row_of(now, row), row_bytes) == 0)
            continue;
        text_append(out, "\033[%d;1H", row + 1);
        append_row(now, row, change->has_colour, out);
        /* behind a full row the cursor stands on its last cell, which would go */
        if (used_columns(now, row) < now->columns)
            text_append(out, "\033[K");
    }
}

void screen_append_lines(const struct screen *screen, int first, int n, bool has_colour,
                         struct text *out)
{
    for (int row = first; row < first + n && row < screen->rows; row++) {
        append_row(screen, row, has_colour, out);
        text_append(out, "\n");
    }
}
