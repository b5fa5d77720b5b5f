/* From a folder of pictures to a data set. */
#ifndef DATA_IMPORT_H
#define DATA_IMPORT_H

#include "data/dataset.h"

#include <stdbool.h>

struct import_settings {
    int64_t size;      /* of the square pictures, pixels */
    bool skips_broken; /* else the first broken picture, in order of names, ends the import */
    int n_threads;
    void *context;
    void (*progress)(void *context, int64_t done, int64_t n); /* may be NULL; from the caller's
                                                                 thread, some times a second */
};

struct import_result {
    struct arena *arena;     /* owned */
    struct dataset *dataset; /* owned */
    const char **broken;     /* one message per picture left out, with its path */
    int64_t n_broken;
};

/* Reads root/train/<class>/ and root/test/<class>/, classes and pictures in the order of their
 * names: the same data set whatever the number of threads. BAD_DATA names the picture and what is
 * wrong with it, or the class none of whose pictures is left. */
CHECKED enum status import_pictures(const char *root, const struct import_settings *settings,
                                    struct import_result *out);
/* Writes what was imported to a folder that dataset_load reads as DATASET_IMAGES; created. */
CHECKED enum status import_write(const struct import_result *result, const char *folder,
                                 const char *source);
void import_release(struct import_result *result);

#endif
