/* A small reader over one line; scalars follow the same core schema as in YAML files. */
#include "config/flow_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 100000, DEEPEST = 4 };

struct reader {
    const char *start, *p;
    struct position at; /* of start */
    struct arena *arena;
    struct diagnostics *diagnostics;
    int depth;
};

struct items {
    struct tree **items; /* owned: heap */
    int64_t n, capacity;
};

static struct position place(const struct reader *reader, const char *from, const char *to)
{
    struct position at = reader->at;

    for (const char *c = reader->start; c < from; c++)
        at.column += ((unsigned char)*c & 0xC0) != 0x80;
    at.length = 0;
    for (const char *c = from; c < to; c++)
        at.length += ((unsigned char)*c & 0xC0) != 0x80;
    at.length = at.length > 0 ? at.length : 1;
    return at;
}

static enum status refuse(const struct reader *reader, const char *from, const char *message)
{
    struct position at = place(reader, from, from + 1);

    diagnostics_error(reader->diagnostics, &at, NULL, "%s", message);
    return fail(STATUS_BAD_CONFIG, "%s", message);
}

static void skip_blanks(struct reader *reader)
{
    while (*reader->p == ' ')
        reader->p++;
}

/* Plain text runs to a comma or a closing bracket that it did not open itself: a{1,2} is one. */
static const char *end_of_plain(const char *p)
{
    int open = 0;

    for (; *p != '\0'; p++) {
        if (strchr("([{", *p) != NULL)
            open++;
        else if (strchr(")]}", *p) != NULL)
            open--;
        if (open < 0 || (*p == ',' && open == 0))
            break;
    }
    return p;
}

static enum status read_plain(struct reader *reader, struct tree **out)
{
    enum status status = STATUS_OK;
    const char *from = reader->p, *to = end_of_plain(from);
    char *text = NULL;

    reader->p = to;
    while (to > from && to[-1] == ' ')
        to--;
    if (to == from)
        TRY(refuse(reader, from, "a value is missing here"));
    TRY_ALLOC(text, arena_format(reader->arena, "%.*s", (int)(to - from), from));
    struct position at = place(reader, from, to);
    TRY(tree_scalar(reader->arena, &at, text, false, out));
done:
    return status;
}

static enum status read_quoted(struct reader *reader, struct tree **out)
{
    enum status status = STATUS_OK;
    const char *from = reader->p, *end = strchr(from + 1, *from);
    char *text = NULL;

    if (end == NULL)
        TRY(refuse(reader, from, "this quote is not closed"));
    TRY_ALLOC(text, arena_format(reader->arena, "%.*s", (int)(end - from - 1), from + 1));
    reader->p = end + 1;
    struct position at = place(reader, from, end + 1);
    TRY(tree_scalar(reader->arena, &at, text, true, out));
done:
    return status;
}

static enum status read_items(struct reader *reader, char close, struct items *out);

static enum status read_list(struct reader *reader, struct tree **out)
{
    enum status status = STATUS_OK;
    struct items items = {0};
    const char *from = reader->p++;

    if (reader->depth++ >= DEEPEST)
        TRY(refuse(reader, from, "nested too deeply"));
    TRY(read_items(reader, ']', &items));
    struct position at = place(reader, from, reader->p);
    TRY(tree_list(reader->arena, &at, items.items, items.n, out));
    reader->depth--;
done:
    free(items.items);
    return status;
}

static enum status read_item(struct reader *reader, struct tree **out)
{
    skip_blanks(reader);
    if (*reader->p == '[')
        return read_list(reader, out);
    if (*reader->p == '\'' || *reader->p == '"')
        return read_quoted(reader, out);
    return read_plain(reader, out);
}

/* Items separated by commas up to `close` (the end of the text when it is zero). */
static enum status read_items(struct reader *reader, char close, struct items *out)
{
    enum status status = STATUS_OK;

    skip_blanks(reader);
    while (*reader->p != close || (close == '\0' && out->n == 0)) {
        TRY(heap_grow(&out->items, &out->capacity, out->n + 1, sizeof(struct tree *)));
        TRY(read_item(reader, &out->items[out->n]));
        out->n++;
        skip_blanks(reader);
        if (*reader->p == close)
            break;
        if (*reader->p != ',')
            TRY(refuse(reader, reader->p,
                       close == ']'   ? "expected ',' or ']' here"
                       : close == ')' ? "expected ',' or ')' here"
                                      : "expected ',' or the end here"));
        reader->p++;
        skip_blanks(reader);
        if (*reader->p == close)
            TRY(refuse(reader, reader->p, "a value is missing here"));
    }
    if (close != '\0')
        reader->p++;
done:
    return status;
}

static enum status count_from(const struct reader *reader, const struct items *limits,
                              int64_t *n_items, int64_t *step)
{
    const char *wanted = "range expects integers: range(first, end) or range(first, end, step)";

    if (limits->n < 2 || limits->n > 3)
        return refuse(reader, reader->start, wanted);
    for (int64_t i = 0; i < limits->n; i++)
        if (limits->items[i]->kind != TREE_INTEGER)
            return refuse(reader, reader->start, wanted);
    *step = limits->n == 3 ? limits->items[2]->integer : 1;
    if (*step < 1)
        return refuse(reader, reader->start, "range expects a step of at least 1");
    int64_t distance = 0;
    if (__builtin_sub_overflow(limits->items[1]->integer, limits->items[0]->integer, &distance) ||
        distance / *step > MOST_ITEMS)
        return refuse(reader, reader->start, "range has more than 100000 values");
    if (distance < 1)
        return refuse(reader, reader->start, "this range is empty: its end does not belong to it");
    *n_items = (distance - 1) / *step + 1;
    return STATUS_OK;
}

static enum status expand_range(struct reader *reader, struct items *items)
{
    enum status status = STATUS_OK;
    struct position at = place(reader, reader->start, reader->p);
    int64_t n = 0, step = 1;
    char buffer[32];

    TRY(count_from(reader, items, &n, &step));
    int64_t first = items->items[0]->integer;
    TRY(heap_grow(&items->items, &items->capacity, n, sizeof(struct tree *)));
    for (int64_t i = 0; i < n; i++) {
        snprintf(buffer, sizeof buffer, "%lld", (long long)first + (long long)i * step);
        TRY(tree_scalar(reader->arena, &at, buffer, false, &items->items[i]));
    }
    items->n = n;
done:
    return status;
}

static enum status read_all(struct reader *reader, struct items *items)
{
    enum status status = STATUS_OK;
    bool is_range = text_starts_with(reader->p, "range(");
    bool is_choice = text_starts_with(reader->p, "choice(");

    if (is_range || is_choice)
        reader->p = strchr(reader->p, '(') + 1;
    TRY(read_items(reader, is_range || is_choice ? ')' : '\0', items));
    if (*reader->p != '\0')
        TRY(refuse(reader, reader->p, "nothing may follow this value"));
    if (is_range)
        TRY(expand_range(reader, items));
    else if (items->n == 0)
        TRY(refuse(reader, reader->start, "a value is missing here"));
done:
    return status;
}

enum status flow_parse(const char *text, const struct position *at, struct arena *arena,
                       struct diagnostics *diagnostics, struct flow_values *out)
{
    struct reader reader = {
        .start = text, .p = text, .at = *at, .arena = arena, .diagnostics = diagnostics};
    struct items items = {0};
    struct tree *list = NULL;
    struct position whole = place(&reader, text, text + strlen(text));

    enum status status = read_all(&reader, &items);
    if (status == STATUS_OK)
        status = tree_list(arena, &whole, items.items, items.n, &list);
    free(items.items);
    *out = (struct flow_values){.at = whole};
    if (status == STATUS_OK) {
        out->items = list->items;
        out->n = list->n;
    }
    return status == STATUS_BAD_CONFIG ? STATUS_OK : status; /* the mistake is in diagnostics */
}
