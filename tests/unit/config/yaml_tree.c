/* YAML text → tree: the core schema, positions, anchors and merges, and what is refused where. */
#include "config/yaml_tree.h"

#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct parsed {
    struct source source;
    struct arena *arena;
    struct diagnostics diagnostics;
    struct tree *tree;
};

static void parse(struct parsed *parsed, const char *text)
{
    *parsed = (struct parsed){.source = {"t.yaml", text}};
    assert_int_equal(arena_create(&parsed->arena), STATUS_OK);
    assert_int_equal(
        tree_parse(&parsed->source, parsed->arena, &parsed->diagnostics, &parsed->tree), STATUS_OK);
}

static void release(struct parsed *parsed)
{
    diagnostics_release(&parsed->diagnostics);
    arena_destroy(parsed->arena);
}

static void check_refused(const char *text, const char *wanted)
{
    struct parsed parsed;

    parse(&parsed, text);
    assert_string_equal(text_value(&parsed.diagnostics.text), wanted);
    assert_int_equal(parsed.diagnostics.n_errors, 1);
    release(&parsed);
}

static void test_core_schema(void **state)
{
    static const struct {
        const char *text;
        enum tree_kind kind;
        double number;
    } cases[] = {
        {"1e-4", TREE_FLOAT, 1e-4},
        {".5", TREE_FLOAT, .5},
        {"5e3", TREE_FLOAT, 5000},
        {"5.", TREE_FLOAT, 5},
        {"-1.5E+2", TREE_FLOAT, -150},
        {"+7", TREE_INTEGER, 7},
        {"007", TREE_INTEGER, 7},
        {"0o17", TREE_INTEGER, 15},
        {"0x1F", TREE_INTEGER, 31},
        {"-0", TREE_INTEGER, 0},
        {"9223372036854775807", TREE_INTEGER, 9223372036854775807.0},
        {"9223372036854775808", TREE_FLOAT, 9223372036854775808.0},
        {".inf", TREE_FLOAT, INFINITY},
        {"-.Inf", TREE_FLOAT, -INFINITY},
        {"~", TREE_NULL, 0},
        {"null", TREE_NULL, 0},
        {"true", TREE_BOOL, 0},
        {"False", TREE_BOOL, 0},
        {"yes", TREE_TEXT, 0},
        {"no", TREE_TEXT, 0},
        {"on", TREE_TEXT, 0},
        {"off", TREE_TEXT, 0},
        {"nan", TREE_TEXT, 0},
        {"1_000", TREE_TEXT, 0},
        {"1e", TREE_TEXT, 0},
        {".", TREE_TEXT, 0},
        {"e5", TREE_TEXT, 0},
        {"0x", TREE_TEXT, 0},
        {"0o8", TREE_TEXT, 0},
        {"1.2.3", TREE_TEXT, 0},
        {"12:30", TREE_TEXT, 0},
        {"'12'", TREE_TEXT, 0},
        {"\"true\"", TREE_TEXT, 0},
        {"60s", TREE_TEXT, 0},
        {"-", TREE_LIST, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed parsed;
        parse(&parsed, cases[i].text);
        assert_non_null(parsed.tree);
        if (parsed.tree->kind != cases[i].kind)
            fail_msg("'%s' is of kind %d", cases[i].text, (int)parsed.tree->kind);
        if (cases[i].kind == TREE_FLOAT || cases[i].kind == TREE_INTEGER)
            assert_true(parsed.tree->number == cases[i].number);
        release(&parsed);
    }
}

static void check_at(const struct position *at, int line, int column, int length)
{
    assert_int_equal(at->line, line);
    assert_int_equal(at->column, column);
    assert_int_equal(at->length, length);
}

static void test_positions(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, "# first\nä: [1, {b: 'ccc'}]\nlong:\n  d: e\n");
    assert_int_equal(parsed.tree->n, 2);
    const struct tree *list = tree_member(parsed.tree, "ä");
    check_at(&parsed.tree->entries[0].at, 2, 1, 1); /* a character, two bytes */
    check_at(&list->at, 2, 4, 15);
    check_at(&list->items[0]->at, 2, 5, 1);
    check_at(&list->items[1]->entries[0].at, 2, 9, 1);
    check_at(&list->items[1]->entries[0].value->at, 2, 12, 5);
    const struct tree *inner = tree_member(parsed.tree, "long");
    check_at(&inner->entries[0].value->at, 4, 6, 1);
    release(&parsed);
}

/* Merged keys stand where `<<` stands; written ones win; the earlier of two merged maps wins. */
static void test_merge(void **state)
{
    struct parsed parsed;
    struct text text = {0};

    (void)state;
    parse(&parsed, "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\n"
                   "z: {k: 0, <<: [*x, *y], c: 5}\nw: {<<: *x}\n");
    tree_print(tree_member(parsed.tree, "z"), &text);
    assert_string_equal(text_value(&text), "{\"k\": 0, \"a\": 1, \"b\": 2, \"c\": 5}");
    text_release(&text);
    tree_print(tree_member(parsed.tree, "w"), &text);
    assert_string_equal(text_value(&text), "{\"a\": 1, \"b\": 2}");
    text_release(&text);
    assert_int_equal(parsed.diagnostics.n_errors, 0);
    release(&parsed);
}

/* What tree_print writes parses to the same tree. */
static void test_print(void **state)
{
    const char *text = "{\"a\": [1, 1e-4, ~, true, \"x\\\"y\\\\z\\x09\", \"12\"], \"b\": {}}";
    struct parsed parsed;
    struct text printed = {0};

    (void)state;
    parse(&parsed, text);
    tree_print(parsed.tree, &printed);
    assert_string_equal(text_value(&printed), text);
    text_release(&printed);
    release(&parsed);
}

static void test_refused(void **state)
{
    (void)state;
    check_refused("a: 1\nb:\n  a: 1\n  'a': 2\n",
                  "t.yaml:4:3: error: duplicate key 'a', first at line 3 column 3\n"
                  "    4 |   'a': 2\n"
                  "      |   ^~~\n");
    check_refused("a:\n \tb: 1\n", "t.yaml:2:2: error: a tab cannot indent YAML\n"
                                   "    2 |  \tb: 1\n"
                                   "      |  ^  use spaces\n");
    check_refused("a: &x [*x]\n", "t.yaml:1:8: error: this alias has no anchor before it\n"
                                  "    1 | a: &x [*x]\n"
                                  "      |        ^~\n");
    check_refused("a: 1\n---\nb: 2\n",
                  "t.yaml:2:1: error: a second document begins here, but a file holds one\n"
                  "    2 | ---\n"
                  "      | ^~~\n");
    check_refused("a: \"x\\0y\"\n", "t.yaml:1:4: error: text cannot contain a zero byte\n"
                                    "    1 | a: \"x\\0y\"\n"
                                    "      |    ^~~~~~\n");
    check_refused("a: !!int 3\n", "t.yaml:1:4: error: tags ('!…') are not supported\n"
                                  "    1 | a: !!int 3\n"
                                  "      |    ^~~~~~~\n");
    check_refused("? [a]\n: 1\n", "t.yaml:1:3: error: a key must be a plain word\n"
                                  "    1 | ? [a]\n"
                                  "      |   ^\n");
}

/* A laugh in a few lines: aliases of aliases, 8^9 values. And a tower of brackets. */
static void test_bounds(void **state)
{
    struct text text = {0};
    struct parsed parsed;

    (void)state;
    text_append(&text, "a0: &a0 [1]\n");
    for (int i = 1; i < 10; i++) {
        text_append(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 8; k++)
            text_append(&text, "%s*a%d", k > 0 ? ", " : "", i - 1);
        text_append(&text, "]\n");
    }
    parse(&parsed, text_value(&text));
    assert_null(parsed.tree);
    assert_non_null(strstr(text_value(&parsed.diagnostics.text),
                           "error: more than 100000 values once aliases are expanded\n"));
    release(&parsed);
    text_release(&text);
    for (int i = 0; i < 100; i++)
        text_append(&text, "[");
    parse(&parsed, text_value(&text));
    assert_null(parsed.tree);
    assert_non_null(strstr(text_value(&parsed.diagnostics.text),
                           "t.yaml:1:33: error: nested deeper than 32 levels\n"));
    release(&parsed);
    text_release(&text);
}

/* A line of any length is shown around the mistake; bytes that are no text do not reach the
 * terminal. */
static void test_long_lines(void **state)
{
    struct text text = {0};
    struct parsed parsed;

    (void)state;
    text_append(&text, "{");
    for (int i = 0; i < 100; i++)
        text_append(&text, "k%02d: 1, ", i);
    text_append(&text, "k50: 2}\n");
    parse(&parsed, text_value(&text));
    const char *shown = text_value(&parsed.diagnostics.text);
    assert_non_null(strstr(shown, "t.yaml:1:802: error: duplicate key 'k50', first at line 1"));
    for (const char *line = shown; *line != '\0'; line = strchr(line, '\n') + 1)
        assert_in_range(strcspn(line, "\n"), 1, 140);
    const char *mark = strstr(shown, "^~~\n"), *key = strstr(shown, "k50: 2}\n");
    assert_non_null(mark);
    assert_non_null(key);
    release(&parsed);
    text_release(&text);
    parse(&parsed, "a: b\nc: \x1b[31m\n");
    assert_null(parsed.tree);
    assert_null(strchr(text_value(&parsed.diagnostics.text), 0x1b));
    assert_non_null(strstr(text_value(&parsed.diagnostics.text), "t.yaml:2:4: error: "));
    release(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_core_schema), cmocka_unit_test(test_positions),
        cmocka_unit_test(test_merge),       cmocka_unit_test(test_print),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
