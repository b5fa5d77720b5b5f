/* The error record: one message per thread, context before it, exit codes. */
#include "base/status.h"

#include "support/cmocka.h"

#include <pthread.h>
#include <string.h>

static void test_fail(void **state)
{
    (void)state;
    assert_int_equal(fail(STATUS_IO, "cannot open '%s': %d", "a.yaml", 7), STATUS_IO);
    assert_string_equal(status_message(), "cannot open 'a.yaml': 7");
    assert_true(strstr(status_origin(), "status.c:") != NULL);
}

static void test_context(void **state)
{
    (void)state;
    (void)fail(STATUS_BAD_DATA, "truncated");
    assert_int_equal(fail_context(STATUS_BAD_DATA, "run %d", 42), STATUS_BAD_DATA);
    assert_string_equal(status_message(), "run 42: truncated");
    (void)fail(STATUS_BAD_DATA, "again: %s", status_message()); /* its own message as argument */
    assert_string_equal(status_message(), "again: run 42: truncated");
}

static void test_long_message(void **state)
{
    char long_text[5000];

    (void)state;
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    (void)fail(STATUS_IO, "%s", long_text);
    assert_in_range(strlen(status_message()), 1000, 4999);
    (void)fail_context(STATUS_IO, "%s", long_text);
    assert_memory_equal(status_message(), "xxxx", 4);
}

static void *fail_elsewhere(void *unused)
{
    (void)unused;
    (void)fail(STATUS_COMM, "elsewhere");
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t thread;

    (void)state;
    (void)fail(STATUS_IO, "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(status_message(), "here");
}

static enum status try_twice(enum status first, int *n_steps)
{
    enum status status = STATUS_OK;

    TRY(first);
    (*n_steps)++;
done:
    return status;
}

static enum status try_memory(void *memory, void **out)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(*out, memory);
done:
    return status;
}

static void test_try(void **state)
{
    int n_steps = 0, object = 0;
    void *out = NULL;

    (void)state;
    assert_int_equal(try_twice(STATUS_OK, &n_steps), STATUS_OK);
    assert_int_equal(n_steps, 1);
    assert_int_equal(try_twice(STATUS_COMM, &n_steps), STATUS_COMM);
    assert_int_equal(n_steps, 1);
    assert_int_equal(try_memory(&object, &out), STATUS_OK);
    assert_ptr_equal(out, &object);
    assert_int_equal(try_memory(NULL, &out), STATUS_OUT_OF_MEMORY);
}

static void test_exit_codes(void **state)
{
    static const struct {
        enum status code;
        int exit_code;
    } rows[] = {
        {STATUS_OK, 0},         {STATUS_BAD_CONFIG, 2},    {STATUS_BAD_DATA, 2},
        {STATUS_IO, 3},         {STATUS_OUT_OF_MEMORY, 3}, {STATUS_DEVICE, 3},
        {STATUS_COMM, 3},       {STATUS_UNSUPPORTED, 3},   {STATUS_DIVERGED, 1},
        {STATUS_CANCELLED, 75},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(status_exit_code(rows[i].code), rows[i].exit_code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail),         cmocka_unit_test(test_context),
        cmocka_unit_test(test_long_message), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_try),          cmocka_unit_test(test_exit_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
