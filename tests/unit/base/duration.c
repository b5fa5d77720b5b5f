/* Lengths of time, read and written. */
#include "base/duration.h"

#include "support/cmocka.h"

#include <math.h>

static void writes_what_people_read(void **unused)
{
    char text[DURATION_BYTES];

    (void)unused;
    assert_string_equal(duration_to_text(0.4, text), "0 s");
    assert_string_equal(duration_to_text(59.4, text), "59 s");
    assert_string_equal(duration_to_text(59.6, text), "1 min 00 s");
    assert_string_equal(duration_to_text(3599, text), "59 min 59 s");
    assert_string_equal(duration_to_text(3600, text), "1 h 00 min");
    assert_string_equal(duration_to_text(90061, text), "25 h 01 min");
    assert_string_equal(duration_to_text((double)NAN, text), "?");
    assert_string_equal(duration_to_text(-1, text), "?");
}

static void expect(const char *text, double wanted)
{
    double seconds = -1;

    if (!duration_from_text(text, &seconds) || seconds != wanted)
        fail_msg("'%s' is %g s, wanted %g", text, seconds, wanted);
}

static void reads_what_schedulers_print(void **unused)
{
    (void)unused;
    expect("90", 90);
    expect("0.5", 0.5);
    expect("0:00", 0);
    expect("9:58", 598);
    expect("90:00", 5400);
    expect("1:00:00", 3600);
    expect("2-03:04:05", 2 * 86400 + 3 * 3600 + 4 * 60 + 5);
}

static void refuses_anything_else(void **unused)
{
    static const char *const bad[] = {
        "",    "x",     "1:",       ":1",  "1:60",  "1:2:60", "1:60:0",    "-5",     "1:2:3:4",
        "1-2", "1-2:3", "-1:00:00", "nan", "1: 00", "inf",    "UNLIMITED", "1:-1:00"};
    double seconds = 0;

    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (duration_from_text(bad[i], &seconds))
            fail_msg("'%s' was taken for %g s", bad[i], seconds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_people_read),
        cmocka_unit_test(reads_what_schedulers_print),
        cmocka_unit_test(refuses_anything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
