/* What a process prints goes to a file for a while, whoever prints it, and the file stays small. */
#include "trainer/log.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_folder(void **state)
{
    static struct temporary_folder folder;

    temporary_folder_open(&folder);
    *state = &folder;
    return 0;
}

static int close_folder(void **state)
{
    temporary_folder_close(*state);
    return 0;
}

static void expect_content(const char *path, const char *part)
{
    char *content = NULL;
    int64_t n = 0;

    ok(file_read(path, &content, &n));
    if (strstr(content, part) == NULL)
        fail_msg("'%s' is not in '%s': %s", part, path, content);
    free(content);
}

static void print_everywhere(const char *word)
{
    printf("%s by stdio\n", word); /* still in stdio's buffer when the log ends */
    fprintf(stderr, "%s to error\n", word);
    log_error("%s by log", word);
}

/* Output of this process goes to the outer file, then the inner one, then the outer one again. */
static void test_nested(void **state)
{
    char outer_path[TEMPORARY_PATH_BYTES], inner_path[TEMPORARY_PATH_BYTES];
    struct trainer_log outer = {.path = ""}, inner = {.path = ""};

    temporary_path(*state, "rank-0000.log", outer_path);
    temporary_path(*state, "runs/id/a1/log.txt", inner_path);
    ok(trainer_log_begin(&outer, outer_path));
    print_everywhere("before");
    enum status begun = trainer_log_begin(&inner, inner_path);
    print_everywhere("during");
    trainer_log_end(&inner);
    trainer_log_end(&inner); /* once is enough, twice is harmless */
    print_everywhere("after");
    trainer_log_end(&outer);
    ok(begun);
    expect_content(outer_path, "before by stdio\n");
    expect_content(outer_path, "after by stdio\n");
    expect_content(outer_path, "error: after by log\n");
    expect_content(inner_path, "during to error\n");
    expect_content(inner_path, "error: during by log\n");
    expect_content(inner_path, "during by stdio\n");
}

/* However fast it is printed, and although nobody asks for it. */
static void test_bounded(void **state)
{
    char path[TEMPORARY_PATH_BYTES], older[TEMPORARY_PATH_BYTES], line[1024];
    struct trainer_log log = {.path = ""};

    temporary_path(*state, "log.txt", path);
    temporary_path(*state, "log.txt.1", older);
    memset(line, 'x', sizeof line);
    ok(trainer_log_begin(&log, path));
    for (int i = 0; i < 60 * 1024; i++) { /* 60 MiB */
        if (write(STDERR_FILENO, line, sizeof line) != (ssize_t)sizeof line)
            break;
        if (i % 1024 == 0)
            clock_sleep(0.005); /* let the keeper see several times what one look may miss */
    }
    for (int i = 0; i < 1000; i++) { /* until it has come to a rest */
        int64_t before = file_size(path);
        clock_sleep(0.1);
        if (before >= 0 && before <= TRAINER_LOG_BYTES && file_size(path) == before)
            break;
    }
    fprintf(stderr, "the last line\n");
    trainer_log_end(&log);
    assert_in_range(file_size(path), 1, TRAINER_LOG_BYTES);
    assert_in_range(file_size(older), TRAINER_LOG_BYTES, TRAINER_LOG_BYTES + (1 << 16));
    expect_content(path, "the last line\n");
}

/* A trainer that is started again and again must not fill the disk either. */
static void test_bounded_over_starts(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    static char much[TRAINER_LOG_BYTES + 1];
    struct trainer_log log = {.path = ""};

    temporary_path(*state, "log.txt", path);
    memset(much, 'x', sizeof much);
    ok(file_write(path, much, sizeof much));
    ok(trainer_log_begin(&log, path));
    fprintf(stderr, "fresh\n");
    trainer_log_end(&log);
    assert_int_equal(file_size(path), strlen("fresh\n"));
}

static void test_unwritable(void **state)
{
    char taken[TEMPORARY_PATH_BYTES], path[TEMPORARY_PATH_BYTES];
    struct trainer_log log = {.path = ""};
    int before = dup(STDERR_FILENO);

    temporary_path(*state, "taken", taken);
    temporary_path(*state, "taken/log.txt", path);
    ok(file_write(taken, "a file", 6));
    assert_int_equal(trainer_log_begin(&log, path), STATUS_IO);
    assert_non_null(strstr(status_message(), taken));
    ok(trainer_log_begin(&log, taken));
    trainer_log_end(&log);
    temporary_path(*state, "", path); /* a folder is no file */
    assert_int_equal(trainer_log_begin(&log, path), STATUS_IO);
    assert_non_null(strstr(status_message(), "cannot write '"));
    assert_string_equal(log.path, "");
    assert_int_equal(dup(STDERR_FILENO), before + 1); /* no file left open */
    close(before + 1);
    close(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nested, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_bounded, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_bounded_over_starts, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_unwritable, open_folder, close_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
