/* What the journal keeps of a run comes back bit for bit; files that changed are found out. */
#include "store/results/run_summary.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double awkward[] = {0.1 + 0.2, 1.0 / 3, 5e-324, 1.7976931348623157e308,
                                 0.0,       -2.5,    NAN,    INFINITY,
                                 -INFINITY, 1e23,    3,      9007199254740993.0};
enum { N_AWKWARD = (int)(sizeof awkward / sizeof *awkward) };

static bool is_same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

static void comes_back_bit_for_bit(void **unused)
{
    struct arena *arena = NULL;
    struct text text = {0};
    double series[N_AWKWARD];
    struct run_value values[N_AWKWARD];
    char names[N_AWKWARD][8];
    struct run_series history[] = {{"epoch", "1", series, N_AWKWARD},
                                   {"loss", "nats/image", series, 0}};
    struct written_file files[] = {{"run.h5", 123456789012, 0x0badcafe}, {"weights.h5", 0, 0}};
    struct run_summary back, summary = {.run = {.state = "done",
                                                .message = "quoted \"text\"",
                                                .attempt = 3,
                                                .host = "node",
                                                .started = "2026-01-31T12:00:00.123Z",
                                                .device = "cpu, 2 threads",
                                                .numerics = 4,
                                                .n_threads = 2,
                                                .eval_batch_size = 40,
                                                .values = values,
                                                .n_values = N_AWKWARD,
                                                .history = history,
                                                .n_history = 2},
                                        .files = files,
                                        .n_files = 2};

    (void)unused;
    ok(arena_create(&arena));
    for (int i = 0; i < N_AWKWARD; i++) {
        snprintf(names[i], sizeof names[i], "m%d", i);
        series[i] = awkward[i];
        values[i] =
            (struct run_value){names[i], i % 2 ? "s" : "1", i % 3 ? names[i] : "long", awkward[i]};
    }
    ok(run_summary_print(&summary, &text));
    ok(run_summary_parse(text_value(&text), arena, &back));
    assert_string_equal(back.run.state, "done");
    assert_string_equal(back.run.message, "quoted \"text\"");
    assert_string_equal(back.run.host, "node");
    assert_string_equal(back.run.started, summary.run.started);
    assert_string_equal(back.run.device, "cpu, 2 threads");
    assert_int_equal(back.run.attempt, 3);
    assert_int_equal(back.run.numerics, 4);
    assert_int_equal(back.run.n_threads, 2);
    assert_int_equal(back.run.eval_batch_size, 40);
    assert_int_equal(back.run.n_values, N_AWKWARD);
    assert_int_equal(back.run.n_history, 2);
    assert_int_equal(back.run.history[0].n, N_AWKWARD);
    assert_string_equal(back.run.history[1].units, "nats/image");
    for (int i = 0; i < N_AWKWARD; i++) {
        assert_string_equal(back.run.values[i].name, names[i]);
        assert_string_equal(back.run.values[i].units, values[i].units);
        assert_string_equal(back.run.values[i].long_name, values[i].long_name);
        assert_true(is_same(back.run.values[i].value, awkward[i]));
        assert_true(is_same(back.run.history[0].values[i], awkward[i]));
    }
    assert_int_equal(back.n_files, 2);
    assert_string_equal(back.files[0].name, "run.h5");
    assert_true(back.files[0].bytes == 123456789012 && back.files[0].crc == 0x0badcafe);
    assert_int_equal(run_summary_parse("{\"UA\":1}", arena, &back), STATUS_BAD_DATA);
    assert_int_equal(run_summary_parse("{", arena, &back), STATUS_BAD_DATA);
    text_release(&text);
    arena_destroy(arena);
}

static enum written_state state_of(const char *folder, const struct written_file *file,
                                   bool is_quick)
{
    enum written_state state = WRITTEN_INTACT;

    ok(written_file_check(folder, file, is_quick, &state));
    return state;
}

static void changed_files_are_found(void **unused)
{
    struct temporary_folder folder;
    struct arena *arena = NULL;
    struct written_file *files = NULL;
    char path[TEMPORARY_PATH_BYTES];
    static const char *const names[] = {"run.h5", "log.txt", "x.12.tmp", "weights.h5",
                                        "run.h5.damaged"};
    int64_t n = 0;

    (void)unused;
    temporary_folder_open(&folder);
    ok(arena_create(&arena));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        temporary_path(&folder, names[i], path);
        ok(file_write(path, "some content", 12));
    }
    ok(written_files_find(folder.path, arena, &files, &n));
    assert_int_equal(n, 2);
    assert_string_equal(files[0].name, "run.h5");
    assert_string_equal(files[1].name, "weights.h5");
    assert_int_equal(files[0].bytes, 12);
    assert_int_equal(state_of(folder.path, &files[0], false), WRITTEN_INTACT);
    temporary_path(&folder, "run.h5", path);
    ok(file_write(path, "sOme content", 12));
    assert_int_equal(state_of(folder.path, &files[0], true), WRITTEN_INTACT); /* by its size */
    assert_int_equal(state_of(folder.path, &files[0], false), WRITTEN_CHANGED);
    ok(file_write(path, "some", 4));
    assert_int_equal(state_of(folder.path, &files[0], true), WRITTEN_RESIZED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(state_of(folder.path, &files[0], true), WRITTEN_MISSING);
    arena_destroy(arena);
    temporary_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_bit_for_bit),
        cmocka_unit_test(changed_files_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
