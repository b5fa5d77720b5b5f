/* Expressions: values, types, and the place of every mistake. Mistakes in the context of a sweep
 * are in sweep/mistakes.txt. */
#include "config/expression.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

struct bench { /* what an expression needs to be read */
    struct arena *arena;
    struct diagnostics diagnostics;
    struct setting_reader reader;
    struct settings settings;
};

static int open_bench(void **state)
{
    static struct bench bench;

    bench = (struct bench){0};
    assert_int_equal(arena_create(&bench.arena), STATUS_OK);
    bench.reader = (struct setting_reader){.arena = bench.arena, .diagnostics = &bench.diagnostics};
    assert_int_equal(settings_default(bench.arena, NULL, false, &bench.settings), STATUS_OK);
    bench.settings.unlearn.method = "prune_lora";
    bench.settings.forget.class_index = -1;
    *state = &bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;

    diagnostics_release(&bench->diagnostics);
    arena_destroy(bench->arena);
    return 0;
}

typedef enum status parse_function(const struct setting_reader *reader, const struct tree *value,
                                   struct expression **out);

/* The value as text; "error" after a mistake, the message of the arithmetic where it fails. */
static const char *value_of(struct bench *bench, parse_function *parse, const char *text)
{
    const struct source source = {"x.yaml", text};
    const struct position at = {&source, 1, 1, (int)strlen(text)};
    struct expression *expression = NULL;
    struct tree *tree = NULL;
    struct result result = {0};
    struct text scratch = {0}, printed = {0};

    assert_int_equal(tree_scalar(bench->arena, &at, text, true, &tree), STATUS_OK);
    assert_int_equal(parse(&bench->reader, tree, &expression), STATUS_OK);
    if (expression == NULL)
        return "error";
    enum status status = expression_value(expression, &bench->settings, &scratch, &result);
    if (status == STATUS_OK)
        result_print(&result, &printed);
    const char *value =
        arena_strdup(bench->arena, status == STATUS_OK ? text_value(&printed) : status_message());
    text_release(&scratch);
    text_release(&printed);
    return value;
}

/* The settings are the defaults: rank 8, alpha 16, epochs 5, lr 1e-3, sparsity 0.5. */
static void test_values(void **state)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"${2 * lora.rank}", "16"},
        {"${lora.rank}", "8"},
        {"${lora.rank / 3}", "2.6666666666666665"},
        {"${lora.rank / 2}", "4"},
        {"${1 + 2 * 3 - 4}", "3"},
        {"${(1 + 2) * (3 - 4)}", "-3"},
        {"${8 - 4 - 2}", "2"},
        {"${64 / 4 / 2}", "8"},
        {"${-lora.rank + 1}", "-7"},
        {"${--2}", "2"},
        {"${3-1}", "2"},
        {"${1e-3*2}", "0.002"},
        {"${.5 + train.lr}", "0.501"},
        {"${ lora.rank==8 }", "true"},
        {"${unlearn.method}", "prune_lora"},
        {"${'a b'}", "a b"},
        {"w/${model.arch}-${seed}-${prune.sparsity}.pth", "w/-0-0.5.pth"},
        {"${lora.rank}${lora.rank}", "88"},
        {"${1 / (lora.rank - 8)}", "division by zero"},
        {"${9223372036854775807 + 1}", "the result does not fit 64 bits"},
        {"${9223372036854775807 * lora.rank}", "the result does not fit 64 bits"},
        {"${1e308 * 10}", "the result is not finite"},
        {"${prune.mask}", "held"},
        {"${checkpoint.keep}", "final"},
        {"${checkpoint.every}", "60"},
        {"${train.drop_last}", "false"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(value_of(*state, expression_parse, cases[i].text), cases[i].value);
    assert_string_equal(text_value(&((struct bench *)*state)->diagnostics.text), "");
}

static void test_conditions(void **state)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"unlearn.method in [lora, prune_lora]", "true"},
        {"unlearn.method not in [lora, prune_lora]", "false"},
        {"unlearn.method == lora", "false"},
        {"lora == unlearn.method", "false"},
        {"unlearn.method != 'lora'", "true"},
        {"lora.rank in [1, 2, 8]", "true"},
        {"lora.rank > 4 and lora.rank <= 8", "true"},
        {"lora.rank < 4 or lora.rank >= 8", "true"},
        {"not lora.rank < 4", "true"},
        {"not (lora.rank > 4 and train.lr < 1)", "false"},
        {"true or 1 / (lora.rank - 8) > 3", "true"},    /* the right side is not asked */
        {"false and 1 / (lora.rank - 8) > 3", "false"}, /* nor here */
        {"false and true or true", "true"},             /* and binds tighter */
        {"true or true and false", "true"},
        {"forget.class == none", "true"},
        {"train.lr == 0.001", "true"},
        {"prune.sparsity == .5", "true"},
        {"checkpoint.every == 1m", "true"},
        {"2 * lora.rank == lora.alpha", "true"},
        {"train.drop_last == false", "true"},
        {"train.augment == false", "true"},
        {"train.augment != crop_flip", "true"},
        {"(lora.rank > 4) == (lora.alpha > 4)", "true"},
        {"precision == fp32", "true"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(value_of(*state, condition_parse, cases[i].text), cases[i].value);
    assert_string_equal(text_value(&((struct bench *)*state)->diagnostics.text), "");
}

/* What is no expression, and where the mistake begins. */
static void test_mistakes(void **state)
{
    static const struct {
        const char *text;
        int column;
        const char *message;
    } cases[] = {
        {"lora.rank", 10, "a condition must be true or false, such as lora.rank > 4"},
        {"lora.rank > many", 13, "'>' expects numbers, got 'many'"},
        {"lora.rank == many", 14, "'lora.rank' expects an integer, got 'many'"},
        {"lora.rank in [1, x]", 18, "'lora.rank' expects an integer, got 'x'"},
        {"lora.rank in [1 2]", 17, "',' or ']' is missing here"},
        {"train.lr == 5000", 13, "'train.lr' must be in [0, 1000], got 5000"},
        {"unlearn.method == lora.rank", 19,
         "'==' compares text with text, got 'lora.rank', which "
         "is a number"},
        {"lora.rank == unlearn.method", 14,
         "'==' compares a number with a number, got "
         "'unlearn.method', which is text"},
        {"lora.rank > 4 &", 15, "nothing may follow the expression"},
        {"lora.rank > 4 and", 18, "a value is missing here"},
        {"lora.rank not 4", 15, "'in' is missing here"},
        {"word", 1, "'word' is not a setting; text must be quoted"},
        {"1.2.3 > 4", 1, "'>' expects numbers, got '1.2.3'"},
        {"lora.rank == 8a", 14, "'lora.rank' expects an integer, got '8a'"},
    };
    struct bench *bench = *state;
    char wanted[256];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        diagnostics_release(&bench->diagnostics);
        assert_string_equal(value_of(bench, condition_parse, cases[i].text), "error");
        snprintf(wanted, sizeof wanted, "x.yaml:1:%d: error: %s\n", cases[i].column,
                 cases[i].message);
        const char *got = text_value(&bench->diagnostics.text);
        if (strncmp(got, wanted, strlen(wanted)) != 0)
            fail_msg("wanted\n%sgot\n%s", wanted, got);
    }
}

/* Neither depth nor length of a hostile text reaches the stack. */
static void test_hostile(void **state)
{
    enum { LENGTH = 20000 };
    static const char *const bits[] = {"(", "-", "not ", "1+", "1 in [", "${", "1 and "};
    struct bench *bench = *state;
    static char text[LENGTH + 16];

    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        size_t n = 0;
        for (; n + strlen(bits[i]) < LENGTH; n += strlen(bits[i]))
            memcpy(text + n, bits[i], strlen(bits[i]));
        memcpy(text + n, "1", 2);
        diagnostics_release(&bench->diagnostics);
        bench->diagnostics.n_errors = 0;
        assert_string_equal(value_of(bench, condition_parse, text), "error");
        if (bench->diagnostics.n_errors != 1)
            fail_msg("'%s': %s", bits[i], text_value(&bench->diagnostics.text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_conditions, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_mistakes, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_hostile, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
