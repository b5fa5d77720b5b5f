/* The grammar, by recursive descent. Lowest first: or, and, not, comparison and in, + and -, * and
 * /, signs. Every part knows its place in the file. */
#include "config/expression_node.h"

#include <string.h>

enum { DEEPEST = 32, LONGEST_WORD = 128, MOST_ITEMS = 1000 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_blanks(struct expression_reading *in)
{
    while (in->p < in->end && (*in->p == ' ' || *in->p == '\t' || *in->p == '\n'))
        in->p++;
}

/* Words are letters, digits, '_', '-' between them, and '.' between names. */
static const char *end_of_word(const struct expression_reading *in)
{
    const char *p = in->p;

    while (p < in->end &&
           (is_letter(*p) || is_digit(*p) || (*p == '.' && p + 1 < in->end && is_letter(p[1]))))
        p++;
    return p;
}

static bool take(struct expression_reading *in, const char *symbol)
{
    size_t n = strlen(symbol);

    skip_blanks(in);
    if ((size_t)(in->end - in->p) < n || strncmp(in->p, symbol, n) != 0)
        return false;
    in->p += n;
    return true;
}

static bool take_word(struct expression_reading *in, const char *word)
{
    skip_blanks(in);
    const char *end = end_of_word(in);
    size_t n = strlen(word);

    if ((size_t)(end - in->p) != n || strncmp(in->p, word, n) != 0)
        return false;
    in->p = end;
    return true;
}

static enum status make_literal(struct expression_reading *in, const char *from, const char *to,
                                struct node **out)
{
    enum status status = STATUS_OK;
    bool is_quoted = *from == '\'' || *from == '"';
    struct node node = {
        .operation = OP_LITERAL, .at = reading_place(in, from, to), .kind = RESULT_TEXT};
    struct tree *tree = NULL;
    char *text = NULL;

    TRY_ALLOC(text, arena_format(in->reader->arena, "%.*s", (int)(to - from) - 2 * is_quoted,
                                 from + is_quoted));
    TRY(tree_scalar(in->reader->arena, &node.at, text, is_quoted, &tree));
    node.text = text;
    node.value = (struct result){RESULT_TEXT, tree->integer, tree->number, tree->boolean, text};
    if (tree->kind == TREE_INTEGER)
        node.kind = RESULT_INTEGER;
    else if (tree->kind == TREE_FLOAT)
        node.kind = RESULT_NUMBER;
    else if (tree->kind == TREE_BOOL)
        node.kind = RESULT_BOOL;
    node.value.kind = node.kind;
    node.is_word = !is_quoted && node.kind == RESULT_TEXT;
    TRY(reading_make(in, &node, out));
done:
    return status;
}

static enum status make_setting(struct expression_reading *in, int setting,
                                const struct position *at, struct node **out)
{
    struct node node = {.operation = OP_SETTING, .at = *at, .setting = setting};

    if (!setting_result_kind(setting_at(setting), &node.kind)) {
        diagnostics_error(in->reader->diagnostics, at, NULL,
                          "'%s' is a list, and an expression reads single values only",
                          setting_at(setting)->name);
        return fail(STATUS_BAD_CONFIG, "a list in an expression");
    }
    in->expression->reads[setting] = true;
    return reading_make(in, &node, out);
}

/* A word with a dot is a setting, another is one when a setting has that name, else text. */
static enum status read_word(struct expression_reading *in, struct node **out)
{
    const char *from = in->p, *to = end_of_word(in);
    char word[LONGEST_WORD];

    if (to - from >= LONGEST_WORD)
        return reading_refuse(in, from, to, "this word is too long");
    memcpy(word, from, (size_t)(to - from));
    word[to - from] = '\0';
    in->p = to;
    int setting = setting_find(word);
    struct position at = reading_place(in, from, to);
    if (setting >= 0)
        return make_setting(in, setting, &at, out);
    if (strchr(word, '.') == NULL)
        return make_literal(in, from, to, out);
    const char *const *names = setting_names(in->reader->arena);
    diagnostics_error(in->reader->diagnostics, &at,
                      names != NULL ? did_you_mean(in->reader->arena, word, names) : NULL,
                      "unknown setting '%s'", word);
    return fail(STATUS_BAD_CONFIG, "unknown setting '%s'", word);
}

static enum status read_quoted(struct expression_reading *in, struct node **out)
{
    const char *from = in->p;
    const char *end = memchr(from + 1, *from, (size_t)(in->end - from - 1));

    if (end == NULL)
        return reading_refuse(in, from, from + 1, "this quote is not closed");
    in->p = end + 1;
    return make_literal(in, from, in->p, out);
}

/* Digits, '.', an exponent with its sign, a unit of time: what it is, its neighbours say. */
static enum status read_literal_number(struct expression_reading *in, struct node **out)
{
    const char *from = in->p, *p = from;

    while (p < in->end && (is_digit(*p) || is_letter(*p) || *p == '.' ||
                           ((*p == '-' || *p == '+') && (p[-1] == 'e' || p[-1] == 'E'))))
        p++;
    in->p = p;
    return make_literal(in, from, p, out);
}

static enum status read_or(struct expression_reading *in, struct node **out);

static enum status read_atom(struct expression_reading *in, struct node **out)
{
    enum status status = STATUS_OK;

    skip_blanks(in);
    const char *from = in->p;
    if (in->p == in->end)
        return reading_refuse(in, from, from, "a value is missing here");
    if (is_letter(*from))
        return read_word(in, out);
    if (is_digit(*from) || *from == '.')
        return read_literal_number(in, out);
    if (*from == '\'' || *from == '"')
        return read_quoted(in, out);
    if (!take(in, "("))
        return reading_refuse(in, from, from + 1, "expected a setting, a number or a quoted text");
    TRY(read_or(in, out));
    if (!take(in, ")"))
        TRY(reading_refuse(in, in->p, in->p, "')' is missing here"));
done:
    return status;
}

static enum status read_sign(struct expression_reading *in, struct node **out)
{
    enum status status = STATUS_OK;
    struct node node = {.operation = OP_NEGATE};

    skip_blanks(in);
    const char *from = in->p;
    if (!take(in, "-"))
        return read_atom(in, out);
    if (in->depth++ >= DEEPEST)
        TRY(reading_refuse(in, from, from + 1, "nested too deeply"));
    TRY(read_sign(in, &node.left));
    in->depth--;
    node.at = reading_place(in, from, in->p);
    TRY(reading_make(in, &node, out));
done:
    return status;
}

struct level { /* operators of equal strength, and what binds tighter */
    const char *symbols[3];
    enum operation operations[2];
    enum status (*tighter)(struct expression_reading *in, struct node **out);
};

static enum status read_level(struct expression_reading *in, const struct level *level,
                              struct node **out)
{
    enum status status = STATUS_OK;

    skip_blanks(in);
    const char *from = in->p;
    TRY(level->tighter(in, out));
    for (int i = 0; level->symbols[i] != NULL;) {
        bool is_word = is_letter(level->symbols[i][0]);
        if (is_word ? !take_word(in, level->symbols[i]) : !take(in, level->symbols[i])) {
            i++;
            continue;
        }
        struct node node = {.operation = level->operations[i], .left = *out};
        TRY(level->tighter(in, &node.right));
        node.at = reading_place(in, from, in->p);
        TRY(reading_make(in, &node, out));
        i = 0;
    }
done:
    return status;
}

static enum status read_product(struct expression_reading *in, struct node **out)
{
    static const struct level level = {{"*", "/", NULL}, {OP_MULTIPLY, OP_DIVIDE}, read_sign};
    return read_level(in, &level, out);
}

static enum status read_sum(struct expression_reading *in, struct node **out)
{
    static const struct level level = {{"+", "-", NULL}, {OP_ADD, OP_SUBTRACT}, read_product};
    return read_level(in, &level, out);
}

/* [lora, prune_lora] behind `in`. */
static enum status read_items(struct expression_reading *in, struct node *node)
{
    enum status status = STATUS_OK;
    struct node *items[MOST_ITEMS];

    if (!take(in, "["))
        TRY(reading_refuse(in, in->p, in->p, "'in' expects a list: in [a, b]"));
    do {
        if (node->n_items == MOST_ITEMS)
            TRY(reading_refuse(in, in->p, in->p, "this list is too long"));
        TRY(read_sum(in, &items[node->n_items++]));
    } while (take(in, ","));
    if (!take(in, "]"))
        TRY(reading_refuse(in, in->p, in->p, "',' or ']' is missing here"));
    TRY_ALLOC(node->items, ARENA_ARRAY(in->reader->arena, node->n_items, struct node *));
    memcpy(node->items, items, (size_t)node->n_items * sizeof(struct node *));
done:
    return status;
}

static enum status read_membership(struct expression_reading *in, bool is_not, struct node **out)
{
    enum status status = STATUS_OK;
    struct node node = {.operation = OP_IN, .left = *out, .at = (*out)->at};
    struct node negation = {.operation = OP_NOT, .at = (*out)->at};

    TRY(read_items(in, &node));
    TRY(reading_make(in, &node, out));
    negation.left = *out;
    if (is_not)
        TRY(reading_make(in, &negation, out));
done:
    return status;
}

static enum status read_comparison(struct expression_reading *in, struct node **out)
{
    static const struct {
        const char *symbol;
        enum operation operation;
    } rows[] = {{"==", OP_EQUAL},    {"!=", OP_UNEQUAL}, {"<=", OP_AT_MOST},
                {">=", OP_AT_LEAST}, {"<", OP_LESS},     {">", OP_MORE}};
    enum status status = STATUS_OK;

    skip_blanks(in);
    const char *from = in->p;
    TRY(read_sum(in, out));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct node node = {.operation = rows[i].operation, .left = *out};
        if (!take(in, rows[i].symbol))
            continue;
        TRY(read_sum(in, &node.right));
        node.at = reading_place(in, from, in->p);
        return reading_make(in, &node, out);
    }
    if (take(in, "="))
        TRY(reading_refuse(in, in->p - 1, in->p, "'=' has no meaning here; '==' compares"));
    if (take_word(in, "in"))
        return read_membership(in, false, out);
    if (take_word(in, "not")) {
        if (!take_word(in, "in"))
            TRY(reading_refuse(in, in->p, in->p, "'in' is missing here"));
        return read_membership(in, true, out);
    }
done:
    return status;
}

static enum status read_not(struct expression_reading *in, struct node **out)
{
    enum status status = STATUS_OK;
    struct node node = {.operation = OP_NOT};

    skip_blanks(in);
    const char *from = in->p;
    if (!take_word(in, "not"))
        return read_comparison(in, out);
    if (in->depth++ >= DEEPEST)
        TRY(reading_refuse(in, from, from + 3, "nested too deeply"));
    TRY(read_not(in, &node.left));
    in->depth--;
    node.at = reading_place(in, from, in->p);
    TRY(reading_make(in, &node, out));
done:
    return status;
}

static enum status read_and(struct expression_reading *in, struct node **out)
{
    static const struct level level = {{"and", NULL}, {OP_AND}, read_not};
    return read_level(in, &level, out);
}

static enum status read_or(struct expression_reading *in, struct node **out)
{
    static const struct level level = {{"or", NULL}, {OP_OR}, read_and};
    enum status status = STATUS_OK;

    if (in->depth++ >= DEEPEST)
        TRY(reading_refuse(in, in->p, in->p + 1, "nested too deeply"));
    TRY(read_level(in, &level, out));
    in->depth--;
done:
    return status;
}

enum status reading_whole(struct expression_reading *in, const char *end, struct node **out)
{
    enum status status = STATUS_OK;

    in->end = end;
    TRY(read_or(in, out));
    skip_blanks(in);
    if (in->p != end)
        TRY(reading_refuse(in, in->p, in->p + 1, "nothing may follow the expression"));
    if ((*out)->is_word) {
        diagnostics_error(in->reader->diagnostics, &(*out)->at, NULL,
                          "'%s' is not a setting; text must be quoted", (*out)->text);
        TRY(fail(STATUS_BAD_CONFIG, "a bare word"));
    }
done:
    return status;
}
