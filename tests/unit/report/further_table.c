/* The second table: shown when there is something in it, and no wider than a terminal. */
#include "report/report.h"

#include "store/results/results.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <string.h>

#define SETTINGS(seed) "{\"unlearn.method\": \"finetune\", \"seed\": " seed "}"

/* Two runs with the standard columns and the first n of those the second table may have. */
static char *report(const struct temporary_folder *folder, int64_t n, struct text *text)
{
    static const char *const ids[] = {"a", "b"}, *const names[] = {"0000-ft", "0001-ft"};
    static const char *const states[] = {"done", "done"}, *const none[] = {"", ""};
    static const char *const methods[] = {"finetune", "finetune"};
    static const char *const settings[] = {SETTINGS("0"), SETTINGS("1")};
    static const int64_t attempts[] = {1, 1}, seeds[] = {0, 1};
    static const double ones[] = {1, 1}, halves[] = {0.5, 1}, weights[] = {123, 456};
    const struct result_column columns[] = {
        {"id", "1", "", COLUMN_TEXT, .texts = ids},
        {"name", "1", "", COLUMN_TEXT, .texts = names},
        {"state", "1", "", COLUMN_TEXT, .texts = states},
        {"attempt", "1", "", COLUMN_INTEGER, .integers = attempts},
        {"unlearn.method", "1", "", COLUMN_TEXT, .texts = methods},
        {"seed", "1", "", COLUMN_INTEGER, .integers = seeds},
        {"error", "1", "", COLUMN_TEXT, .texts = none},
        {"settings_json", "1", "", COLUMN_TEXT, .texts = settings},
        {"UA", "1", "", COLUMN_FLOAT, .floats = ones},
        {"ECE", "1", "", COLUMN_FLOAT, .floats = ones},
        {"MIA_loss_lr", "1", "", COLUMN_FLOAT, .floats = halves},
        {"MIA_loss_lr_w", "1", "", COLUMN_FLOAT, .floats = weights},
        {"MIA_loss_lr_b", "1", "", COLUMN_FLOAT, .floats = weights},
        {"MIA_confidence_svc", "1", "", COLUMN_FLOAT, .floats = ones},
        {"MIA_entropy_svc", "1", "", COLUMN_FLOAT, .floats = halves},
        {"MIA_class_mia", "1", "", COLUMN_FLOAT, .floats = halves},
        {"confusion_distance", "1", "", COLUMN_FLOAT, .floats = halves},
    };
    const struct results results = {.n_rows = 2, .n_columns = 9 + n, .columns = columns};
    const struct report_settings wanted = {.format = REPORT_TABLE};
    char path[TEMPORARY_PATH_BYTES];

    ok(results_write(temporary_path(folder, "results.h5", path), &results));
    ok(report_compose(folder->path, &wanted, text));
    return strstr(text_value(text), "\nECE");
}

static void test_one_attack(void **state)
{
    struct text text = {0};

    assert_null(report(*state, 4, &text));
    text_release(&text);
}

static void test_attacks(void **state)
{
    struct text text = {0};
    const char *further = report(*state, 5, &text);

    assert_non_null(further);
    assert_string_equal(further,
                        "\nECE and membership attacks in percent\n\n"
                        "unlearn.method  n            ECE        loss_lr  confidence_svc\n"
                        "finetune        2  100.00 ± 0.00  75.00 ± 35.36   100.00 ± 0.00\n");
    text_release(&text);
}

static void test_width(void **state)
{
    struct text text = {0};
    const char *further = report(*state, 8, &text);

    assert_non_null(further);
    assert_string_equal(
        further, "\nECE and membership attacks in percent; confusion: distance to "
                 "retraining\n\n"
                 "unlearn.method  n            ECE      confusion        loss_lr  confidence_svc\n"
                 "finetune        2  100.00 ± 0.00  0.750 ± 0.354  75.00 ± 35.36   100.00 ± 0.00\n"
                 "\n"
                 "unlearn.method    entropy_svc      class_mia\n"
                 "finetune        75.00 ± 35.36  75.00 ± 35.36\n");
    text_release(&text);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_attack),
        cmocka_unit_test(test_attacks),
        cmocka_unit_test(test_width),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
