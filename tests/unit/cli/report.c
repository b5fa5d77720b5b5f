/* `prunelora report`: exit codes, and --out that replaces a file or leaves it. */
#include "cli/cli.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/report_folder.h"
#include "support/temporary_folder.h"

#include <stdlib.h>
#include <string.h>

static int open_folder(void **state)
{
    static struct temporary_folder folder;

    temporary_folder_open(&folder);
    sample_write(folder.path);
    *state = &folder;
    return 0;
}

static int close_folder(void **state)
{
    temporary_folder_close(*state);
    return 0;
}

#define RUN(...) run((const char *const[]){"report", __VA_ARGS__, NULL})
static int run(const char *const *arguments)
{
    char *argv[16] = {NULL};
    int argc = 0;

    for (; arguments[argc] != NULL; argc++)
        argv[argc] = strdup(arguments[argc]);
    int code = cli_report(argc, argv);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return code;
}

static void expect_content(const char *path, const char *part)
{
    char *content = NULL;
    int64_t n = 0;

    ok(file_read(path, &content, &n));
    assert_non_null(strstr(content, part));
    free(content);
}

static void test_out(void **state)
{
    const struct temporary_folder *folder = *state;
    char out[TEMPORARY_PATH_BYTES];

    temporary_path(folder, "report.txt", out);
    assert_int_equal(RUN(folder->path, "--out", out), 0);
    expect_content(out, "lora            4          2  60.00 ± 14.14");
    assert_int_equal(RUN(folder->path, "--out", out, "--by", "seed,lora.rank"), 0);
    expect_content(out, "seed  lora.rank  n ");
    assert_int_equal(RUN(folder->path, "--format", "csv", "-o", out), 0);
    expect_content(out, "id,name,state,");
    assert_int_equal(RUN(folder->path, "--by", "nonsense", "-o", out), 2);
    expect_content(out, "id,name,state,"); /* untouched */
    assert_int_equal(temporary_folder_count(folder), 2);
}

static void test_mistakes(void **state)
{
    const struct temporary_folder *folder = *state;
    char path[TEMPORARY_PATH_BYTES];

    assert_int_equal(RUN(folder->path, "--format", "xml"), 2);
    assert_non_null(strstr(status_message(), "unknown format 'xml'"));
    assert_int_equal(RUN(folder->path, "--by", "seed,,lora.rank"), 2);
    assert_non_null(strstr(status_message(), "--by expects settings with commas between"));
    assert_int_equal(RUN(folder->path, "--format", "csv", "--by", "seed"), 2);
    assert_non_null(strstr(status_message(), "--by and --runs shape the table"));
    assert_int_equal(RUN("--runs"), 2);
    assert_int_equal(RUN(temporary_path(folder, "nowhere", path)), 2);
    assert_non_null(strstr(status_message(), "there is no results folder"));
    assert_int_equal(RUN(folder->path, "--out", "/nowhere/at/all/report.txt"), 3);
    assert_non_null(strstr(status_message(), "/nowhere/at/all/report.txt"));
    assert_int_equal(temporary_folder_count(folder), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_out, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_mistakes, open_folder, close_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
