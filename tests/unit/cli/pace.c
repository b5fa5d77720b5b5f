/* Runs per time: every run is in one cell, however long the start goes on. */
#include "cli/plan/pace.h"

#include "support/cmocka.h"

#include <math.h>

static double total(const struct pace *pace, double now)
{
    double values[PACE_CELLS], seconds = 0, sum = 0;
    int n = pace_values(pace, now, values);

    for (int i = 0; i < n; i++)
        sum += values[i];
    for (seconds = pace->cell_seconds; now - pace->start >= PACE_CELLS * seconds; seconds *= 2)
        continue;
    return sum * seconds;
}

static void every_run_counts(void **unused)
{
    struct pace pace;

    (void)unused;
    pace_begin(&pace, 1000);
    for (int i = 0; i < 5000; i++)
        pace_see(&pace, 1000 + 1.5 * i);
    assert_int_equal(pace.n, 5000);
    assert_true(pace.cell_seconds >= 7500.0 / PACE_CELLS && pace.cell_seconds < 400);
    assert_true(fabs(total(&pace, 1000 + 2 * 7500) - 5000) < 1e-6);
}

static void steady_runs_are_level(void **unused)
{
    struct pace pace;
    double values[PACE_CELLS];

    (void)unused;
    pace_begin(&pace, 0);
    for (int i = 0; i < 40; i++)
        pace_see(&pace, i + 0.5);
    int n = pace_values(&pace, 40, values);
    assert_int_equal(n, 20);
    for (int i = 0; i < n; i++)
        assert_true(values[i] == 1.0);
}

static void odd_times_do_no_harm(void **unused)
{
    struct pace pace = {0};
    double values[PACE_CELLS];

    (void)unused;
    pace_see(&pace, 5); /* before any start */
    assert_int_equal(pace.n, 0);
    assert_int_equal(pace_values(&pace, 10, values), 0);
    pace_begin(&pace, 100);
    pace_see(&pace, 50); /* a clock set back */
    pace_see(&pace, NAN);
    pace_see(&pace, INFINITY);
    assert_int_equal(pace.n, 1);
    assert_int_equal(pace.counts[0], 1);
    assert_int_equal(pace_values(&pace, 99, values), 0);
    assert_int_equal(pace_values(&pace, NAN, values), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_run_counts),
        cmocka_unit_test(steady_runs_are_level),
        cmocka_unit_test(odd_times_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
