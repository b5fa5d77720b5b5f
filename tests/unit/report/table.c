/* The table for people, line by line. */
#include "report/report.h"

#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/report_folder.h"
#include "support/temporary_folder.h"

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

static void expect_report(const struct temporary_folder *folder,
                          const struct report_settings *settings, const char *wanted)
{
    struct text text = {0};

    ok(report_compose(folder->path, settings, &text));
    assert_string_equal(text_value(&text), wanted);
    text_release(&text);
}

/* Means are over finished runs, n counts them; what a method does not read is a dash. */
static void test_groups(void **state)
{
    expect_report(*state, &(struct report_settings){.format = REPORT_TABLE},
                  "6 runs: 4 done, 1 failed, 1 not finished\n"
                  "UA RA TA MIA in percent, mean ± standard deviation over the n finished runs\n"
                  "\n"
                  "unlearn.method  lora.rank  n             UA            RA      train s\n"
                  "lora            4          2  60.00 ± 14.14  90.00 ± 0.00  2.00 ± 0.71\n"
                  "lora            8          1          25.00        100.00         3.00\n"
                  "finetune        –          1          12.50         87.50         4.00\n"
                  "\n"
                  "failed runs:\n"
                  "  0004-ft,\"x\" (diverged, attempt 2): loss is nan, at \"step 3\"\n");
}

static void test_by(void **state)
{
    const char *const by[] = {"seed"};

    expect_report(*state, &(struct report_settings){.format = REPORT_TABLE, .by = by, .n_by = 1},
                  "6 runs: 4 done, 1 failed, 1 not finished\n"
                  "UA RA TA MIA in percent, mean ± standard deviation over the n finished runs\n"
                  "\n"
                  "seed  n             UA            RA      train s\n"
                  "0     3  29.17 ± 19.09  92.50 ± 6.61  2.83 ± 1.26\n"
                  "1     1          70.00         90.00         2.50\n"
                  "\n"
                  "failed runs:\n"
                  "  0004-ft,\"x\" (diverged, attempt 2): loss is nan, at \"step 3\"\n");
}

static void test_runs(void **state)
{
    expect_report(
        *state, &(struct report_settings){.format = REPORT_TABLE, .has_runs = true},
        "6 runs: 4 done, 1 failed, 1 not finished\n"
        "UA RA TA MIA in percent\n"
        "\n"
        "run          state     unlearn.method  lora.rank  seed     UA      RA  train s\n"
        "0000-lora    done      lora            4             0  50.00   90.00     1.50\n"
        "0001-lora    done      lora            4             1  70.00   90.00     2.50\n"
        "0002-lora    done      lora            8             0  25.00  100.00     3.00\n"
        "0003-ft      done      finetune        –             0  12.50   87.50     4.00\n"
        "0004-ft,\"x\"  diverged  finetune        –             1      –       –        –\n"
        "0005-lora    pending   lora            8             1      –       –        –\n"
        "\n"
        "failed runs:\n"
        "  0004-ft,\"x\" (diverged, attempt 2): loss is nan, at \"step 3\"\n");
}

static void test_unknown_key(void **state)
{
    const struct temporary_folder *folder = *state;
    const char *const near[] = {"lora.rnak"}, *const metric[] = {"UA"};
    struct text text = {0};

    assert_int_equal(
        report_compose(folder->path, &(struct report_settings){.by = near, .n_by = 1}, &text),
        STATUS_BAD_CONFIG);
    assert_string_equal(status_message(),
                        "--by: the results have no setting 'lora.rnak'; did you mean 'lora.rank'?");
    assert_int_equal(
        report_compose(folder->path, &(struct report_settings){.by = metric, .n_by = 1}, &text),
        STATUS_BAD_CONFIG);
    assert_non_null(strstr(status_message(), "no setting 'UA'"));
    text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_groups, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_by, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_runs, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_unknown_key, open_folder, close_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
