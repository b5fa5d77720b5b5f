/* `prunelora data`: exit codes and what it prints. */
#include "cli/cli.h"

#include "base/file.h"
#include "support/cifar_files.h"
#include "support/cmocka.h"
#include "support/outcome.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Runs the command with one of the two streams (1 or 2) in a file, whose content it returns. */
static char *caught(const struct temporary_folder *folder, int stream, const char *const *arguments,
                    int wanted)
{
    char path[TEMPORARY_PATH_BYTES], *argv[16] = {NULL}, *output = NULL;
    int argc = 0;
    int64_t n = 0;

    for (; arguments[argc] != NULL; argc++)
        argv[argc] = strdup(arguments[argc]);
    fflush(NULL);
    int saved = dup(stream);
    int file = open(temporary_path(folder, "output", path), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(saved >= 0 && file >= 0 && dup2(file, stream) == stream);
    int code = cli_data(argc, argv);
    fflush(NULL);
    assert_int_equal(dup2(saved, stream), stream);
    close(saved);
    close(file);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    ok(file_read(path, &output, &n));
    assert_int_equal(code, wanted);
    return output;
}

static void expect_output(const struct temporary_folder *folder, const char *const *arguments,
                          int wanted, const char *const *parts)
{
    char *output = caught(folder, wanted == 0 ? 1 : 2, arguments, wanted);

    for (int i = 0; parts[i] != NULL; i++) {
        if (strstr(output, parts[i]) == NULL)
            fail_msg("'%s' is not in:\n%s", parts[i], output);
    }
    free(output);
}
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_synth_then_verify(void **state)
{
    const struct temporary_folder *folder = *state;
    char out[TEMPORARY_PATH_BYTES];

    temporary_path(folder, "made", out);
    expect_output(folder, TEXTS("data", "synth", "--out", out, "--train", "30", "--test", "20"), 0,
                  TEXTS("30 training and 20 test images, seed 0"));
    expect_output(folder, TEXTS("data", "synth", "--out", out, "--train", "40", "--test", "20"), 2,
                  TEXTS("made' holds a generated data set", "replace it with --force"));
    expect_output(folder, TEXTS("data", "verify", "--dataset", "cifar10", out), 0,
                  TEXTS("data_batch_1.bin            18438 bytes", "upright_disc",
                        "  all                             30       20", "sha256 of the content"));
    expect_output(folder,
                  TEXTS("data", "synth", "--out", out, "--train", "40", "--test", "10", "--force"),
                  0, TEXTS("40 training and 10 test images"));
}

/* Pixels 0, 255 and so on: mean and deviation by hand. */
static void test_verify_moments(void **state)
{
    const struct temporary_folder *folder = *state;
    uint8_t records[RECORD10] = {4};

    memset(records + 1, 255, 512);        /* half of the red plane */
    memset(records + 1 + 1024, 51, 2048); /* green and blue all 0.2 */
    write_cifar10(folder, 1);
    for (int i = 1; i <= 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        write_bytes(folder, name, records, sizeof records);
    }
    expect_output(folder, TEXTS("data", "verify", folder->path), 0,
                  TEXTS("mean of the training pixels  0.5000,0.2000,0.2000",
                        "their standard deviation     0.5000,0.0000,0.0000",
                        "    4  -                           5        0"));
}

static void test_mistakes(void **state)
{
    const struct temporary_folder *folder = *state;

    expect_output(folder, TEXTS("data"), 2,
                  TEXTS("a verb is missing, want synth, import or verify"));
    expect_output(folder, TEXTS("data", "sinth"), 2, TEXTS("unknown verb 'sinth'"));
    expect_output(folder, TEXTS("data", "synth"), 2, TEXTS("--out is missing"));
    expect_output(folder, TEXTS("data", "synth", "--out", "x", "--train", "many"), 2,
                  TEXTS("--train expects a whole number, got 'many'"));
    expect_output(folder, TEXTS("data", "synth", "--out", "x", "--train", "3"), 2,
                  TEXTS("must be in [10, 1000000], got 3"));
    expect_output(folder, TEXTS("data", "synth", "--out", "x", "--seed", "-1"), 2,
                  TEXTS("--seed must be at least 0, got -1"));
    expect_output(folder, TEXTS("data", "verify", "--dataset", "mnist", "x"), 2,
                  TEXTS("unknown data set 'mnist'"));
    expect_output(folder, TEXTS("data", "verify", "/nowhere/at/all"), 3,
                  TEXTS("there is no folder '/nowhere/at/all'"));
    write_cifar10(folder, 2);
    write_bytes(folder, "data_batch_3.bin", "short", 5);
    expect_output(folder, TEXTS("data", "verify", folder->path), 2,
                  TEXTS("data_batch_3.bin' is 5 bytes, not a multiple of 3073"));
    assert_false(folder_exists("x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_synth_then_verify, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_verify_moments, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_mistakes, open_folder, close_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
