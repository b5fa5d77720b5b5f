/* Composes one diagnostic: the message line, the source line, the underline with the hint. */
#include "config/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_LINE = 120, LEAD = 60 }; /* characters shown; of them before the mistake */

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Appends up to `most` characters of a line, skipping `skip`; control characters become '?'. */
static void append_line(struct text *out, const char *line, int skip, int most)
{
    int shown = -skip - 1; /* index of the character under way */

    for (; *line != '\0' && *line != '\n' && *line != '\r'; line++) {
        if (!is_continuation(*line))
            shown++;
        if (shown >= most)
            break;
        if (shown >= 0)
            text_append(out, "%c", (unsigned char)*line < ' ' && *line != '\t' ? '?' : *line);
    }
}

/* The blanks under the line up to the underline: tabs stay tabs so that columns agree. */
static void append_blanks(struct text *out, const char *line, int skip, int until)
{
    int column = 0;

    for (; column < until && *line != '\0' && *line != '\n'; line++) {
        if (is_continuation(*line))
            continue;
        if (column >= skip)
            text_append(out, "%c", *line == '\t' ? '\t' : ' ');
        column++;
    }
    for (; column < until; column++)
        text_append(out, " ");
}

static int characters_in_line(const char *line)
{
    int n = 0;

    for (; *line != '\0' && *line != '\n' && *line != '\r'; line++)
        n += !is_continuation(*line);
    return n;
}

static void append_excerpt(struct text *out, const struct position *at, const char *hint)
{
    const char *line = at->source->text;

    for (int i = 1; i < at->line && line != NULL; i++) {
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    if (line == NULL)
        line = "";
    int column = at->column > 0 ? at->column - 1 : 0;
    int skip = column > LONGEST_LINE - LEAD / 2 ? column - LEAD : 0;
    int rest = characters_in_line(line) - column;
    int length = at->length < rest ? at->length : rest;
    if (length > LONGEST_LINE + skip - column)
        length = LONGEST_LINE + skip - column;

    text_append(out, "%5d | ", at->line);
    append_line(out, line, skip, LONGEST_LINE);
    text_append(out, "\n      | ");
    append_blanks(out, line, skip, column);
    text_append(out, "^");
    for (int i = 1; i < length; i++)
        text_append(out, "~");
    if (hint != NULL)
        text_append(out, "  %s", hint);
    text_append(out, "\n");
}

struct entry {
    const struct position *at;
    const char *hint, *severity, *message;
};

static void compose(struct text *out, const struct entry *entry)
{
    const struct position *at = entry->at;

    if (at == NULL || at->source == NULL) {
        text_append(out, "%s: %s%s%s\n", entry->severity, entry->message,
                    entry->hint != NULL ? "; " : "", entry->hint != NULL ? entry->hint : "");
        return;
    }
    text_append(out, "%s:%d:%d: %s: %s\n", at->source->name, at->line, at->column, entry->severity,
                entry->message);
    append_excerpt(out, at, entry->hint);
}

/* Returns false when the very same entry is there already. */
static bool add(struct diagnostics *diagnostics, const struct entry *entry, int64_t n_before)
{
    struct text text = {0};

    compose(&text, entry);
    bool is_new =
        text.data == NULL || strstr(text_value(&diagnostics->text), text_value(&text)) == NULL;
    if (is_new && n_before < DIAGNOSTICS_MOST)
        text_append_bytes(&diagnostics->text, text_value(&text), text.length);
    else if (is_new && n_before == DIAGNOSTICS_MOST)
        text_append(&diagnostics->text, "more than %d %ss; the others are not shown\n",
                    DIAGNOSTICS_MOST, entry->severity);
    text_release(&text);
    return is_new;
}

static void format_message(char *buffer, size_t n_bytes, const char *format, va_list arguments)
{
    vsnprintf(buffer, n_bytes, format, arguments);
}

void diagnostics_error(struct diagnostics *diagnostics, const struct position *at, const char *hint,
                       const char *format, ...)
{
    char message[2048];
    va_list arguments;

    va_start(arguments, format);
    format_message(message, sizeof message, format, arguments);
    va_end(arguments);
    struct entry entry = {at, hint, "error", message};
    if (add(diagnostics, &entry, diagnostics->n_errors))
        diagnostics->n_errors++;
}

void diagnostics_warning(struct diagnostics *diagnostics, const struct position *at,
                         const char *hint, const char *format, ...)
{
    char message[2048];
    va_list arguments;

    va_start(arguments, format);
    format_message(message, sizeof message, format, arguments);
    va_end(arguments);
    struct entry entry = {at, hint, "warning", message};
    if (add(diagnostics, &entry, diagnostics->n_warnings))
        diagnostics->n_warnings++;
}

void diagnostics_release(struct diagnostics *diagnostics)
{
    text_release(&diagnostics->text);
}

const char *did_you_mean(struct arena *arena, const char *word, const char *const *names)
{
    int64_t n = 0;

    while (names[n] != NULL)
        n++;
    const char *nearest = text_nearest(word, names, n);
    return nearest != NULL ? arena_format(arena, "did you mean '%s'?", nearest) : NULL;
}

const char *names_joined(struct arena *arena, const char *const *names)
{
    const char *joined = "";

    for (int i = 0; names[i] != NULL && joined != NULL; i++)
        joined = i == 0 ? names[0] : arena_format(arena, "%s, %s", joined, names[i]);
    return joined != NULL ? joined : "";
}
