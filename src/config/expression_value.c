/* Evaluation. Types were checked before; integers stay integers until they are divided. */
#include "config/expression_node.h"

#include <math.h>
#include <string.h>

struct result setting_result(const struct setting *setting, const struct settings *settings)
{
    const void *member = (const char *)settings + setting->offset;
    struct result value = {.kind = RESULT_TEXT};
    int index = 0;

    (void)setting_result_kind(setting, &value.kind);
    switch (setting->kind) {
    case SETTING_INTEGER:
        value.integer = *(const int64_t *)member;
        value.number = (double)value.integer;
        break;
    case SETTING_NUMBER:
    case SETTING_AMOUNT:
    case SETTING_DURATION:
        value.number = *(const double *)member;
        break;
    case SETTING_BOOL:
        value.boolean = *(const bool *)member;
        break;
    case SETTING_ENUM:
    case SETTING_SWITCH:
        memcpy(&index, member, sizeof index);
        value.text = setting->names[index];
        break;
    case SETTING_CHOICE:
    case SETTING_ARCHITECTURE:
    case SETTING_METHOD:
    case SETTING_TEXT:
    case SETTING_REGEX:
        value.text = *(const char *const *)member;
        break;
    case SETTING_NORMALISATION: /* refused when the expression was read */
    case SETTING_EPOCHS:
    case SETTING_CLASSES:
    case SETTING_ATTACKS:
        break;
    }
    if (value.kind == RESULT_TEXT && value.text == NULL)
        value.text = "";
    return value;
}

void result_print(const struct result *value, struct text *out)
{
    char buffer[32];

    switch (value->kind) {
    case RESULT_INTEGER:
        text_append(out, "%lld", (long long)value->integer);
        break;
    case RESULT_NUMBER:
        text_append(out, "%s", text_from_double(value->number, buffer));
        break;
    case RESULT_BOOL:
        text_append(out, "%s", value->boolean ? "true" : "false");
        break;
    case RESULT_TEXT:
        text_append(out, "%s", value->text);
        break;
    }
}

struct evaluation {
    const struct settings *settings;
    struct text *scratch;
};

static enum status evaluate(const struct evaluation *in, const struct node *node,
                            struct result *out);

static enum status combine_integers(const struct node *node, int64_t a, int64_t b,
                                    struct result *out)
{
    bool is_over = false;

    switch (node->operation) {
    case OP_ADD:
        is_over = __builtin_add_overflow(a, b, &out->integer);
        break;
    case OP_SUBTRACT:
    case OP_NEGATE: /* 0 − b */
        is_over = __builtin_sub_overflow(a, b, &out->integer);
        break;
    default:
        is_over = __builtin_mul_overflow(a, b, &out->integer);
        break;
    }
    out->number = (double)out->integer;
    return is_over ? fail(STATUS_BAD_CONFIG, "the result does not fit 64 bits") : STATUS_OK;
}

static enum status combine_numbers(const struct node *node, double a, double b, struct result *out)
{
    if (node->operation == OP_DIVIDE && b == 0)
        return fail(STATUS_BAD_CONFIG, "division by zero");
    out->number = node->operation == OP_ADD        ? a + b
                  : node->operation == OP_MULTIPLY ? a * b
                  : node->operation == OP_DIVIDE   ? a / b
                                                   : a - b;
    return isfinite(out->number) ? STATUS_OK : fail(STATUS_BAD_CONFIG, "the result is not finite");
}

static enum status calculate(const struct evaluation *in, const struct node *node,
                             struct result *out)
{
    enum status status = STATUS_OK;
    struct result a = {.kind = RESULT_INTEGER}, b = {.kind = RESULT_INTEGER};

    TRY(evaluate(in, node->left, node->right != NULL ? &a : &b));
    if (node->right != NULL)
        TRY(evaluate(in, node->right, &b));
    out->kind = node->kind;
    status = node->kind == RESULT_INTEGER ? combine_integers(node, a.integer, b.integer, out)
                                          : combine_numbers(node, a.number, b.number, out);
done:
    return status;
}

static bool is_equal(const struct result *a, const struct result *b)
{
    if (a->kind == RESULT_TEXT)
        return a->text != NULL && b->text != NULL && strcmp(a->text, b->text) == 0;
    if (a->kind == RESULT_BOOL)
        return a->boolean == b->boolean;
    if (a->kind == RESULT_INTEGER && b->kind == RESULT_INTEGER)
        return a->integer == b->integer;
    return a->number == b->number;
}

static enum status compare(const struct evaluation *in, const struct node *node, bool *out)
{
    enum status status = STATUS_OK;
    struct result a = {.text = ""}, b = {.text = ""};

    TRY(evaluate(in, node->left, &a));
    TRY(evaluate(in, node->right, &b));
    switch (node->operation) {
    case OP_EQUAL:
        *out = is_equal(&a, &b);
        break;
    case OP_UNEQUAL:
        *out = !is_equal(&a, &b);
        break;
    case OP_LESS:
        *out = a.number < b.number;
        break;
    case OP_AT_MOST:
        *out = a.number <= b.number;
        break;
    case OP_MORE:
        *out = a.number > b.number;
        break;
    default:
        *out = a.number >= b.number;
        break;
    }
done:
    return status;
}

static enum status is_among(const struct evaluation *in, const struct node *node, bool *out)
{
    enum status status = STATUS_OK;
    struct result value = {.text = ""}, item = {.text = ""};

    TRY(evaluate(in, node->left, &value));
    *out = false;
    for (int64_t i = 0; i < node->n_items && !*out; i++) {
        TRY(evaluate(in, node->items[i], &item));
        *out = is_equal(&value, &item);
    }
done:
    return status;
}

/* and, or, not: the right side only where it decides. */
static enum status decide(const struct evaluation *in, const struct node *node, bool *out)
{
    enum status status = STATUS_OK;
    struct result value = {0};

    TRY(evaluate(in, node->left, &value));
    if (node->operation == OP_NOT)
        value.boolean = !value.boolean;
    else if (value.boolean == (node->operation == OP_AND))
        TRY(evaluate(in, node->right, &value));
    *out = value.boolean;
done:
    return status;
}

static enum status join(const struct evaluation *in, const struct node *node, struct result *out)
{
    enum status status = STATUS_OK;

    in->scratch->length = 0;
    text_append(in->scratch, "%s", "");
    for (int64_t i = 0; i < node->n_items; i++) {
        struct result part = {0};
        TRY(evaluate(in, node->items[i], &part));
        result_print(&part, in->scratch);
    }
    TRY(text_finish(in->scratch));
    out->text = text_value(in->scratch);
done:
    return status;
}

static enum status evaluate(const struct evaluation *in, const struct node *node,
                            struct result *out)
{
    out->kind = node->kind;
    switch (node->operation) {
    case OP_LITERAL:
        *out = node->value;
        return STATUS_OK;
    case OP_SETTING:
        *out = setting_result(setting_at(node->setting), in->settings);
        return STATUS_OK;
    case OP_NEGATE:
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE:
        return calculate(in, node, out);
    case OP_EQUAL:
    case OP_UNEQUAL:
    case OP_LESS:
    case OP_AT_MOST:
    case OP_MORE:
    case OP_AT_LEAST:
        return compare(in, node, &out->boolean);
    case OP_NOT:
    case OP_AND:
    case OP_OR:
        return decide(in, node, &out->boolean);
    case OP_IN:
        return is_among(in, node, &out->boolean);
    case OP_JOIN:
        return join(in, node, out);
    }
    return STATUS_OK;
}

enum status expression_value(const struct expression *expression, const struct settings *settings,
                             struct text *scratch, struct result *out)
{
    const struct evaluation in = {settings, scratch};
    return evaluate(&in, expression->root, out);
}

bool expression_reads(const struct expression *expression, int setting)
{
    return expression->reads[setting];
}

enum result_kind expression_kind(const struct expression *expression)
{
    return expression->root->kind;
}
