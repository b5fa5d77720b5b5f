/* The generated set: CIFAR-10's format, balanced, the same bytes for ever, real sets left alone. */
#include "data/dataset.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/failing_call.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <errno.h>
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
    failing_call_disarm();
    temporary_folder_close(*state);
    return 0;
}

/* Over what an earlier call made. */
static struct dataset *made(const char *folder, int64_t n_train, int64_t n_test, uint64_t seed)
{
    const struct synth_settings settings = {n_train, n_test, seed, true};
    struct dataset *dataset = NULL;

    ok(synth_write(&settings, folder));
    ok(dataset_load(DATASET_CIFAR10, folder, &dataset));
    return dataset;
}

static void check_balance(const struct image_table *table)
{
    int64_t counts[10] = {0};

    for (int64_t i = 0; i < table->n; i++)
        counts[table->labels[i]]++;
    for (int c = 0; c < 10; c++)
        assert_in_range(counts[c], table->n / 10, (table->n + 9) / 10);
}

static void test_format_and_balance(void **state)
{
    const struct temporary_folder *folder = *state;
    char path[TEMPORARY_PATH_BYTES];
    struct dataset *dataset = made(folder->path, 53, 21, 1);

    assert_int_equal(dataset->train.n, 53);
    assert_int_equal(dataset->test.n, 21);
    assert_string_equal(dataset->class_names[0], "upright_disc");
    check_balance(&dataset->train);
    check_balance(&dataset->test);
    assert_int_equal(file_size(temporary_path(folder, "data_batch_1.bin", path)), 10 * 3073);
    assert_int_equal(file_size(temporary_path(folder, "data_batch_5.bin", path)), 11 * 3073);
    dataset_destroy(dataset);
}

/* Pinned: a set made on any machine, by any later version, has this hash. */
static void test_same_bytes_for_ever(void **state)
{
    const struct temporary_folder *folder = *state;
    struct dataset *dataset = made(folder->path, 50, 10, 0);

    assert_string_equal(dataset->hash,
                        "9ea48603ab8a8efd460eb3c04ac3472a7e384aa2bace37515694eb7e9ac88133");
    dataset_destroy(dataset);
}

static void test_seed_matters_and_repeats(void **state)
{
    const struct temporary_folder *folder = *state;
    struct dataset *first = made(folder->path, 20, 10, 5);
    struct dataset *other = made(folder->path, 20, 10, 6);
    struct dataset *again = made(folder->path, 20, 10, 5);

    assert_string_equal(first->hash, again->hash);
    assert_string_not_equal(first->hash, other->hash);
    /* training and test tables share no image */
    for (int i = 0; i < 10; i++)
        assert_memory_not_equal(first->train.images + i * 3072, first->test.images + i * 3072,
                                3072);
    dataset_destroy(first);
    dataset_destroy(other);
    dataset_destroy(again);
}

static void expect_failure(const struct synth_settings *settings, const char *folder,
                           enum status wanted, const char *message)
{
    assert_int_equal(synth_write(settings, folder), wanted);
    assert_non_null(strstr(status_message(), message));
}

static void test_counts_out_of_range(void **state)
{
    const struct temporary_folder *folder = *state;

    expect_failure(&(struct synth_settings){9, 100, 0, false}, folder->path, STATUS_BAD_CONFIG,
                   "the number of training images must be in [10, 1000000], got 9");
    expect_failure(&(struct synth_settings){100, 1000001, 0, false}, folder->path,
                   STATUS_BAD_CONFIG,
                   "the number of test images must be in [10, 1000000], got 1000001");
    expect_failure(&(struct synth_settings){100, -1, 0, false}, folder->path, STATUS_BAD_CONFIG,
                   "got -1");
    assert_int_equal(temporary_folder_count(folder), 0);
}

static void test_foreign_set_is_left_alone(void **state)
{
    const struct temporary_folder *folder = *state;
    const struct synth_settings settings = {20, 10, 0, false};
    char path[TEMPORARY_PATH_BYTES];
    const char *notes[] = {NULL, "my notes"};

    ok(file_write(temporary_path(folder, "data_batch_1.bin", path), "real", 4));
    for (int i = 0; i < 2; i++) {
        if (notes[i] != NULL)
            ok(file_write(temporary_path(folder, "README.txt", path), notes[i], 8));
        expect_failure(&settings, folder->path, STATUS_BAD_CONFIG,
                       "holds a data set that was not generated here: choose another folder");
    }
    assert_int_equal(file_size(temporary_path(folder, "data_batch_1.bin", path)), 4);
    assert_int_equal(temporary_folder_count(folder), 2);
}

static void test_whole_set_is_replaced_only_when_told(void **state)
{
    const struct temporary_folder *folder = *state;
    const struct synth_settings other = {30, 10, 1, false};
    char path[TEMPORARY_PATH_BYTES];
    struct dataset *before = made(folder->path, 20, 10, 0), *after = NULL;

    expect_failure(&other, folder->path, STATUS_BAD_CONFIG,
                   "holds a generated data set: choose another folder, or replace it with --force");
    ok(dataset_load(DATASET_CIFAR10, folder->path, &after));
    assert_string_equal(after->hash, before->hash);
    dataset_destroy(before);
    dataset_destroy(after);
    /* one that was never finished is no set yet */
    assert_int_equal(unlink(temporary_path(folder, "test_batch.bin", path)), 0);
    ok(synth_write(&other, folder->path));
}

static void test_full_disk(void **state)
{
    const struct temporary_folder *folder = *state;
    const struct synth_settings settings = {20, 10, 0, true};
    struct dataset *dataset = made(folder->path, 20, 10, 1);

    dataset_destroy(dataset);
    failing_call_arm(CALL_WRITE, 4, ENOSPC); /* note, names, first batch, second batch */
    expect_failure(&settings, folder->path, STATUS_STORAGE, "data_batch_2.bin': No space left");
    failing_call_disarm();
    /* half of the old set and half of the new are not taken for one */
    assert_int_equal(dataset_load(DATASET_CIFAR10, folder->path, &dataset), STATUS_IO);
    assert_non_null(strstr(status_message(), "test_batch.bin"));
}

static void test_folder_is_a_file(void **state)
{
    const struct temporary_folder *folder = *state;
    const struct synth_settings settings = {20, 10, 0, false};
    char path[TEMPORARY_PATH_BYTES];

    ok(file_write(temporary_path(folder, "file", path), "x", 1));
    expect_failure(&settings, path, STATUS_IO, "a file of that name is there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_format_and_balance, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_same_bytes_for_ever, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_seed_matters_and_repeats, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_counts_out_of_range, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_foreign_set_is_left_alone, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_whole_set_is_replaced_only_when_told, open_folder,
                                        close_folder),
        cmocka_unit_test_setup_teardown(test_full_disk, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_folder_is_a_file, open_folder, close_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
