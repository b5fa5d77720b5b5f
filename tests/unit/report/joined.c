/* Results of shards as one report: order, fields that only one of them has, runs that two know. */
#include "report/report.h"

#include "base/file.h"
#include "store/results/results.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <math.h>
#include <string.h>

static void write_shard(const struct temporary_folder *folder, const char *name,
                        const struct result_column *columns, int64_t n_columns, int64_t n_rows)
{
    char path[TEMPORARY_PATH_BYTES];
    const struct results results = {.n_rows = n_rows, .n_columns = n_columns, .columns = columns};

    ok(results_write(temporary_path(folder, name, path), &results));
}

#define TEXTS(column, ...)                                                                         \
    {                                                                                              \
        .name = column, .units = "", .long_name = column, .kind = COLUMN_TEXT,                     \
        .texts = (const char *const[])                                                             \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define FLOATS(column, ...)                                                                        \
    {                                                                                              \
        .name = column, .units = "1", .long_name = column, .kind = COLUMN_FLOAT,                   \
        .floats = (const double[])                                                                 \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

/* Run b was dealt to shard 2 after it had begun in shard 1; only shard 2 has a reference. */
static void write_both(const struct temporary_folder *folder)
{
    const struct result_column first[] = {
        TEXTS("id", "aa", "bb", "dd"),
        TEXTS("name", "0000-a", "0001-b", "10000-d"),
        TEXTS("state", "done", "pending", "failed"),
        FLOATS("UA", 0.5, NAN, NAN),
        TEXTS("error", "", "", "why"),
    };
    const struct result_column second[] = {
        TEXTS("id", "cc", "bb"),  TEXTS("name", "0002-c", "0001-b"), TEXTS("state", "done", "done"),
        FLOATS("UA", 0.25, 0.75), FLOATS("average_gap", 0.125, 0.5), TEXTS("error", "", ""),
    };

    write_shard(folder, "results-1-of-3.h5", first, 5, 3);
    write_shard(folder, "results-2-of-3.h5", second, 6, 2);
}

static void shards_are_one_table(void **state)
{
    struct temporary_folder folder;
    struct text csv = {0}, table = {0};

    (void)state;
    temporary_folder_open(&folder);
    write_both(&folder);
    ok(report_compose(folder.path, &(struct report_settings){.format = REPORT_CSV}, &csv));
    assert_string_equal(text_value(&csv), "id,name,state,UA,average_gap,error\n"
                                          "aa,0000-a,done,0.5,,\n"
                                          "bb,0001-b,done,0.75,0.5,\n"
                                          "cc,0002-c,done,0.25,0.125,\n"
                                          "dd,10000-d,failed,,,why\n");
    ok(report_compose(folder.path,
                      &(struct report_settings){.format = REPORT_TABLE, .has_runs = true}, &table));
    assert_non_null(strstr(text_value(&table), "1 shard of the sweep has no results yet\n"));
    text_release(&csv);
    text_release(&table);
    temporary_folder_close(&folder);
}

static void damage_names_the_shard(void **state)
{
    struct temporary_folder folder;
    struct text text = {0};
    char path[TEMPORARY_PATH_BYTES];

    (void)state;
    temporary_folder_open(&folder);
    write_both(&folder);
    ok(file_write(temporary_path(&folder, "results-2-of-3.h5", path), "x", 1));
    assert_int_equal(
        report_compose(folder.path, &(struct report_settings){.format = REPORT_CSV}, &text),
        STATUS_BAD_DATA);
    assert_non_null(strstr(status_message(), "results-2-of-3.h5'"));
    text_release(&text);
    temporary_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_one_table),
        cmocka_unit_test(damage_names_the_shard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
