/* One CIFAR binary file: fixed-length records of one or two label bytes and 3072 planar RGB bytes.
 * Private to src/data. */
#ifndef DATA_CIFAR_H
#define DATA_CIFAR_H

#include "data/dataset.h"

enum { CIFAR_SIDE = 32, CIFAR_IMAGE_BYTES = 3 * CIFAR_SIDE * CIFAR_SIDE };
enum { CIFAR_MAX_FILES = 6, CIFAR_MAX_LABELS = 2 };

struct cifar_format {
    const char *name;
    int n_labels;                       /* label bytes of a record; the last one is the class */
    int label_limits[CIFAR_MAX_LABELS]; /* each label byte is below its limit */
    int n_files;                        /* the last one is the test table */
    const char *files[CIFAR_MAX_FILES];
    const char *names_file; /* one class name a line */
};

const struct cifar_format *cifar_format(enum dataset_kind kind);
int64_t cifar_record_bytes(const struct cifar_format *format);

/* Appends the records of a file to the table (whose arrays are heap memory) and to the hash. */
CHECKED enum status cifar_read(const struct cifar_format *format, const char *path,
                               struct image_table *table, struct hash *hash);

#endif
