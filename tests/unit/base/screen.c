/* Cells and the bytes they become: cutting, foreign characters, bars, sparklines, changes. */
#include "base/screen.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 3, COLUMNS = 12 };

static struct screen *make(bool has_utf8)
{
    struct screen *screen = NULL;

    ok(screen_create(ROWS, COLUMNS, has_utf8, &screen));
    return screen;
}

static void expect_row(const struct screen *screen, int row, const char *wanted)
{
    struct text text = {0};

    screen_append_lines(screen, row, 1, false, &text);
    assert_true(text.length > 0);
    text.data[text.length - 1] = '\0'; /* the line's end */
    assert_string_equal(text.data, wanted);
    text_release(&text);
}

static void texts_are_cut(void **unused)
{
    struct screen *screen = make(true);

    (void)unused;
    assert_int_equal(screen_put(screen, (struct text_field){0, 0, 5, 0}, "12345"), 5);
    assert_int_equal(screen_put(screen, (struct text_field){0, 6, 5, 0}, "123456"), 5);
    expect_row(screen, 0, "12345 1234…");
    assert_int_equal(screen_put(screen, (struct text_field){1, 9, 40, 0}, "over"), 3);
    expect_row(screen, 1, "         ov…");
    assert_int_equal(screen_put(screen, (struct text_field){1, 12, 5, 0}, "outside"), 0);
    screen_put(screen, (struct text_field){ROWS, 0, 5, 0}, "below");
    screen_put(screen, (struct text_field){-1, 0, 5, 0}, "above");
    screen_format_right(screen, (struct text_field){2, 2, 6, 0}, "%d %%", 42);
    expect_row(screen, 2, "    42 %");
    screen_destroy(screen);
}

static void long_texts_are_wrapped(void **unused)
{
    struct screen *screen = make(true);
    struct text_field place = {0, 1, 8, 0};

    (void)unused;
    assert_int_equal(screen_put_wrapped(screen, place, 3, "für alle und noch einen"), 3);
    expect_row(screen, 0, " für alle");
    expect_row(screen, 1, " und noch");
    expect_row(screen, 2, " einen");
    screen_destroy(screen);
    screen = make(true);
    assert_int_equal(screen_put_wrapped(screen, place, 2, "one twothreefour five"), 2);
    expect_row(screen, 0, " one");
    expect_row(screen, 1, " twothre…");
    assert_int_equal(screen_put_wrapped(screen, place, 2, ""), 0);
    assert_int_equal(screen_put_wrapped(screen, place, 0, "none"), 0);
    assert_int_equal(screen_put_wrapped(screen, place, 2, "fits"), 1);
    screen_destroy(screen);
}

static void control_characters_do_not_pass(void **unused)
{
    struct screen *screen = make(true);

    (void)unused;
    screen_put(screen, (struct text_field){0, 0, 12, 0},
               "a\033[2J\nb\xC2\x9B"); /* U+009B is a CSI */
    expect_row(screen, 0, "a?[2J?b?");
    screen_put(screen, (struct text_field){1, 0, 12, 0}, "\xff\xc3(\xe2\x82");
    expect_row(screen, 1,
               "??"
               "(??"); /* in two: a trigraph otherwise */
    screen_destroy(screen);
}

static void characters_have_their_width(void **unused)
{
    struct screen *screen = make(true), *plain = make(false);

    (void)unused;
    assert_int_equal(screen_put(screen, (struct text_field){0, 0, 12, 0}, "über 数字 e\xCC\x81"),
                     11);
    expect_row(screen, 0, "über 数字 e");
    assert_int_equal(screen_put(screen, (struct text_field){1, 0, 4, 0}, "a数字"), 4);
    expect_row(screen, 1, "a数…"); /* the second would begin in the third column and be cut */
    screen_put(plain, (struct text_field){0, 0, 12, 0}, "über…");
    expect_row(plain, 0, "?ber~");
    screen_destroy(screen);
    screen_destroy(plain);
}

static void bars_fill(void **unused)
{
    static const struct {
        double share;
        const char *utf8, *ascii;
    } cases[] = {{0, "░░░░", "...."},    {0.25, "█░░░", "#..."}, {0.5 + 1.0 / 32, "██▏░", "##.."},
                 {0.97, "███▉", "###."}, {1, "████", "####"},    {7, "████", "####"},
                 {-1, "░░░░", "...."},   {NAN, "░░░░", "...."}}; /* fmax(NaN, 0) is 0 */

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct screen *screen = make(true), *plain = make(false);
        screen_bar(screen, (struct text_field){0, 0, 4, 0}, cases[i].share);
        screen_bar(plain, (struct text_field){0, 0, 4, 0}, cases[i].share);
        expect_row(screen, 0, cases[i].utf8);
        expect_row(plain, 0, cases[i].ascii);
        screen_destroy(screen);
        screen_destroy(plain);
    }
}

static void sparklines_rise(void **unused)
{
    const double values[] = {0, 1, 2, 3, 4, 5, 6, 7}, holes[] = {NAN, 1, NAN, 2, INFINITY};
    const double level[] = {5, 5, 5};
    struct screen *screen = make(true), *plain = make(false);

    (void)unused;
    screen_sparkline(screen, (struct text_field){0, 0, 12, 0}, values, 8);
    expect_row(screen, 0, "▁▂▃▄▅▆▇█");
    screen_sparkline(screen, (struct text_field){1, 0, 4, 0}, values, 8); /* means of pairs */
    expect_row(screen, 1, "▁▃▆█");
    screen_sparkline(screen, (struct text_field){2, 0, 12, 0}, holes, 5);
    expect_row(screen, 2, " ▁ █");
    screen_sparkline(plain, (struct text_field){0, 0, 12, 0}, values, 8);
    expect_row(plain, 0, "_.-:=+*#");
    screen_sparkline(plain, (struct text_field){1, 0, 12, 0}, level, 3);
    expect_row(plain, 1, "___");
    screen_sparkline(plain, (struct text_field){2, 0, 12, 0}, NULL, 0);
    expect_row(plain, 2, "");
    screen_destroy(screen);
    screen_destroy(plain);
}

static void expect_change(const struct screen_change *change, const char *wanted)
{
    struct text text = {0};

    screen_append_change(change, &text);
    assert_string_equal(text_value(&text), wanted);
    text_release(&text);
}

static void only_changes_are_written(void **unused)
{
    struct screen *before = make(true), *now = make(true);

    (void)unused;
    screen_put(before, (struct text_field){0, 0, 12, STYLE_BOLD}, "same");
    screen_put(now, (struct text_field){0, 0, 12, STYLE_BOLD}, "same");
    screen_put(now, (struct text_field){1, 0, 12, STYLE_GOOD}, "a b");
    screen_put(now, (struct text_field){2, 0, 12, 0}, "twelve cells");
    expect_change(&(struct screen_change){before, now, true},
                  "\033[2;1H\033[32ma b\033[0m\033[K\033[3;1Htwelve cells");
    expect_change(&(struct screen_change){NULL, now, false},
                  "\033[1;1Hsame\033[K\033[2;1Ha b\033[K\033[3;1Htwelve cells");
    expect_change(&(struct screen_change){now, now, true}, "");
    screen_destroy(before);
    screen_destroy(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cut),
        cmocka_unit_test(long_texts_are_wrapped),
        cmocka_unit_test(control_characters_do_not_pass),
        cmocka_unit_test(characters_have_their_width),
        cmocka_unit_test(bars_fill),
        cmocka_unit_test(sparklines_rise),
        cmocka_unit_test(only_changes_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
