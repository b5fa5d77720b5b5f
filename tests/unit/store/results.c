/* results.h5 and run.h5: what is written comes back, other programs read it, failures leave the old
 * file. */
#include "store/results/results.h"

#include "base/file.h"
#include "store_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_ROWS = 3, N_HISTORY = 5, N_SAMPLES = 4 };

static const char *const ids[] = {"0a1b", "22", "ffeeddcc"};
static const char *const errors[] = {"", "Größe passt nicht: 3×3", NULL};
static const int64_t attempts[] = {1, 2, INT64_MAX};
static double accuracies[] = {0.5, NAN, 1.0};
static const struct result_column columns[] = {
    {.name = "id", .units = "", .long_name = "hash", .kind = COLUMN_TEXT, .texts = ids},
    {.name = "attempt",
     .units = "1",
     .long_name = "try",
     .kind = COLUMN_INTEGER,
     .integers = attempts},
    {.name = "prune.sparsity", .units = "1", .kind = COLUMN_FLOAT, .floats = accuracies},
    {.name = "UA",
     .units = "1",
     .long_name = "1 − accuracy on D_f",
     .kind = COLUMN_FLOAT,
     .floats = accuracies},
    {.name = "error", .kind = COLUMN_TEXT, .texts = errors},
};
static const int64_t points[] = {0, 1, 1, 2};
static const struct result_link links[] = {{"prune_lora/s=0.5", "runs/0a1b/a1/run.h5"},
                                           {"lora", "runs/22/a2/run.h5"}};
static const int64_t history_run[] = {0, 0, 1, 1, 2};
static double epochs[] = {0, 1, 0, 1, 0}, losses[] = {2.3, 1.1, 2.2, NAN, 2.5};
static const struct run_series series[] = {{"epoch", "1", epochs, N_HISTORY},
                                           {"loss", "nats", losses, N_HISTORY}};
static const char *const names[] = {"sweep", "command"};
static const char *const values[] = {"method: [lora]\n", "prunelora sweep x.yaml"};

static const struct results sample = {.n_rows = N_ROWS,
                                      .n_columns = 5,
                                      .n_points = 4,
                                      .n_links = 2,
                                      .n_attributes = 2,
                                      .columns = columns,
                                      .points = points,
                                      .links = links,
                                      .history = {history_run, series, 2, N_HISTORY},
                                      .attribute_names = names,
                                      .attribute_values = values};

static struct run_value run_values[] = {
    {"UA", "1", "1 − accuracy on D_f", 0.75},
    {"seconds_train", "s", "training", 12.5},
    {"js_to_retrain", "1", "", NAN},
};
static const double sample_loss[] = {0.1, 2.5, 0, 7}, sample_margin[] = {1, -1, 3, -4};
static const int32_t labels[] = {3, 4, 5, 99};
static const uint8_t part[] = {0, 1, 1, 0};
static const int32_t forgotten[] = {1, 2};
static const float probability[] = {0.25F, 0.75F, 0, 0.1F, 0.2F, 0.7F};
static const double profile[] = {0, 0.5, 0.5};
static const int64_t counts[] = {5, 0, 1, 2, 3, 0, 0, 0, 1LL << 40};
static const double class_accuracies[] = {0.75, 0.6, NAN};
static const struct run_file run = {
    .id = "0a1b",
    .name = "prune_lora/s=0.5",
    .state = "done",
    .message = "",
    .attempt = 1,
    .host = "node-7",
    .started = "2026-01-31T12:00:00.123Z",
    .settings_json = "{\"method\":\"prune_lora\"}",
    .values = run_values,
    .n_values = 3,
    .history = (struct run_series *)series,
    .n_history = 2,
    .samples = {{"train", N_SAMPLES, sample_loss, sample_margin, labels, part},
                {"test", 0, sample_loss, sample_margin, labels, part}},
    .n_samples = 2,
    .classes = {{"train", 3, counts, class_accuracies}, {"test", 1, counts, class_accuracies}},
    .n_classes = 2,
    .forget = {2, 3, forgotten, probability, profile}};

static int open_folder(void **state)
{
    static struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES];

    temporary_folder_open(&folder);
    *state = &folder;
    ok(results_write(temporary_path(&folder, "results.h5", path), &sample));
    ok(folder_create(temporary_path(&folder, "runs/0a1b/a1", path)));
    return run_file_write(temporary_path(&folder, "runs/0a1b/a1/run.h5", path), &run) != STATUS_OK;
}

static int close_folder(void **state)
{
    temporary_folder_close(*state);
    return 0;
}

static void same_number(double a, double b)
{
    assert_true(isnan(a) ? isnan(b) : a == b);
}

static void test_results_round_trip(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    struct arena *arena = NULL;
    struct results found = {0};

    ok(arena_create(&arena));
    ok(results_read(temporary_path(*state, "results.h5", path), arena, &found));
    assert_int_equal(found.n_rows, N_ROWS);
    assert_int_equal(found.n_columns, 5);
    for (int c = 0; c < 5; c++) {
        assert_string_equal(found.columns[c].name, columns[c].name);
        assert_int_equal(found.columns[c].kind, columns[c].kind);
        assert_string_equal(found.columns[c].units, columns[c].units ? columns[c].units : "");
    }
    assert_string_equal(found.columns[3].long_name, columns[3].long_name);
    for (int i = 0; i < N_ROWS; i++) {
        assert_string_equal(found.columns[0].texts[i], ids[i]);
        assert_true(found.columns[1].integers[i] == attempts[i]);
        same_number(found.columns[3].floats[i], accuracies[i]);
        assert_string_equal(found.columns[4].texts[i], errors[i] != NULL ? errors[i] : "");
    }
    assert_int_equal(found.n_points, 4);
    assert_memory_equal(found.points, points, sizeof points);
    arena_destroy(arena);
}

static void test_no_rows(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    struct arena *arena = NULL;
    struct results empty = {.n_columns = 5, .columns = columns}, found = {0};

    ok(arena_create(&arena));
    ok(results_write(temporary_path(*state, "empty.h5", path), &empty));
    ok(results_read(path, arena, &found));
    assert_int_equal(found.n_rows, 0);
    assert_int_equal(found.n_columns, 5);
    assert_int_equal(found.n_points, 0);
    arena_destroy(arena);
}

static void test_double_column(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    const struct result_column twice[] = {columns[0], columns[0]};
    const struct results doubled = {.n_rows = N_ROWS, .n_columns = 2, .columns = twice};

    temporary_path(*state, "doubled.h5", path);
    fails(results_write(path, &doubled), STATUS_BAD_DATA,
          "doubled.h5': /runs: column 'id': HDF5: ");
    assert_non_null(strstr(status_message(), "H5Tinsert("));
    assert_false(file_exists(path));
}

static void compare_run(const struct run_file *found, bool with_samples)
{
    assert_string_equal(found->id, run.id);
    assert_string_equal(found->name, run.name);
    assert_string_equal(found->state, run.state);
    assert_string_equal(found->message, run.message);
    assert_int_equal(found->attempt, 1);
    assert_string_equal(found->host, run.host);
    assert_string_equal(found->started, run.started);
    assert_string_equal(found->settings_json, run.settings_json);
    assert_int_equal(found->n_values, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(found->values[i].name, run_values[i].name);
        assert_string_equal(found->values[i].units, run_values[i].units);
        assert_string_equal(found->values[i].long_name, run_values[i].long_name);
        same_number(found->values[i].value, run_values[i].value);
    }
    assert_int_equal(found->n_history, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(found->history[i].name, series[i].name);
        assert_string_equal(found->history[i].units, series[i].units);
        assert_int_equal(found->history[i].n, N_HISTORY);
        for (int k = 0; k < N_HISTORY; k++)
            same_number(found->history[i].values[k], series[i].values[k]);
    }
    assert_int_equal(found->n_samples, with_samples ? 2 : 0);
}

static void test_run_round_trip(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    struct arena *arena = NULL;
    struct run_file found = {0};

    ok(arena_create(&arena));
    ok(run_file_read(temporary_path(*state, "runs/0a1b/a1/run.h5", path), true, arena, &found));
    compare_run(&found, true);
    assert_string_equal(found.samples[0].name, "train");
    assert_int_equal(found.samples[0].n, N_SAMPLES);
    for (int i = 0; i < N_SAMPLES; i++) {
        assert_true(found.samples[0].loss[i] == (float)sample_loss[i]);
        assert_true(found.samples[0].margin[i] == (float)sample_margin[i]);
    }
    assert_memory_equal(found.samples[0].labels, labels, sizeof labels);
    assert_memory_equal(found.samples[0].part, part, sizeof part);
    assert_int_equal(found.samples[1].n, 0);
    ok(run_file_read(path, false, arena, &found));
    compare_run(&found, false);
    arena_destroy(arena);
}

static void test_forget_round_trip(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    struct arena *arena = NULL;
    struct run_forget found = {0};

    ok(arena_create(&arena));
    ok(run_file_read_forget(temporary_path(*state, "runs/0a1b/a1/run.h5", path), arena, &found));
    assert_int_equal(found.n, 2);
    assert_int_equal(found.n_classes, 3);
    assert_memory_equal(found.images, forgotten, sizeof forgotten);
    assert_memory_equal(found.probability, probability, sizeof probability);
    assert_memory_equal(found.profile, profile, sizeof profile);
    arena_destroy(arena);
}

static void test_nothing_forgotten(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    struct arena *arena = NULL;
    struct run_file bare = run, read_back = {0};
    struct run_forget found = {0};

    ok(arena_create(&arena));
    bare.forget = (struct run_forget){0};
    bare.n_classes = 0;
    ok(run_file_write(temporary_path(*state, "bare.h5", path), &bare));
    ok(run_file_read(path, true, arena, &read_back)); /* as older versions wrote it */
    assert_true(run_file_value(&read_back, "UA") == 0.75);
    assert_true(isnan(run_file_value(&read_back, "no such value")));
    fails(run_file_read_forget(path, arena, &found), STATUS_BAD_DATA,
          "bare.h5': has no group 'forget': its run forgot nothing");
    fails(run_file_read_forget("/no/such", arena, &found), STATUS_IO, "cannot open '/no/such'");
    arena_destroy(arena);
}

/* No flipped byte and no cut is read as if nothing had happened. */
static void test_damage(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    char *bytes = NULL;
    int64_t n = 0;
    struct arena *arena = NULL;
    struct run_file found = {0};

    ok(arena_create(&arena));
    ok(file_read(temporary_path(*state, "runs/0a1b/a1/run.h5", path), &bytes, &n));
    temporary_path(*state, "damaged.h5", path);
    for (int64_t i = 8; i < n - 26; i += 1 + n / 40) {
        bytes[i] = (char)(bytes[i] ^ 4);
        ok(file_write(path, bytes, (size_t)n));
        fails(run_file_read(path, true, arena, &found), STATUS_BAD_DATA,
              "damaged.h5': is damaged: its checksum");
        bytes[i] = (char)(bytes[i] ^ 4);
        ok(file_write(path, bytes, (size_t)i));
        fails(run_file_read(path, true, arena, &found), STATUS_BAD_DATA, "damaged.h5': HDF5: ");
    }
    assert_null(found.id);
    free(bytes);
    arena_destroy(arena);
}

static void test_wrong_files(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    struct arena *arena = NULL;
    struct run_file found = {0};
    struct results results = {0};

    ok(arena_create(&arena));
    temporary_path(*state, "results.h5", path);
    fails(run_file_read(path, true, arena, &found), STATUS_BAD_DATA,
          "results.h5': is of format 'prunelora-results', expected 'prunelora-run'");
    ok(weights_save_h5(temporary_path(*state, "w.h5", path), NULL, 0));
    fails(results_read(path, arena, &results), STATUS_BAD_DATA,
          "is of format 'prunelora-weights', expected 'prunelora-results'");
    fails(results_read("/no/such", arena, &results), STATUS_IO, "cannot open '/no/such'");
    ok(file_write(temporary_path(*state, "text.h5", path), "hello", 5));
    fails(results_read(path, arena, &results), STATUS_BAD_DATA, "text.h5': HDF5: ");
    arena_destroy(arena);
}

static void test_unwritable(void **state)
{
    char path[TEMPORARY_PATH_BYTES];

    fails(results_write("/no/such/results.h5", &sample), STATUS_IO, "/no/such/results.h5");
    ok(file_write(temporary_path(*state, "a file", path), "x", 1));
    fails(run_file_write(temporary_path(*state, "a file/run.h5", path), &run), STATUS_IO,
          "a file/run.h5");
}

/* h5py and pandas, and PyTorch's six lines; skipped alone when they are missing. */
static void test_python_reads(void **state)
{
    const struct temporary_folder *folder = *state;
    float weight[] = {1, 2, 3, 4, 5, 6};
    int64_t seen = 7;
    char path[TEMPORARY_PATH_BYTES];
    const struct weight_tensor tensors[] = {
        {"fc.weight", "float32", DTYPE_F32, 2, {2, 3}, weight, NULL},
        {"bn.num_batches_tracked", "int64", DTYPE_I64, 0, {0}, &seen, NULL}};

    ok(weights_save_h5(temporary_path(folder, "weights.h5", path), tensors, 2));
    int code = store_run_python("check_hdf5.py", folder->path);
    if (code == 77)
        skip();
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_round_trip),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_double_column),
        cmocka_unit_test(test_run_round_trip),
        cmocka_unit_test(test_forget_round_trip),
        cmocka_unit_test(test_nothing_forgotten),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_python_reads),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
