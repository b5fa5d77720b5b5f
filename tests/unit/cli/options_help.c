/* Paragraphs of a width, names listed in a help text, escapes of a manual page. */
#include "cli/options/options_help.h"

#include "cli/options/man_page.h"
#include "support/cmocka.h"

#include <string.h>

static void expect_paragraph(struct paragraph paragraph, const char *words, const char *wanted)
{
    struct text text = {0};

    append_paragraph(&paragraph, words, &text);
    assert_string_equal(text_value(&text), wanted);
    text_release(&text);
}

static void paragraphs_are_wrapped(void **unused)
{
    static const char ten[] = "123456789 123456789 123456789 123456789 123456789 123456789 "
                              "123456789 123456789 123456789";

    (void)unused;
    expect_paragraph((struct paragraph){"", "", 0}, "", "\n");
    expect_paragraph((struct paragraph){"a: ", "", 2}, " one\n two ", "a: one two\n");
    expect_paragraph((struct paragraph){"", "", 2}, ten,
                     "123456789 123456789 123456789 123456789 123456789 123456789 123456789 "
                     "123456789\n  123456789\n");
    expect_paragraph((struct paragraph){"", " \\", 4}, ten,
                     "123456789 123456789 123456789 123456789 123456789 123456789 123456789 \\\n"
                     "    123456789 123456789\n");
    expect_paragraph((struct paragraph){"", "", 1},
                     "123456789 123456789 123456789 123456789 123456789 123456789 12345 "
                     "[--out FILE]... x",
                     "123456789 123456789 123456789 123456789 123456789 123456789 12345\n"
                     " [--out FILE]... x\n");
}

static void expect_choices(const char *value, const char *help, const char *wanted)
{
    const struct option_row row = {.name = "x", .value = value, .help = help};
    struct text text = {0};
    char name[32];

    for (int i = 0; option_choice(&row, i, name); i++)
        text_append(&text, "%s ", name);
    assert_string_equal(text_value(&text), wanted);
    text_release(&text);
}

static void choices_are_what_help_lists(void **unused)
{
    (void)unused;
    expect_choices("NAME", "table (default), csv or json", "table csv json ");
    expect_choices("NAME", "auto, cuda, cpu or ref", "auto cuda cpu ref ");
    expect_choices("NAME", "cifar10 (default) or cifar100", "cifar10 cifar100 ");
    expect_choices("NAME", "architecture, e.g. resnet20", "");
    expect_choices("FILE", "this or that", ""); /* any file */
    expect_choices(NULL, "on or off", "");
}

static void pages_have_no_accidental_macros(void **unused)
{
    struct text text = {0};

    (void)unused;
    man_append(&text, ".pth or 'x'\n.th --all a\\b\n'q'");
    assert_string_equal(text_value(&text), "\\&.pth or 'x'\n\\&.th \\-\\-all a\\eb\n\\&'q'");
    text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paragraphs_are_wrapped),
        cmocka_unit_test(choices_are_what_help_lists),
        cmocka_unit_test(pages_have_no_accidental_macros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
