/* Which operands go together. A literal beside a setting is read by that setting's own rules, so
 * that a misspelt method or a class 'none' is found or understood here as anywhere else. */
#include "config/expression_node.h"

#include <string.h>

bool setting_result_kind(const struct setting *setting, enum result_kind *out)
{
    switch (setting->kind) {
    case SETTING_INTEGER:
        *out = RESULT_INTEGER;
        return true;
    case SETTING_NUMBER:
    case SETTING_AMOUNT:
    case SETTING_DURATION:
        *out = RESULT_NUMBER;
        return true;
    case SETTING_BOOL:
        *out = RESULT_BOOL;
        return true;
    case SETTING_ENUM:
    case SETTING_SWITCH:
    case SETTING_CHOICE:
    case SETTING_ARCHITECTURE:
    case SETTING_METHOD:
    case SETTING_TEXT:
    case SETTING_REGEX:
        *out = RESULT_TEXT;
        return true;
    case SETTING_NORMALISATION:
    case SETTING_EPOCHS:
    case SETTING_CLASSES:
    case SETTING_ATTACKS:
        break;
    }
    return false;
}

static bool is_numeric(const struct node *node)
{
    return node->kind == RESULT_INTEGER || node->kind == RESULT_NUMBER;
}

static const char *describe(const struct setting_reader *reader, const struct node *node)
{
    static const char *const names[] = {"a number", "a number", "true or false", "text"};
    const char *text = NULL;

    if (node->operation == OP_LITERAL)
        text = arena_format(reader->arena, "'%.80s'", node->text);
    else if (node->operation == OP_SETTING)
        text = arena_format(reader->arena, "'%s', which is %s", setting_at(node->setting)->name,
                            names[node->kind]);
    return text != NULL ? text : names[node->kind];
}

/* The setting whose last word this is: rank → lora.rank. */
static const char *suggest_setting(const struct setting_reader *reader, const struct node *node)
{
    for (int i = 0; node->is_word && i < setting_count(); i++) {
        const char *dot = strrchr(setting_at(i)->name, '.');
        if (dot != NULL && strcmp(dot + 1, node->text) == 0)
            return arena_format(reader->arena, "did you mean '%s'?", setting_at(i)->name);
    }
    return NULL;
}

static bool refuse(const struct setting_reader *reader, const struct node *operand,
                   const char *operation, const char *wanted)
{
    diagnostics_error(reader->diagnostics, &operand->at, suggest_setting(reader, operand),
                      "%s %s, got %s", operation, wanted, describe(reader, operand));
    return false;
}

static const char *operation_name(enum operation operation)
{
    static const char *const names[] = {
        [OP_NEGATE] = "'-'",   [OP_NOT] = "'not'",    [OP_ADD] = "'+'",    [OP_SUBTRACT] = "'-'",
        [OP_MULTIPLY] = "'*'", [OP_DIVIDE] = "'/'",   [OP_EQUAL] = "'=='", [OP_UNEQUAL] = "'!='",
        [OP_LESS] = "'<'",     [OP_AT_MOST] = "'<='", [OP_MORE] = "'>'",   [OP_AT_LEAST] = "'>='",
        [OP_AND] = "'and'",    [OP_OR] = "'or'",      [OP_IN] = "'in'",    [OP_JOIN] = "a text",
    };
    return names[operation];
}

static bool check_numbers(const struct setting_reader *reader, struct node *node)
{
    const char *name = operation_name(node->operation);

    if (!is_numeric(node->left))
        return refuse(reader, node->left, name, "expects numbers");
    if (node->right != NULL && !is_numeric(node->right))
        return refuse(reader, node->right, name, "expects numbers");
    return true;
}

static bool check_bools(const struct setting_reader *reader, struct node *node)
{
    const char *name = operation_name(node->operation);

    node->kind = RESULT_BOOL;
    if (node->left->kind != RESULT_BOOL)
        return refuse(reader, node->left, name, "expects conditions");
    if (node->right != NULL && node->right->kind != RESULT_BOOL)
        return refuse(reader, node->right, name, "expects conditions");
    return true;
}

/* Reads a literal as the setting it is compared with would. */
static bool adopt_literal(const struct setting_reader *reader, int setting, struct node *literal)
{
    struct settings scratch = {0};
    struct tree *tree = NULL;
    bool is_quoted = literal->kind == RESULT_TEXT;

    if (tree_scalar(reader->arena, &literal->at, literal->text, is_quoted, &tree) != STATUS_OK)
        return false;
    if (!setting_read(reader, setting_at(setting), tree, &scratch))
        return false;
    literal->value = setting_result(setting_at(setting), &scratch);
    literal->kind = literal->value.kind;
    literal->is_word = false;
    return true;
}

/* Both sides of ==, != and in. */
static bool check_pair(const struct setting_reader *reader, const struct node *node,
                       struct node *left, struct node *right)
{
    const char *name = operation_name(node->operation);

    if (left->operation == OP_SETTING && right->operation == OP_LITERAL)
        return adopt_literal(reader, left->setting, right);
    if (right->operation == OP_SETTING && left->operation == OP_LITERAL && node->operation != OP_IN)
        return adopt_literal(reader, right->setting, left);
    if (is_numeric(left) && !is_numeric(right))
        return refuse(reader, right, name, "compares a number with a number");
    if (!is_numeric(left) && left->kind != right->kind)
        return refuse(reader, right, name,
                      left->kind == RESULT_TEXT ? "compares text with text"
                                                : "compares true or false with true or false");
    return true;
}

static bool check_in(const struct setting_reader *reader, struct node *node)
{
    bool is_good = true;

    node->kind = RESULT_BOOL;
    for (int64_t i = 0; i < node->n_items; i++)
        is_good = check_pair(reader, node, node->left, node->items[i]) && is_good;
    return is_good;
}

bool node_check(const struct setting_reader *reader, struct node *node)
{
    bool is_whole = false;

    switch (node->operation) {
    case OP_LITERAL:
    case OP_SETTING:
        return true;
    case OP_NEGATE:
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE:
        is_whole = node->left->kind == RESULT_INTEGER && node->operation != OP_DIVIDE &&
                   (node->right == NULL || node->right->kind == RESULT_INTEGER);
        node->kind = is_whole ? RESULT_INTEGER : RESULT_NUMBER;
        return check_numbers(reader, node);
    case OP_EQUAL:
    case OP_UNEQUAL:
        node->kind = RESULT_BOOL;
        return check_pair(reader, node, node->left, node->right);
    case OP_LESS:
    case OP_AT_MOST:
    case OP_MORE:
    case OP_AT_LEAST:
        node->kind = RESULT_BOOL;
        return check_numbers(reader, node);
    case OP_NOT:
    case OP_AND:
    case OP_OR:
        return check_bools(reader, node);
    case OP_IN:
        return check_in(reader, node);
    case OP_JOIN:
        node->kind = RESULT_TEXT;
        return true;
    }
    return false;
}
