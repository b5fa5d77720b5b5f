/* The pictures in train/<class>/ and test/<class>/: the list of files to import. Private to
 * src/data. */
#ifndef DATA_IMAGE_FOLDER_H
#define DATA_IMAGE_FOLDER_H

#include "base/arena.h"

#include <stdbool.h>

enum { IMAGE_FOLDER_MAX_CLASSES = 65536 };

struct image_entry {
    const char *path;
    int32_t label;
    bool is_test;
    bool is_picture; /* by its name: .jpg, .jpeg or .png in any case */
};

struct image_folder { /* everything in the arena */
    const char **classes;
    int64_t n_classes;
    struct image_entry *entries; /* train, then test; by class, then by name */
    int64_t n, n_train;
};

/* Names are ordered by their bytes; hidden files are not looked at. IO when a folder cannot be
 * read; BAD_DATA when train/ or test/ is missing, a class is in one of them alone or holds no file,
 * or there are not at least two classes. */
CHECKED enum status image_folder_list(struct arena *arena, const char *root,
                                      struct image_folder *out);

#endif
