/* Whole files: what is written is complete or absent, whichever system call fails. */
#include "base/file.h"

#include "support/cmocka.h"
#include "support/failing_call.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct temporary_folder folder; /* of the running test */

static int setup(void **state)
{
    (void)state;
    temporary_folder_open(&folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    failing_call_disarm();
    temporary_folder_close(&folder);
    return 0;
}

static void expect_content(const char *path, const char *wanted, int64_t n)
{
    char *found = NULL;
    int64_t n_found = -1;

    ok(file_read(path, &found, &n_found));
    assert_int_equal(n_found, n);
    assert_memory_equal(found, wanted, (size_t)n);
    assert_int_equal(found[n], '\0');
    free(found);
}

static void test_write_and_read(void **state)
{
    char path[TEMPORARY_PATH_BYTES];

    (void)state;
    temporary_path(&folder, "a", path);
    assert_false(file_exists(path));
    assert_int_equal(file_size(path), -1);
    ok(file_write(path, "one\0two", 7));
    expect_content(path, "one\0two", 7);
    assert_int_equal(file_size(path), 7);
    ok(file_write(path, "", 0)); /* replaces, also by nothing */
    expect_content(path, "", 0);
    assert_true(file_exists(path));
    assert_int_equal(temporary_folder_count(&folder), 1);
}

/* The kernel may take less than it was given. */
static void test_short_writes(void **state)
{
    char path[TEMPORARY_PATH_BYTES];

    (void)state;
    failing_call_limit_writes(3);
    ok(file_write(temporary_path(&folder, "a", path), "0123456789", 10));
    expect_content(path, "0123456789", 10);
}

static void test_interrupted(void **state)
{
    char path[TEMPORARY_PATH_BYTES];

    (void)state;
    failing_call_arm(CALL_WRITE, 1, EINTR);
    ok(file_write(temporary_path(&folder, "a", path), "0123", 4));
    failing_call_arm(CALL_READ, 1, EINTR);
    expect_content(path, "0123", 4);
}

static void test_failing_writes(void **state)
{
    static const struct {
        enum failing_call call;
        int nth, error;
        const char *verb;
        enum status wanted;
    } rows[] = {
        {CALL_WRITE, 1, ENOSPC, "write", STATUS_STORAGE},
        {CALL_WRITE, 2, ENOSPC, "write", STATUS_STORAGE},
        {CALL_FSYNC, 1, EIO, "sync", STATUS_STORAGE},
        {CALL_CLOSE, 1, EDQUOT, "close", STATUS_STORAGE},
        {CALL_RENAME, 1, EROFS, "replace", STATUS_STORAGE},
        {CALL_RENAME, 1, EACCES, "replace", STATUS_IO},
    };
    char path[TEMPORARY_PATH_BYTES], wanted[2 * TEMPORARY_PATH_BYTES];

    (void)state;
    temporary_path(&folder, "a", path);
    ok(file_write(path, "old", 3));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        failing_call_limit_writes(4); /* so that there is a second write */
        failing_call_arm(rows[i].call, rows[i].nth, rows[i].error);
        assert_int_equal(file_write(path, "new content", 11), rows[i].wanted);
        failing_call_disarm();
        snprintf(wanted, sizeof wanted, "cannot %s '%s': %s", rows[i].verb, path,
                 strerror(rows[i].error));
        assert_string_equal(status_message(), wanted);
        expect_content(path, "old", 3);
        assert_int_equal(temporary_folder_count(&folder), 1); /* nothing left behind */
    }
}

static void test_unwritable(void **state)
{
    char path[TEMPORARY_PATH_BYTES], wanted[2 * TEMPORARY_PATH_BYTES];

    (void)state;
    temporary_path(&folder, "no/such/folder", path);
    assert_int_equal(file_write(path, "x", 1), STATUS_IO);
    snprintf(wanted, sizeof wanted, "cannot write '%s': No such file or directory", path);
    assert_string_equal(status_message(), wanted);
    assert_int_equal(file_write(folder.path, "x", 1), STATUS_IO); /* a folder stands there */
    assert_true(folder_exists(folder.path));
}

static void test_unreadable(void **state)
{
    char path[TEMPORARY_PATH_BYTES], wanted[2 * TEMPORARY_PATH_BYTES];
    char *data = NULL;
    int64_t n = 7;

    (void)state;
    temporary_path(&folder, "a", path);
    assert_int_equal(file_read(path, &data, &n), STATUS_IO);
    snprintf(wanted, sizeof wanted, "cannot open '%s': No such file or directory", path);
    assert_string_equal(status_message(), wanted);
    ok(file_write(path, "0123", 4));
    failing_call_arm(CALL_READ, 1, EIO);
    assert_int_equal(file_read(path, &data, &n), STATUS_IO);
    snprintf(wanted, sizeof wanted, "cannot read '%s': %s", path, strerror(EIO));
    assert_string_equal(status_message(), wanted);
    assert_null(data);
    assert_int_equal(n, 7); /* out-parameters change on success only */
}

static void test_folders(void **state)
{
    char path[TEMPORARY_PATH_BYTES], file[TEMPORARY_PATH_BYTES], wanted[2 * TEMPORARY_PATH_BYTES];

    (void)state;
    temporary_path(&folder, "x/y/z", path);
    ok(folder_create(path));
    ok(folder_create(path));
    assert_true(folder_exists(path));
    ok(file_write(temporary_path(&folder, "f", file), "", 0));
    assert_false(folder_exists(file));
    assert_int_equal(folder_create(file), STATUS_IO);
    snprintf(wanted, sizeof wanted, "cannot create folder '%s': a file of that name is there",
             file);
    assert_string_equal(status_message(), wanted);
    assert_int_equal(folder_add(file), STATUS_IO);
    ok(folder_add(temporary_path(&folder, "x/y/z/last", path)));
    ok(folder_add(path));
    assert_true(folder_exists(path));
    assert_int_equal(folder_add(temporary_path(&folder, "gone/last", path)), STATUS_IO);
    assert_false(folder_exists(temporary_path(&folder, "gone", path)));
    assert_int_equal(folder_create(temporary_path(&folder, "f/g", path)), STATUS_IO);
    snprintf(wanted, sizeof wanted, "cannot create folder '%s': Not a directory", path);
    assert_string_equal(status_message(), wanted);
}

static void test_paths(void **state)
{
    struct arena *arena = NULL;

    (void)state;
    ok(arena_create(&arena));
    assert_string_equal(path_join(arena, "a", "b"), "a/b");
    assert_string_equal(path_join(arena, "a/", "b"), "a/b");
    assert_string_equal(path_join(arena, "a", "/b"), "/b");
    assert_string_equal(path_join(arena, "", "b"), "b");
    assert_string_equal(path_parent(arena, "a/b/c"), "a/b");
    assert_string_equal(path_parent(arena, "/a"), "/");
    assert_string_equal(path_parent(arena, "a"), ".");
    assert_string_equal(path_base("a/b"), "b");
    assert_string_equal(path_base("b"), "b");
    arena_destroy(arena);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_and_read), TEST(test_short_writes), TEST(test_interrupted),
        TEST(test_failing_writes), TEST(test_unwritable),   TEST(test_unreadable),
        TEST(test_folders),        TEST(test_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
