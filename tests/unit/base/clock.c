/* Clocks move forward, timestamps have their form; log lines go out whole. */
#include "base/clock.h"

#include "base/log.h"
#include "support/cmocka.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void expect_match(const char *text, const char *pattern)
{
    regex_t regex;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&regex, text, 0, NULL, 0) != 0)
        fail_msg("'%s' does not match '%s'", text, pattern);
    regfree(&regex);
}

static void test_clock(void **state)
{
    double begin = clock_seconds();
    char buffer[32];

    (void)state;
    clock_sleep(0.02);
    assert_true(clock_seconds() - begin >= 0.02);
    assert_true(clock_wall_seconds() > 1.7e9); /* after 2023 */
    clock_timestamp(buffer);
    expect_match(buffer, "^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$");
}

static void test_timestamps(void **state)
{
    char buffer[32];

    (void)state;
    assert_true(clock_from_timestamp("1970-01-02T00:00:01.500Z") == 86401.5);
    assert_true(clock_from_timestamp("2026-01-31T12:00:00Z") == 1769860800);
    assert_true(isnan(clock_from_timestamp("")) && isnan(clock_from_timestamp("yesterday")));
    clock_timestamp(buffer);
    assert_true(fabs(clock_from_timestamp(buffer) - clock_wall_seconds()) < 5);
}

static void capture(enum log_level most, char *out, size_t size)
{
    int pipe_ends[2], old = dup(STDERR_FILENO);

    assert_int_equal(pipe(pipe_ends), 0);
    assert_true(dup2(pipe_ends[1], STDERR_FILENO) >= 0);
    log_open(most, "rank 3");
    log_warning("disk is %d %% full", 93);
    log_info("step %d", 7);
    assert_true(dup2(old, STDERR_FILENO) >= 0);
    close(old);
    close(pipe_ends[1]);
    ssize_t n = read(pipe_ends[0], out, size - 1);
    close(pipe_ends[0]);
    out[n > 0 ? n : 0] = '\0';
}

static void test_log(void **state)
{
    char found[512];

    (void)state;
    capture(LOG_WARNING, found, sizeof found);
    expect_match(found, "^[0-9]{2}:[0-9]{2}:[0-9]{2} rank 3 warning: disk is 93 % full\n$");
    capture(LOG_INFO, found, sizeof found);
    expect_match(found, "full\n.* rank 3 info: step 7\n$");
    capture(LOG_ERROR, found, sizeof found);
    assert_string_equal(found, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clock),
                                       cmocka_unit_test(test_timestamps),
                                       cmocka_unit_test(test_log)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
