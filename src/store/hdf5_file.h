/* HDF5 in memory: files are composed in the core driver and written whole, read whole and opened as
 * an image. So no lock is taken, no half-written file exists, and a checksum at the end of ours is
 * verified before the library looks at a byte. */
#ifndef STORE_HDF5_FILE_H
#define STORE_HDF5_FILE_H

#include "base/arena.h"

#include <hdf5.h>
#include <stdbool.h>

/* Every call of the library goes through here. BAD_DATA with the expression and the library's own
 * words when it returned a negative value; OUT_OF_MEMORY when that was why. */
#define hdf5_check(expression) hdf5_result((int64_t)(expression), #expression)
CHECKED enum status hdf5_result(int64_t result, const char *expression);
/* Closes an identifier of any kind; accepts H5I_INVALID_HID. */
void hdf5_close(hid_t id);

/* An empty file in memory, with creation order kept and the root attributes every file has: format,
 * format_version, program, commit, created, hdf5. Close with hdf5_close. */
CHECKED enum status hdf5_compose(const char *format, int64_t format_version, hid_t *out);
/* The end of composing, and of the file in memory: its image, with its checksum, to `path`,
 * complete or not at all. Where composing had failed nothing is written, and the message names the
 * path. */
CHECKED enum status hdf5_finish(hid_t file, enum status composed, const char *path);

/* Opens an image read-only; the bytes may go afterwards. Refuses cut-off and damaged ones. */
CHECKED enum status hdf5_open_image(const void *bytes, int64_t n, hid_t *out);
/* The same from a file that must be of that format and no newer version than known. The message
 * names the file. */
CHECKED enum status hdf5_open(const char *path, const char *format, int64_t format_version,
                              hid_t *out);
/* Closes what hdf5_open opened; `status` is what became of reading, and its message now names the
 * file. Returns it. */
CHECKED enum status hdf5_finish_reading(hid_t file, enum status status, const char *path);

/* A group that keeps the order in which things were put into it. */
CHECKED enum status hdf5_create_group(hid_t parent, const char *name, hid_t *out);

/* Attributes. Texts are UTF-8 of variable length, so h5py shows str. */
CHECKED enum status hdf5_put_text(hid_t object, const char *name, const char *text);
CHECKED enum status hdf5_put_integer(hid_t object, const char *name, int64_t value);
CHECKED enum status hdf5_put_number(hid_t object, const char *name, double value);
CHECKED enum status hdf5_get_text(hid_t object, const char *name, struct arena *arena,
                                  const char **out);
CHECKED enum status hdf5_get_integer(hid_t object, const char *name, int64_t *out);
CHECKED enum status hdf5_get_number(hid_t object, const char *name, double *out);

/* Data sets of one dimension, or of two when n_columns is given. */
struct hdf5_array {
    const char *name, *units, *long_name;
    hid_t memory_type, file_type;
    const void *values;
    int64_t n;         /* elements, or rows */
    int64_t n_columns; /* 0: one dimension */
    bool is_compressed;
};
CHECKED enum status hdf5_put_array(hid_t group, const struct hdf5_array *array);
/* A new group with n arrays in it. */
CHECKED enum status hdf5_put_arrays(hid_t parent, const char *group_name,
                                    const struct hdf5_array *arrays, int64_t n);
struct hdf5_values {
    void *values; /* in the arena, of the memory type asked for */
    int64_t n, n_columns;
};
/* get_array wants one dimension, get_table two; n is the first, n_columns the second (1). */
CHECKED enum status hdf5_get_array(hid_t group, const char *name, hid_t memory_type,
                                   struct arena *arena, struct hdf5_values *out);
CHECKED enum status hdf5_get_table(hid_t group, const char *name, hid_t memory_type,
                                   struct arena *arena, struct hdf5_values *out);
/* Elements of a data set of n_dims ≤ 8 and its shape; refuses more than the file can hold. */
CHECKED enum status hdf5_shape(hid_t dataset, int *n_dims, int64_t shape[8], int64_t *n);

#endif
