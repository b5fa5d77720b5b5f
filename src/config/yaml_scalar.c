/* Leaves of the tree: the YAML 1.2 core schema, and how values are shown and printed back. */
#include "config/yaml_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

/* [-+]? [0-9]+ */
static bool is_integer(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    const char *end = skip_digits(digits);
    return end > digits && *end == '\0';
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text)
{
    const char *p = text + (*text == '-' || *text == '+');
    const char *whole = skip_digits(p);
    bool has_digits = whole > p;

    p = whole;
    if (*p == '.') {
        const char *fraction = skip_digits(p + 1);
        has_digits = has_digits || fraction > p + 1;
        p = fraction;
    }
    if (!has_digits)
        return false;
    if (*p == 'e' || *p == 'E') {
        const char *exponent = p + 1 + (p[1] == '-' || p[1] == '+');
        p = skip_digits(exponent);
        if (p == exponent)
            return false;
    }
    return *p == '\0';
}

/* 0o17 and 0x1F */
static bool is_based_integer(const char *text, int64_t *out)
{
    bool is_octal = strncmp(text, "0o", 2) == 0, is_hex = strncmp(text, "0x", 2) == 0;
    const char *digits = is_octal ? "01234567" : "0123456789abcdefABCDEF";

    if ((!is_octal && !is_hex) || text[2] == '\0' || strlen(text) > 17 ||
        text[2 + strspn(text + 2, digits)] != '\0')
        return false;
    unsigned long long value = strtoull(text + 2, NULL, is_octal ? 8 : 16);
    if (value > INT64_MAX)
        return false;
    *out = (int64_t)value;
    return true;
}

static bool is_special_float(const char *text, double *out)
{
    static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const not_numbers[] = {".nan", ".NaN", ".NAN", NULL};
    bool is_signed = *text == '-' || *text == '+';

    if (is_one_of(text + is_signed, infinities))
        *out = *text == '-' ? -INFINITY : INFINITY;
    else if (is_one_of(text, not_numbers))
        *out = NAN;
    else
        return false;
    return true;
}

static void resolve_plain(struct tree *tree)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    const char *text = tree->text;

    if (is_one_of(text, nulls)) {
        tree->kind = TREE_NULL;
    } else if (is_one_of(text, trues) || is_one_of(text, falses)) {
        tree->kind = TREE_BOOL;
        tree->boolean = is_one_of(text, trues);
    } else if ((is_integer(text) && text_to_int64(text, &tree->integer)) ||
               is_based_integer(text, &tree->integer)) {
        tree->kind = TREE_INTEGER;
        tree->number = (double)tree->integer;
    } else if (is_float(text) || is_integer(text)) { /* an integer too large is a number still */
        tree->kind = TREE_FLOAT;
        tree->number = strtod(text, NULL);
    } else if (is_special_float(text, &tree->number)) {
        tree->kind = TREE_FLOAT;
    }
}

enum status tree_scalar(struct arena *arena, const struct position *at, const char *text,
                        bool is_quoted, struct tree **out)
{
    enum status status = STATUS_OK;
    struct tree *tree = NULL;

    TRY_ALLOC(tree, ARENA_NEW(arena, struct tree));
    *tree = (struct tree){.kind = TREE_TEXT, .at = *at, .weight = 1};
    TRY_ALLOC(tree->text, arena_strdup(arena, text));
    if (!is_quoted)
        resolve_plain(tree);
    *out = tree;
done:
    return status;
}

enum status tree_list(struct arena *arena, const struct position *at, struct tree *const *items,
                      int64_t n, struct tree **out)
{
    enum status status = STATUS_OK;
    struct tree *tree = NULL;

    TRY_ALLOC(tree, ARENA_NEW(arena, struct tree));
    *tree = (struct tree){.kind = TREE_LIST, .at = *at, .weight = 1, .n = n};
    TRY_ALLOC(tree->items, ARENA_ARRAY(arena, n, struct tree *));
    for (int64_t i = 0; i < n; i++) {
        tree->items[i] = items[i];
        tree->weight += items[i]->weight;
    }
    *out = tree;
done:
    return status;
}

const struct tree *tree_member(const struct tree *map, const char *key)
{
    for (int64_t i = 0; map->kind == TREE_MAP && i < map->n; i++)
        if (strcmp(map->entries[i].key, key) == 0)
            return map->entries[i].value;
    return NULL;
}

bool tree_is_scalar(const struct tree *tree)
{
    return tree->kind != TREE_LIST && tree->kind != TREE_MAP;
}

const char *tree_describe(struct arena *arena, const struct tree *tree)
{
    const char *text = NULL;

    if (tree->kind == TREE_LIST)
        return "a list";
    if (tree->kind == TREE_MAP)
        return "a map";
    if (tree->kind == TREE_NULL)
        return "nothing";
    text = arena_format(arena, tree->kind == TREE_TEXT ? "'%.80s'" : "%.80s", tree->text);
    return text != NULL ? text : "";
}

static void print_quoted(const char *value, struct text *out)
{
    text_append(out, "\"");
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (c == '"' || c == '\\')
            text_append(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            text_append(out, "\\x%02x", c);
        else
            text_append(out, "%c", c);
    }
    text_append(out, "\"");
}

void tree_print(const struct tree *tree, struct text *out)
{
    if (tree->kind == TREE_TEXT) {
        print_quoted(tree->text, out);
    } else if (tree->kind == TREE_LIST) {
        text_append(out, "[");
        for (int64_t i = 0; i < tree->n; i++) {
            text_append(out, "%s", i > 0 ? ", " : "");
            tree_print(tree->items[i], out);
        }
        text_append(out, "]");
    } else if (tree->kind == TREE_MAP) {
        text_append(out, "{");
        for (int64_t i = 0; i < tree->n; i++) {
            text_append(out, "%s", i > 0 ? ", " : "");
            print_quoted(tree->entries[i].key, out);
            text_append(out, ": ");
            tree_print(tree->entries[i].value, out);
        }
        text_append(out, "}");
    } else {
        text_append(out, "%s", tree->kind == TREE_NULL ? "~" : tree->text);
    }
}
