/* The distance to retraining in the table: mean of the runs' gaps beside the gap of the means. */
#include "report/report.h"

#include "store/results/results.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <math.h>

enum { N_ROWS = 5 };

/* Two seeds of lora that miss UA by −0.2 and +0.2: their gaps are 0.05 each, that of the means 0.
 * A third is not done and has no gap. */
static void write_results(const char *path)
{
    static const char *const ids[] = {"r0", "r1", "a0", "a1", "a2"};
    static const char *const names[] = {"0-retrain", "1-retrain", "2-lora", "3-lora", "4-lora"};
    static const char *const states[] = {"done", "done", "done", "done", "running"};
    static const char *const methods[] = {"retrain", "retrain", "lora", "lora", "lora"};
    static const char *const references[] = {"", "", "r0", "r1", "r1"};
    static const int64_t seeds[] = {0, 1, 0, 1, 1};
    static const double ua[] = {0.6, 0.5, 0.4, 0.7, NAN}, ra[] = {0.9, 0.8, 0.9, 0.8, NAN};
    static const double gap[] = {NAN, NAN, 0.05, 0.05, NAN}, tow[] = {NAN, NAN, 0.8, 0.8, NAN};
    static const double js[] = {NAN, NAN, 0.25, 0.5, NAN};
    static const struct result_column columns[] = {
        {.name = "id", .kind = COLUMN_TEXT, .texts = ids},
        {.name = "name", .kind = COLUMN_TEXT, .texts = names},
        {.name = "state", .kind = COLUMN_TEXT, .texts = states},
        {.name = "unlearn.method", .kind = COLUMN_TEXT, .texts = methods},
        {.name = "seed", .kind = COLUMN_INTEGER, .integers = seeds},
        {.name = "UA", .kind = COLUMN_FLOAT, .floats = ua},
        {.name = "RA", .kind = COLUMN_FLOAT, .floats = ra},
        {.name = "TA", .kind = COLUMN_FLOAT, .floats = ra},
        {.name = "MIA", .kind = COLUMN_FLOAT, .floats = ra},
        {.name = "average_gap", .kind = COLUMN_FLOAT, .floats = gap},
        {.name = "ToW", .kind = COLUMN_FLOAT, .floats = tow},
        {.name = "JS", .kind = COLUMN_FLOAT, .floats = js},
        {.name = "reference", .kind = COLUMN_TEXT, .texts = references},
    };
    const struct results results = {
        .n_rows = N_ROWS, .n_columns = sizeof columns / sizeof *columns, .columns = columns};

    ok(results_write(path, &results));
}

static void expect_report(const struct temporary_folder *folder, bool has_runs, const char *wanted)
{
    const struct report_settings settings = {.format = REPORT_TABLE, .has_runs = has_runs};
    struct text text = {0};

    ok(report_compose(folder->path, &settings, &text));
    assert_string_equal(text_value(&text), wanted);
    text_release(&text);
}

static void test_gaps(void **state)
{
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES];

    (void)state;
    temporary_folder_open(&folder);
    write_results(temporary_path(&folder, "results.h5", path));
    expect_report(&folder, false,
                  "5 runs: 4 done, 0 failed, 1 not finished\n"
                  "UA RA TA MIA in percent, mean ± standard deviation over the n finished runs\n"
                  "gap (percent), ToW, JS: to retraining with the same split and seed\n"
                  "\n"
                  "unlearn.method  n             UA            RA            TA           MIA      "
                  "    gap  gap of means            ToW             JS\n"
                  "retrain         2   55.00 ± 7.07  85.00 ± 7.07  85.00 ± 7.07  85.00 ± 7.07      "
                  "      –             –              –              –\n"
                  "lora            2  55.00 ± 21.21  85.00 ± 7.07  85.00 ± 7.07  85.00 ± 7.07  "
                  "5.00 ± 0.00          0.00  0.800 ± 0.000  0.375 ± 0.177\n");
    expect_report(
        &folder, true,
        "5 runs: 4 done, 0 failed, 1 not finished\n"
        "UA RA TA MIA in percent\n"
        "gap (percent), ToW, JS: to retraining with the same split and seed\n"
        "\n"
        "run        state    unlearn.method  seed     UA     RA     TA    MIA   gap    ToW     JS\n"
        "0-retrain  done     retrain            0  60.00  90.00  90.00  90.00     –      –      –\n"
        "1-retrain  done     retrain            1  50.00  80.00  80.00  80.00     –      –      –\n"
        "2-lora     done     lora               0  40.00  90.00  90.00  90.00  5.00  0.800  0.250\n"
        "3-lora     done     lora               1  70.00  80.00  80.00  80.00  5.00  0.800  0.500\n"
        "4-lora     running  lora               1      –      –      –      –     –      –      "
        "–\n");
    temporary_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gaps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
