/* A results folder with known runs. */
#include "support/report_folder.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <stdio.h>

#define SETTINGS(method, rank, seed)                                                               \
    "{\"unlearn.method\": \"" method "\", \"train.lr\": 1e-3, \"lora.rank\": " rank                \
    ", \"data.augment\": false, \"train.milestones\": [100, 150], \"seed\": " seed "}"

void sample_write(const char *folder)
{
    sample_write_with_settings(folder, SETTINGS("lora", "4", "0"));
}

void sample_write_with_settings(const char *folder, const char *settings_json)
{
    char path[600];
    const char *const names[] = {"0000-lora", "0001-lora",     "0002-lora",
                                 "0003-ft",   "0004-ft,\"x\"", "0005-lora"};
    const char *const ids[] = {"a0", "a1", "a2", "a3", "a4", "a5"};
    const char *const states[] = {"done", "done", "done", "done", "diverged", "pending"};
    const char *const methods[] = {"lora", "lora", "lora", "finetune", "finetune", "lora"};
    const char *const messages[] = {"", "", "", "", "loss is nan, at \"step 3\"", ""};
    const char *const settings[] = {settings_json,
                                    SETTINGS("lora", "4", "1"),
                                    SETTINGS("lora", "8", "0"),
                                    SETTINGS("finetune", "4", "0"),
                                    SETTINGS("finetune", "4", "1"),
                                    SETTINGS("lora", "8", "1")};
    const int64_t attempts[] = {1, 1, 1, 1, 2, 0}, seeds[] = {0, 1, 0, 0, 1, 1};
    const double ranks[] = {4, 4, 8, NAN, NAN, 8};
    const double ua[] = {0.5, 0.7, 0.25, 0.125, NAN, NAN}, ra[] = {0.9, 0.9, 1, 0.875, NAN, NAN};
    const double seconds[] = {1.5, 2.5, 3, 4, INFINITY, NAN};
    const struct result_column columns[] = {
        {"id", "1", "identity", COLUMN_TEXT, .texts = ids},
        {"name", "1", "name", COLUMN_TEXT, .texts = names},
        {"state", "1", "state", COLUMN_TEXT, .texts = states},
        {"attempt", "1", "attempt", COLUMN_INTEGER, .integers = attempts},
        {"unlearn.method", "1", "method", COLUMN_TEXT, .texts = methods},
        {"lora.rank", "1", "rank", COLUMN_FLOAT, .floats = ranks},
        {"seed", "1", "seed", COLUMN_INTEGER, .integers = seeds},
        {"UA", "1", "UA", COLUMN_FLOAT, .floats = ua},
        {"RA", "1", "RA", COLUMN_FLOAT, .floats = ra},
        {"seconds_train", "s", "seconds", COLUMN_FLOAT, .floats = seconds},
        {"error", "1", "message", COLUMN_TEXT, .texts = messages},
        {"settings_json", "1", "settings", COLUMN_TEXT, .texts = settings},
    };
    const struct results results = {
        .n_rows = SAMPLE_ROWS, .n_columns = sizeof columns / sizeof *columns, .columns = columns};

    snprintf(path, sizeof path, "%s/results.h5", folder);
    ok(results_write(path, &results));
}
