/* `prunelora weights inspect`: what it prints, and what it answers to mistakes. */
#include "base/file.h"
#include "cli/cli.h"
#include "store_test.h"

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
    assert_ok(file_read(path[0], &output.out, &n));
    assert_ok(file_read(path[1], &output.err, &n));
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

    assert_ok(weights_save_h5(temporary_path(folder, "w.h5", path), sample, 2));
    assert_ok(hash_file(path, hash));
    manifest.sha256 = hash;
    assert_ok(manifest_save(path, &manifest));
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
    assert_ok(file_write(temporary_path(*state, "bad.pth", bad), "cos\nsystem\n", 11));
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
    char *bare[] = {"weights", NULL}, *other[] = {"weights", "show", "x", NULL};
    char *fileless[] = {"weights", "inspect", NULL}, *help[] = {"weights", "--help", NULL};
    struct output output = run_command(*state, 1, bare);

    assert_int_equal(output.code, 2);
    assert_holds(output.err, "usage: prunelora weights inspect FILE...");
    output_release(&output);
    output = run_command(*state, 3, other);
    assert_int_equal(output.code, 2);
    assert_holds(output.err, "unknown word 'show' after weights");
    output_release(&output);
    output = run_command(*state, 2, fileless);
    assert_int_equal(output.code, 2);
    assert_holds(output.err, "no file to inspect");
    output_release(&output);
    output = run_command(*state, 2, help);
    assert_int_equal(output.code, 0);
    assert_holds(output.out, "example: prunelora weights inspect");
    output_release(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_bad_file_among_good),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
