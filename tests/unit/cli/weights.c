/* `prunelora weights`: what its verbs print, and what they answer to mistakes. */
#include "store/weights/weights.h"
#include "base/file.h"
#include "cli/cli.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static float conv[] = {0, 0, 0, 0, 1, -2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0.5f}; /* rows 0 and 2 zero */
static float running[] = {1, NAN};
static const struct weight_tensor sample[] = {
    {"module.conv.weight", "float32", DTYPE_F32, 4, {4, 1, 2, 2}, conv, NULL},
    {"module.bn.running_mean", "float32", DTYPE_F32, 1, {2}, running, NULL},
};

struct output {
    char *out, *err; /* owned */
    int code;
};

/* Runs the command with its two streams going to files. */
static struct output run_command(const struct temporary_folder *folder, int argc, char **argv)
{
    struct output output = {0};
    char path[2][TEMPORARY_PATH_BYTES];
    int saved[2] = {dup(1), dup(2)};
    int64_t n = 0;

    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        temporary_path(folder, i == 0 ? "out" : "err", path[i]);
        int file = open(path[i], O_WRONLY | O_CREAT | O_TRUNC, 0666);
        assert_true(file >= 0 && dup2(file, i + 1) >= 0);
        close(file);
    }
    output.code = cli_weights(argc, argv);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        assert_true(dup2(saved[i], i + 1) >= 0);
        close(saved[i]);
    }
    ok(file_read(path[0], &output.out, &n));
    ok(file_read(path[1], &output.err, &n));
    return output;
}

static void output_release(struct output *output)
{
    free(output->out);
    free(output->err);
}

static void assert_holds(const char *text, const char *fragment)
{
    if (strstr(text, fragment) == NULL)
        fail_msg("\"%s\" is not in:\n%s", fragment, text);
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

static void save_sample(const struct temporary_folder *folder, char *path)
{
    struct manifest manifest = {.arch = "toy",
                                .dataset = "cifar10",
                                .has_normalisation = true,
                                .mean = {0.1, 0.2, 0.3},
                                .std = {0.4, 0.5, 0.6},
                                .seed = 12};
    char hash[HASH_HEX_BYTES];

    ok(weights_save_h5(temporary_path(folder, "w.h5", path), sample, 2));
    ok(hash_file(path, hash));
    manifest.sha256 = hash;
    ok(manifest_save(path, &manifest));
}

static void test_table(void **state)
{
    char path[TEMPORARY_PATH_BYTES];

    save_sample(*state, path);
    char *argv[] = {"weights", "inspect", path, NULL};
    struct output output = run_command(*state, 3, argv);
    assert_int_equal(output.code, 0);
    assert_string_equal(output.err, "");
    assert_holds(output.out, "format      hdf5\n");
    assert_holds(output.out, "prefix      module.\n");
    assert_holds(output.out,
                 "manifest    toy, cifar10, seed 12, mean 0.1 0.2 0.3, std 0.4 0.5 0.6");
    assert_holds(output.out, "parameters  16 (and 2 elements of buffers)");
    assert_holds(output.out, "[4,1,2,2]");
    assert_holds(output.out, "50.0%\n");
    output_release(&output);
}

static double number_of(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key)->valuedouble;
}

static void test_json(void **state)
{
    char path[TEMPORARY_PATH_BYTES];

    save_sample(*state, path);
    char *argv[] = {"weights", "inspect", path, "--json", NULL};
    struct output output = run_command(*state, 4, argv);
    assert_int_equal(output.code, 0);
    cJSON *files = cJSON_Parse(output.out);
    assert_int_equal(cJSON_GetArraySize(files), 1);
    const cJSON *file = cJSON_GetArrayItem(files, 0);
    const cJSON *tensors = cJSON_GetObjectItem(file, "tensors");
    const cJSON *first = cJSON_GetArrayItem(tensors, 0), *second = cJSON_GetArrayItem(tensors, 1);
    assert_int_equal(cJSON_GetArraySize(tensors), 2);
    assert_true(number_of(file, "parameters") == 16 && number_of(first, "elements") == 16);
    assert_true(number_of(first, "min") == -2 && number_of(first, "max") == 4);
    assert_true(number_of(first, "mean") == 6.5 / 16);
    assert_true(number_of(first, "L2") == sqrt(1 + 4 + 9 + 16 + 0.25));
    assert_true(number_of(first, "zero_rows") == 0.5);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(second, "L2"))); /* it holds a NaN */
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(second, "zero_rows")));
    assert_string_equal(
        cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(file, "manifest"), "arch")),
        "toy");
    cJSON_Delete(files);
    output_release(&output);
}

/* A file that cannot be read is named, the others are still shown, the exit code tells. */
static void test_bad_file_among_good(void **state)
{
    char path[TEMPORARY_PATH_BYTES], bad[TEMPORARY_PATH_BYTES];

    save_sample(*state, path);
    ok(file_write(temporary_path(*state, "bad.pth", bad), "cos\nsystem\n", 11));
    char *argv[] = {"weights", "inspect", bad, path, NULL};
    struct output output = run_command(*state, 4, argv);
    assert_int_equal(output.code, 2);
    assert_holds(output.err, "bad.pth': is none of the formats known");
    assert_holds(output.out, "parameters  16");
    output_release(&output);
    char *missing[] = {"weights", "inspect", "/no/such/file", NULL};
    output = run_command(*state, 3, missing);
    assert_int_equal(output.code, 3);
    assert_holds(output.err, "cannot open '/no/such/file'");
    output_release(&output);
}

static void test_usage(void **state)
{
    static const struct {
        const char *words[3]; /* after "weights" */
        int code;
        const char *out, *err;
    } cases[] = {
        {{NULL}, 2, "", "a verb is missing after weights, want inspect, convert, merge or diff"},
        {{"shew", "x"}, 2, "", "unknown verb 'shew' after weights, want inspect, convert"},
        {{"marge", "x"}, 2, "", "unknown verb 'marge' after weights, did you mean 'merge'?"},
        {{"inspect"}, 2, "", "usage: prunelora weights inspect FILE..."},
        {{"--help"}, 0, "example: prunelora weights inspect", ""},
        {{"inspect", "--help"}, 0, "example: prunelora weights inspect", ""},
        {{"convert", "w.h5"}, 2, "", "--out is missing: usage: prunelora weights convert"},
        {{"merge", "w.h5"}, 2, "", "--out is missing: usage: prunelora weights merge"},
        {{"diff", "w.h5"}, 2, "", "usage: prunelora weights diff A B"},
        {{"diff", "a", "b"}, 3, "", "cannot open 'a'"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *argv[] = {"weights", (char *)cases[i].words[0], (char *)cases[i].words[1],
                        (char *)cases[i].words[2], NULL};
        int argc = 1;
        while (argv[argc] != NULL)
            argc++;
        struct output output = run_command(*state, argc, argv);
        assert_int_equal(output.code, cases[i].code);
        assert_holds(output.out, cases[i].out);
        assert_holds(output.err, cases[i].err);
        output_release(&output);
    }
}

/* The manifest follows the weights, and vouches for the new file. */
static void test_convert_and_diff(void **state)
{
    char path[TEMPORARY_PATH_BYTES], out[TEMPORARY_PATH_BYTES];
    struct arena *arena = NULL;
    struct weights *weights = NULL;
    struct manifest manifest;
    bool is_present = false;

    save_sample(*state, path);
    temporary_path(*state, "w.safetensors", out);
    char *convert[] = {"weights", "convert", path, "--out", out, "--bare", NULL};
    struct output output = run_command(*state, 6, convert);
    assert_int_equal(output.code, 0);
    output_release(&output);
    ok(arena_create(&arena));
    ok(weights_load(out, &weights));
    assert_string_equal(weights->tensors[0].name, "conv.weight");
    ok(manifest_load(out, weights->hash, arena, &manifest, &is_present));
    assert_true(is_present && manifest.seed == 12 && manifest.std[2] == 0.6);
    weights_destroy(weights);
    arena_destroy(arena);
    output = run_command(*state, 6, convert); /* again */
    assert_int_equal(output.code, 2);
    assert_holds(output.err, "w.safetensors' is there already: choose another name, or write over");
    output_release(&output);
    char *forced[] = {"weights", "convert", path, "--out", out, "--bare", "--force", NULL};
    output = run_command(*state, 7, forced);
    assert_int_equal(output.code, 0);
    output_release(&output);
    char *diff[] = {"weights", "diff", path, out, NULL};
    output = run_command(*state, 4, diff);
    assert_int_equal(output.code, 0);
    assert_holds(output.out, "2 tensors with the same bits, 0 different, 0 in one file only");
    output_release(&output);
}

static void test_differences(void **state)
{
    static float other[16];
    const struct weight_tensor changed[] = {
        {"conv.weight", "float32", DTYPE_F32, 4, {4, 1, 2, 2}, other, NULL},
        {"more", "float32", DTYPE_F32, 1, {2}, running, NULL}};
    char path[TEMPORARY_PATH_BYTES], second[TEMPORARY_PATH_BYTES];

    memcpy(other, conv, sizeof other);
    other[5] += 0.25f;
    save_sample(*state, path);
    ok(weights_save(temporary_path(*state, "x.pth", second), changed, 2));
    char *diff[] = {"weights", "diff", path, second, "--tolerance", "0.2", NULL};
    struct output output = run_command(*state, 6, diff);
    assert_int_equal(output.code, 1);
    assert_holds(output.out, "conv.weight: 1 of 16 values differ, by up to 0.25 (relative 0.0455)");
    assert_holds(output.out, "bn.running_mean: only in ");
    assert_holds(output.out, "more: only in ");
    assert_holds(output.out, "0 within 0.2, 1 different, 2 in one file only");
    output_release(&output);
    char *wider[] = {"weights", "diff", path, second, "--tolerance", "0.25", NULL};
    output = run_command(*state, 6, wider);
    assert_int_equal(output.code, 1); /* two tensors are still alone */
    assert_holds(output.out, "1 within 0.25, 0 different");
    output_release(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_bad_file_among_good),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_convert_and_diff),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
