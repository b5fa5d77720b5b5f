/* Loading CIFAR folders: what is read, and what every damaged file is called. */
#include "data/dataset.h"

#include "support/cifar_files.h"
#include "support/cmocka.h"
#include "support/outcome.h"

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

static void expect_failure(const struct temporary_folder *folder, enum dataset_kind kind,
                           enum status wanted, const char *message)
{
    struct dataset *dataset = NULL;

    assert_int_equal(dataset_load(kind, folder->path, &dataset), wanted);
    assert_null(dataset);
    assert_non_null(strstr(status_message(), message));
}

static void test_reads_records_in_file_order(void **state)
{
    const struct temporary_folder *folder = *state;
    struct dataset *dataset = NULL;

    write_cifar10(folder, 3);
    ok(dataset_load(DATASET_CIFAR10, folder->path, &dataset));
    assert_int_equal(dataset->train.n, 15);
    assert_int_equal(dataset->test.n, 4);
    assert_int_equal(dataset->n_classes, 10);
    assert_null(dataset->class_names);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(dataset->train.labels[i], (i % 3 + i / 3) % 10);
        for (int p = 0; p < 3072; p++)
            assert_int_equal(dataset->train.images[i * 3072 + p], pixel_of(i / 3, i % 3, p));
    }
    assert_int_equal(dataset->test.labels[3], 8);
    assert_int_equal(dataset->test.images[3 * 3072 + 5], pixel_of(5, 3, 5));
    dataset_destroy(dataset);
    dataset_destroy(NULL);
}

static void load_hash(const struct temporary_folder *folder, char hash[HASH_HEX_BYTES])
{
    struct dataset *dataset = NULL;

    ok(dataset_load(DATASET_CIFAR10, folder->path, &dataset));
    snprintf(hash, HASH_HEX_BYTES, "%s", dataset->hash);
    dataset_destroy(dataset);
}

static void test_hash_follows_content(void **state)
{
    const struct temporary_folder *folder = *state;
    char first[HASH_HEX_BYTES], same[HASH_HEX_BYTES], moved[HASH_HEX_BYTES];

    write_cifar10(folder, 2);
    load_hash(folder, first);
    load_hash(folder, same);
    assert_string_equal(first, same);
    /* the same bytes in the same order, but one image is now a training image */
    uint8_t tail[2 * RECORD10], test[3 * RECORD10];
    for (int i = 0; i < 3; i++) {
        test[i * RECORD10] = (uint8_t)((i + 5) % 10);
        for (int p = 0; p < 3072; p++)
            test[i * RECORD10 + 1 + p] = pixel_of(5, i, p);
    }
    struct dataset *dataset = NULL;
    ok(dataset_load(DATASET_CIFAR10, folder->path, &dataset));
    for (int i = 0; i < 2; i++) {
        tail[i * RECORD10] = (uint8_t)dataset->train.labels[8 + i];
        memcpy(tail + i * RECORD10 + 1, dataset->train.images + (8 + i) * 3072, 3072);
    }
    dataset_destroy(dataset);
    uint8_t longer[3 * RECORD10];
    memcpy(longer, tail, sizeof tail);
    memcpy(longer + sizeof tail, test, RECORD10);
    write_bytes(folder, "data_batch_5.bin", longer, sizeof longer);
    write_bytes(folder, "test_batch.bin", test + RECORD10, 2 * RECORD10);
    load_hash(folder, moved);
    assert_string_not_equal(first, moved);
}

static void test_class_names(void **state)
{
    const struct temporary_folder *folder = *state;
    static const char names[] = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n";
    struct dataset *dataset = NULL;

    write_cifar10(folder, 1);
    write_bytes(folder, "batches.meta.txt", names, sizeof names - 1);
    ok(dataset_load(DATASET_CIFAR10, folder->path, &dataset));
    assert_string_equal(dataset->class_names[0], "a");
    assert_string_equal(dataset->class_names[9], "j");
    dataset_destroy(dataset);
    write_bytes(folder, "batches.meta.txt", names, 6);
    expect_failure(folder, DATASET_CIFAR10, STATUS_BAD_DATA,
                   "batches.meta.txt' has 3 class names, expected 10");
}

static void test_cifar100_fine_label(void **state)
{
    const struct temporary_folder *folder = *state;
    uint8_t records[2 * RECORD100] = {0};
    struct dataset *dataset = NULL;

    records[0] = 19;
    records[1] = 99;
    records[2] = 7;
    records[RECORD100 + 1] = 42;
    write_bytes(folder, "train.bin", records, sizeof records);
    write_bytes(folder, "test.bin", records, RECORD100);
    ok(dataset_load(DATASET_CIFAR100, folder->path, &dataset));
    assert_int_equal(dataset->n_classes, 100);
    assert_int_equal(dataset->train.n, 2);
    assert_int_equal(dataset->train.labels[0], 99);
    assert_int_equal(dataset->train.labels[1], 42);
    assert_int_equal(dataset->train.images[0], 7);
    dataset_destroy(dataset);
    records[RECORD100] = 20;
    write_bytes(folder, "train.bin", records, sizeof records);
    expect_failure(folder, DATASET_CIFAR100, STATUS_BAD_DATA,
                   "train.bin': record 1 (byte 3074) has label 20, expected 0 to 19");
}

static void test_missing(void **state)
{
    const struct temporary_folder *folder = *state;
    char path[TEMPORARY_PATH_BYTES];
    struct dataset *dataset = NULL;

    write_cifar10(folder, 1);
    assert_int_equal(unlink(temporary_path(folder, "data_batch_4.bin", path)), 0);
    expect_failure(folder, DATASET_CIFAR10, STATUS_IO, "data_batch_4.bin': No such file");
    temporary_path(folder, "nowhere", path);
    assert_int_equal(dataset_load(DATASET_CIFAR10, path, &dataset), STATUS_IO);
    assert_non_null(strstr(status_message(), "there is no folder '"));
    assert_non_null(strstr(status_message(), "nowhere' with cifar10 in it"));
}

static void test_truncated(void **state)
{
    const struct temporary_folder *folder = *state;
    uint8_t *bytes = calloc(1, 1234567);

    assert_non_null(bytes);
    write_cifar10(folder, 1);
    write_bytes(folder, "data_batch_2.bin", bytes, 1234567);
    expect_failure(folder, DATASET_CIFAR10, STATUS_BAD_DATA,
                   "data_batch_2.bin' is 1 234 567 bytes, not a multiple of 3073: truncated? "
                   "copy it again");
    write_bytes(folder, "data_batch_2.bin", bytes, 999);
    expect_failure(folder, DATASET_CIFAR10, STATUS_BAD_DATA, "' is 999 bytes, not a multiple");
    write_bytes(folder, "data_batch_2.bin", bytes, 0);
    expect_failure(folder, DATASET_CIFAR10, STATUS_BAD_DATA,
                   "data_batch_2.bin' is empty: copy it again");
    free(bytes);
}

static void test_label_out_of_range(void **state)
{
    const struct temporary_folder *folder = *state;
    uint8_t records[3 * RECORD10] = {0};

    write_cifar10(folder, 1);
    records[2 * RECORD10] = 11;
    write_bytes(folder, "test_batch.bin", records, sizeof records);
    expect_failure(folder, DATASET_CIFAR10, STATUS_BAD_DATA,
                   "test_batch.bin': record 2 (byte 6146) has label 11, expected 0 to 9: not a "
                   "cifar10 binary file, or damaged");
}

static void test_kind_names(void **state)
{
    (void)state;
    enum dataset_kind kind = DATASET_CIFAR10;

    ok(dataset_kind_find("cifar100", &kind));
    assert_int_equal(kind, DATASET_CIFAR100);
    ok(dataset_kind_find("cifar10", &kind));
    assert_int_equal(kind, DATASET_CIFAR10);
    assert_int_equal(dataset_kind_find("mnist", &kind), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(),
                        "unknown data set 'mnist', expected cifar10, cifar100 or images");
    assert_string_equal(dataset_file(DATASET_CIFAR10, 5), "test_batch.bin");
    assert_null(dataset_file(DATASET_CIFAR10, 6));
    ok(dataset_kind_find("images", &kind));
    assert_string_equal(dataset_file(kind, 2), "images.json");
    assert_null(dataset_file(kind, 3));
    assert_int_equal(dataset_shape(DATASET_CIFAR100).n_classes, 100);
    assert_int_equal(dataset_shape(kind).n_classes, 0);
    assert_null(dataset_file(DATASET_CIFAR100, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_records_in_file_order, open_folder,
                                        close_folder),
        cmocka_unit_test_setup_teardown(test_hash_follows_content, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_class_names, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_cifar100_fine_label, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_missing, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_truncated, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_label_out_of_range, open_folder, close_folder),
        cmocka_unit_test(test_kind_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
