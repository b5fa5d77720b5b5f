/* Reading CIFAR binary files of any number of records. Every mistake is named by file, record and
 * byte, because a half-copied batch is the usual one. Format: Krizhevsky, "The CIFAR-10 dataset",
 * binary version. */
#include "data/cifar.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cifar_format formats[] = {
    [DATASET_CIFAR10] = {.name = "cifar10",
                         .n_labels = 1,
                         .label_limits = {10},
                         .n_files = 6,
                         .files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                   "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"},
                         .names_file = "batches.meta.txt"},
    [DATASET_CIFAR100] = {.name = "cifar100",
                          .n_labels = 2,
                          .label_limits = {20, 100},
                          .n_files = 2,
                          .files = {"train.bin", "test.bin"},
                          .names_file = "fine_label_names.txt"},
};

const struct cifar_format *cifar_format(enum dataset_kind kind)
{
    return &formats[kind];
}

int64_t cifar_record_bytes(const struct cifar_format *format)
{
    return format->n_labels + CIFAR_IMAGE_BYTES;
}

/* "1 234 567": file sizes are compared by eye. */
static const char *grouped_digits(int64_t value, char buffer[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)value), used = 0;

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            buffer[used++] = ' ';
        buffer[used++] = digits[i];
    }
    buffer[used] = '\0';
    return buffer;
}

static enum status check_size(const struct cifar_format *format, const char *path, int64_t n_bytes)
{
    char digits[32];
    int64_t record = cifar_record_bytes(format);

    if (n_bytes == 0)
        return fail(STATUS_BAD_DATA, "'%s' is empty: copy it again", path);
    if (n_bytes % record != 0)
        return fail(STATUS_BAD_DATA,
                    "'%s' is %s bytes, not a multiple of %lld: truncated? copy it again", path,
                    grouped_digits(n_bytes, digits), (long long)record);
    return STATUS_OK;
}

static enum status check_labels(const struct cifar_format *format, const char *path,
                                const uint8_t *records, int64_t n)
{
    int64_t record = cifar_record_bytes(format);

    for (int64_t i = 0; i < n; i++) {
        for (int j = 0; j < format->n_labels; j++) {
            int label = records[i * record + j];
            if (label >= format->label_limits[j])
                return fail(STATUS_BAD_DATA,
                            "'%s': record %lld (byte %lld) has label %d, expected 0 to %d: not a "
                            "%s binary file, or damaged",
                            path, (long long)i, (long long)(i * record + j), label,
                            format->label_limits[j] - 1, format->name);
        }
    }
    return STATUS_OK;
}

static enum status append_records(const struct cifar_format *format, const uint8_t *records,
                                  int64_t n, struct image_table *table)
{
    enum status status = STATUS_OK;
    int64_t record = cifar_record_bytes(format);
    int64_t images_capacity = table->n * CIFAR_IMAGE_BYTES, labels_capacity = table->n,
            coarse_capacity = table->n;
    bool has_coarse = format->n_labels > 1;

    TRY(heap_grow(&table->images, &images_capacity, (table->n + n) * CIFAR_IMAGE_BYTES, 1));
    TRY(heap_grow(&table->labels, &labels_capacity, table->n + n, sizeof *table->labels));
    if (has_coarse)
        TRY(heap_grow(&table->coarse, &coarse_capacity, table->n + n, sizeof *table->coarse));
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *from = records + i * record;
        if (has_coarse)
            table->coarse[table->n + i] = from[0];
        table->labels[table->n + i] = from[format->n_labels - 1];
        memcpy(table->images + (table->n + i) * CIFAR_IMAGE_BYTES, from + format->n_labels,
               CIFAR_IMAGE_BYTES);
    }
    table->n += n;
done:
    return status;
}

enum status cifar_read(const struct cifar_format *format, const char *path,
                       struct image_table *table, struct hash *hash)
{
    enum status status = STATUS_OK;
    char *bytes = NULL;
    int64_t n_bytes = 0;

    TRY(file_read(path, &bytes, &n_bytes));
    TRY(check_size(format, path, n_bytes));
    int64_t n = n_bytes / cifar_record_bytes(format);
    TRY(check_labels(format, path, (const uint8_t *)bytes, n));
    TRY(append_records(format, (const uint8_t *)bytes, n, table));
    hash_update(hash, bytes, (size_t)n_bytes);
done:
    free(bytes);
    return status;
}
