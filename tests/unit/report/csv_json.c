/* CSV and JSON byte by byte, and folders that hold no results. */
#include "report/report.h"

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

/* Line `line` of the report. */
static void expect_line(const struct temporary_folder *folder, enum report_format format, int line,
                        const char *wanted)
{
    struct text text = {0};

    ok(report_compose(folder->path, &(struct report_settings){.format = format}, &text));
    char *at = text.data;
    for (int i = 0; i < line; i++) {
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    *strchr(at, '\n') = '\0';
    assert_string_equal(at, wanted);
    text_release(&text);
}

static void test_csv(void **state)
{
    expect_line(*state, REPORT_CSV, 0,
                "id,name,state,attempt,unlearn.method,lora.rank,seed,UA,RA,seconds_train,error,"
                "train.lr,data.augment,train.milestones");
    expect_line(*state, REPORT_CSV, 1,
                "a0,0000-lora,done,1,lora,4,0,0.5,0.9,1.5,,0.001,false,\"[100,150]\"");
    expect_line(*state, REPORT_CSV, 5,
                "a4,\"0004-ft,\"\"x\"\"\",diverged,2,finetune,,1,,,,\"loss is nan, at \"\"step "
                "3\"\"\",0.001,false,\"[100,150]\"");
}

static void test_json(void **state)
{
    expect_line(*state, REPORT_JSON, 0, "[");
    expect_line(*state, REPORT_JSON, 1,
                "{\"id\": \"a0\", \"name\": \"0000-lora\", \"state\": \"done\", \"attempt\": 1, "
                "\"unlearn.method\": \"lora\", \"lora.rank\": 4, \"seed\": 0, \"UA\": 0.5, \"RA\": "
                "0.9, \"seconds_train\": 1.5, \"error\": \"\", \"train.lr\": 0.001, "
                "\"data.augment\": false, \"train.milestones\": [100,150]},");
    expect_line(*state, REPORT_JSON, 5,
                "{\"id\": \"a4\", \"name\": \"0004-ft,\\\"x\\\"\", \"state\": \"diverged\", "
                "\"attempt\": 2, \"unlearn.method\": \"finetune\", \"lora.rank\": null, \"seed\": "
                "1, \"UA\": null, \"RA\": null, \"seconds_train\": null, \"error\": \"loss is "
                "nan, at \\\"step 3\\\"\", \"train.lr\": 0.001, \"data.augment\": false, "
                "\"train.milestones\": [100,150]},");
    expect_line(*state, REPORT_JSON, 7, "]");
}

/* A setting that only some runs have is empty in the others. */
static void test_settings_differ_between_runs(void **state)
{
    const struct temporary_folder *folder = *state;

    sample_write_with_settings(folder->path, "{\"new.one\": null, \"train.lr\": \"a,b\"}");
    expect_line(folder, REPORT_CSV, 1, "a0,0000-lora,done,1,lora,4,0,0.5,0.9,1.5,,,\"a,b\",,");
    sample_write_with_settings(folder->path, "");
    expect_line(folder, REPORT_CSV, 1, "a0,0000-lora,done,1,lora,4,0,0.5,0.9,1.5,,,,");
}

static void expect_failure(const char *folder, enum status wanted, const char *message)
{
    struct text text = {0};

    assert_int_equal(
        report_compose(folder, &(struct report_settings){.format = REPORT_JSON}, &text), wanted);
    if (strstr(status_message(), message) == NULL)
        fail_msg("'%s' is not in '%s'", message, status_message());
    text_release(&text);
}

static void test_no_results(void **state)
{
    const struct temporary_folder *folder = *state;
    char path[TEMPORARY_PATH_BYTES];

    expect_failure(temporary_path(folder, "none", path), STATUS_BAD_CONFIG,
                   "there is no results folder '");
    ok(folder_create(path));
    expect_failure(path, STATUS_BAD_CONFIG, "none' has no results.h5: not a results folder");
}

static void test_damaged(void **state)
{
    const struct temporary_folder *folder = *state;
    char path[TEMPORARY_PATH_BYTES], *bytes = NULL;
    int64_t n = 0;

    sample_write_with_settings(folder->path, "[1, 2]");
    expect_failure(folder->path, STATUS_BAD_DATA, "row 0: its settings are not a JSON object");
    expect_failure(folder->path, STATUS_BAD_DATA, "results.h5'");
    temporary_path(folder, "results.h5", path);
    ok(file_read(path, &bytes, &n));
    ok(file_write(path, bytes, (size_t)n / 2));
    free(bytes);
    expect_failure(folder->path, STATUS_BAD_DATA, "results.h5");
}

static void test_format_names(void **state)
{
    (void)state;
    enum report_format format = REPORT_TABLE;

    ok(report_format_find("json", &format));
    assert_int_equal(format, REPORT_JSON);
    assert_int_equal(report_format_find("xml", &format), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(), "unknown format 'xml', expected table, csv or json");
    assert_int_equal(format, REPORT_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_csv, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_json, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_settings_differ_between_runs, open_folder,
                                        close_folder),
        cmocka_unit_test_setup_teardown(test_no_results, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_damaged, open_folder, close_folder),
        cmocka_unit_test(test_format_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
