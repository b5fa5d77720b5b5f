/* Small CIFAR folders for tests. */
#include "support/cifar_files.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"

#include <stdlib.h>

void write_bytes(const struct temporary_folder *folder, const char *name, const void *bytes,
                 size_t n)
{
    char path[TEMPORARY_PATH_BYTES];

    ok(file_write(temporary_path(folder, name, path), bytes, n));
}

uint8_t pixel_of(int file, int image, int p)
{
    return (uint8_t)(31 * file + 7 * image + p);
}

void write_cifar10_file(const struct temporary_folder *folder, int file, int n_images)
{
    static const char *const names[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                        "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
    uint8_t *records = calloc((size_t)n_images, RECORD10);

    assert_non_null(records);
    for (int i = 0; i < n_images; i++) {
        records[i * RECORD10] = (uint8_t)((i + file) % 10);
        for (int p = 0; p < RECORD10 - 1; p++)
            records[i * RECORD10 + 1 + p] = pixel_of(file, i, p);
    }
    write_bytes(folder, names[file], records, (size_t)n_images * RECORD10);
    free(records);
}

void write_cifar10(const struct temporary_folder *folder, int n_images)
{
    for (int file = 0; file < 5; file++)
        write_cifar10_file(folder, file, n_images);
    write_cifar10_file(folder, 5, n_images + 1);
}
