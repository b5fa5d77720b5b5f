/* Texts with expressions in them: where their parts stand, and how they become one value. */
#include "config/expression_node.h"

#include <string.h>

enum { MOST_PARTS = 100, MOST_NODES = 4000 };

static int characters(const char *from, const char *to)
{
    int n = 0;

    for (; from < to; from++)
        n += ((unsigned char)*from & 0xC0) != 0x80;
    return n;
}

struct position reading_place(const struct expression_reading *in, const char *from, const char *to)
{
    struct position at = in->value->at;

    if (in->quotes < 0)
        return at;
    at.column += in->quotes + characters(in->value->text, from);
    at.length = to > from ? characters(from, to) : 1;
    return at;
}

static int quotes_of(const struct tree *value)
{
    int n = characters(value->text, value->text + strlen(value->text));
    int rest = value->at.length - n;

    return rest == 0 ? 0 : rest == 2 ? 1 : -1;
}

enum status reading_refuse(const struct expression_reading *in, const char *from, const char *to,
                           const char *message)
{
    struct position at = reading_place(in, from, to);

    diagnostics_error(in->reader->diagnostics, &at, NULL, "%s", message);
    return fail(STATUS_BAD_CONFIG, "%s", message);
}

enum status reading_make(struct expression_reading *in, const struct node *node, struct node **out)
{
    enum status status = STATUS_OK;
    struct node *made = NULL;

    if (in->n_nodes++ == MOST_NODES)
        TRY(reading_refuse(in, in->p, in->p, "this expression is too long"));
    TRY_ALLOC(made, ARENA_NEW(in->reader->arena, struct node));
    *made = *node;
    if (!node_check(in->reader, made))
        TRY(fail(STATUS_BAD_CONFIG, "operands do not go together"));
    *out = made;
done:
    return status;
}

/* ---- texts with parts ---- */

bool text_has_expression(const char *text)
{
    return strstr(text, "${") != NULL;
}

static enum status read_text_part(struct expression_reading *in, const char *to, struct node **out)
{
    enum status status = STATUS_OK;
    struct node node = {
        .operation = OP_LITERAL, .kind = RESULT_TEXT, .at = reading_place(in, in->p, to)};

    TRY_ALLOC(node.text, arena_format(in->reader->arena, "%.*s", (int)(to - in->p), in->p));
    node.value = (struct result){.kind = RESULT_TEXT, .text = node.text};
    in->p = to;
    TRY(reading_make(in, &node, out));
done:
    return status;
}

static enum status read_expression_part(struct expression_reading *in, struct node **out)
{
    const char *end = strchr(in->p, '}');

    if (end == NULL)
        return reading_refuse(in, in->p, in->p + 2, "this '${' is not closed by '}'");
    in->p += 2;
    enum status status = reading_whole(in, end, out);
    in->p = end + 1;
    return status;
}

static enum status read_parts(struct expression_reading *in, struct node **out)
{
    enum status status = STATUS_OK;
    struct node *parts[MOST_PARTS] = {NULL};
    struct node node = {.operation = OP_JOIN, .at = in->value->at};

    while (*in->p != '\0') {
        const char *next = strstr(in->p, "${");
        if (node.n_items == MOST_PARTS)
            TRY(reading_refuse(in, in->p, in->p, "this text has too many parts"));
        struct node **part = &parts[node.n_items++];
        if (next == in->p)
            TRY(read_expression_part(in, part));
        else
            TRY(read_text_part(in, next != NULL ? next : in->p + strlen(in->p), part));
    }
    *out = parts[0];
    if (node.n_items == 1)
        return STATUS_OK;
    TRY_ALLOC(node.items, ARENA_ARRAY(in->reader->arena, node.n_items, struct node *));
    memcpy(node.items, parts, (size_t)node.n_items * sizeof(struct node *));
    TRY(reading_make(in, &node, out));
done:
    return status;
}

/* ---- the public verbs ---- */

static enum status begin(struct expression_reading *in)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(in->expression, ARENA_NEW(in->reader->arena, struct expression));
done:
    return status;
}

static enum status finish(const struct expression_reading *in, enum status read,
                          struct expression **out)
{
    *out = read == STATUS_OK ? in->expression : NULL;
    return read == STATUS_BAD_CONFIG ? STATUS_OK : read; /* the mistake is in diagnostics */
}

enum status expression_parse(const struct setting_reader *reader, const struct tree *value,
                             struct expression **out)
{
    struct expression_reading in = {
        .reader = reader, .value = value, .p = value->text, .quotes = quotes_of(value)};
    enum status status = begin(&in);

    if (status == STATUS_OK)
        status = read_parts(&in, &in.expression->root);
    return finish(&in, status, out);
}

enum status condition_parse(const struct setting_reader *reader, const struct tree *value,
                            struct expression **out)
{
    struct expression_reading in = {
        .reader = reader, .value = value, .p = value->text, .quotes = quotes_of(value)};
    enum status status = begin(&in);

    if (status == STATUS_OK)
        status = reading_whole(&in, value->text + strlen(value->text), &in.expression->root);
    if (status == STATUS_OK && in.expression->root->kind != RESULT_BOOL)
        status = reading_refuse(&in, in.p, in.p,
                                "a condition must be true or false, such as lora.rank > 4");
    return finish(&in, status, out);
}
