/* Attributes, groups, arrays and tables of HDF5 files. */
#include "store/hdf5_file.h"

#include <assert.h>
#include <string.h>

enum {
    CHUNK_ELEMENTS = 16384, /* 128 KiB of float64, far inside HDF5's chunk cache */
    MAX_RATIO = 1032        /* deflate compresses no better than this */
};

enum status hdf5_create_group(hid_t parent, const char *name, hid_t *out)
{
    enum status status = STATUS_OK;
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hid_t creation = H5I_INVALID_HID;

    TRY(hdf5_check(creation = H5Pcreate(H5P_GROUP_CREATE)));
    TRY(hdf5_check(H5Pset_link_creation_order(creation, order)));
    TRY(hdf5_check(H5Pset_attr_creation_order(creation, order)));
    TRY(hdf5_check(*out = H5Gcreate2(parent, name, H5P_DEFAULT, creation, H5P_DEFAULT)));
done:
    hdf5_close(creation);
    return status;
}

static enum status make_text_type(hid_t *out)
{
    enum status status = STATUS_OK;
    hid_t type = H5I_INVALID_HID;

    TRY(hdf5_check(type = H5Tcopy(H5T_C_S1)));
    TRY(hdf5_check(H5Tset_size(type, H5T_VARIABLE)));
    TRY(hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8)));
    *out = type;
    type = H5I_INVALID_HID; /* handed over */
done:
    hdf5_close(type);
    return status;
}

static enum status put_attribute(hid_t object, const char *name, hid_t type, const void *value)
{
    enum status status = STATUS_OK;
    hid_t space = H5I_INVALID_HID, attribute = H5I_INVALID_HID;

    TRY(hdf5_check(space = H5Screate(H5S_SCALAR)));
    TRY(hdf5_check(attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT)));
    TRY(hdf5_check(H5Awrite(attribute, type, value)));
done:
    hdf5_close(attribute);
    hdf5_close(space);
    return status != STATUS_OK ? fail_context(status, "attribute '%s'", name) : STATUS_OK;
}

enum status hdf5_put_text(hid_t object, const char *name, const char *text)
{
    enum status status = STATUS_OK;
    const char *value = text != NULL ? text : "";
    hid_t type = H5I_INVALID_HID;

    TRY(make_text_type(&type));
    TRY(put_attribute(object, name, type, &value));
done:
    hdf5_close(type);
    return status;
}

enum status hdf5_put_integer(hid_t object, const char *name, int64_t value)
{
    return put_attribute(object, name, H5T_NATIVE_INT64, &value);
}

enum status hdf5_put_number(hid_t object, const char *name, double value)
{
    return put_attribute(object, name, H5T_NATIVE_DOUBLE, &value);
}

static enum status open_attribute(hid_t object, const char *name, H5T_class_t class, hid_t *out)
{
    enum status status = STATUS_OK;
    hid_t attribute = H5I_INVALID_HID, type = H5I_INVALID_HID, space = H5I_INVALID_HID;

    if (H5Aexists(object, name) <= 0)
        return fail(STATUS_BAD_DATA, "has no attribute '%s'", name);
    TRY(hdf5_check(attribute = H5Aopen(object, name, H5P_DEFAULT)));
    TRY(hdf5_check(type = H5Aget_type(attribute)));
    TRY(hdf5_check(space = H5Aget_space(attribute)));
    if (H5Tget_class(type) != class || H5Sget_simple_extent_npoints(space) != 1)
        TRY(fail(STATUS_BAD_DATA, "attribute '%s' has another type than expected", name));
    *out = attribute;
    attribute = H5I_INVALID_HID; /* handed over */
done:
    hdf5_close(space);
    hdf5_close(type);
    hdf5_close(attribute);
    return status;
}

enum status hdf5_get_text(hid_t object, const char *name, struct arena *arena, const char **out)
{
    enum status status = STATUS_OK;
    hid_t attribute = H5I_INVALID_HID, stored = H5I_INVALID_HID, type = H5I_INVALID_HID;
    char *value = NULL, *copy = NULL;

    TRY(open_attribute(object, name, H5T_STRING, &attribute));
    TRY(hdf5_check(stored = H5Aget_type(attribute)));
    if (H5Tis_variable_str(stored) <= 0)
        TRY(fail(STATUS_BAD_DATA, "attribute '%s' is not text of variable length", name));
    TRY(make_text_type(&type));
    TRY(hdf5_check(H5Tset_cset(type, H5Tget_cset(stored))));
    TRY(hdf5_check(H5Aread(attribute, type, &value)));
    TRY_ALLOC(copy, arena_strdup(arena, value != NULL ? value : ""));
    *out = copy;
done:
    H5free_memory(value);
    hdf5_close(type);
    hdf5_close(stored);
    hdf5_close(attribute);
    return status;
}

static enum status get_attribute(hid_t object, const char *name, H5T_class_t class,
                                 hid_t memory_type, void *out)
{
    enum status status = STATUS_OK;
    hid_t attribute = H5I_INVALID_HID;

    TRY(open_attribute(object, name, class, &attribute));
    TRY(hdf5_check(H5Aread(attribute, memory_type, out)));
done:
    hdf5_close(attribute);
    return status;
}

enum status hdf5_get_integer(hid_t object, const char *name, int64_t *out)
{
    return get_attribute(object, name, H5T_INTEGER, H5T_NATIVE_INT64, out);
}

enum status hdf5_get_number(hid_t object, const char *name, double *out)
{
    return get_attribute(object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, out);
}

static enum status set_chunks(hid_t creation, int64_t n)
{
    enum status status = STATUS_OK;
    const hsize_t chunk = (hsize_t)(n < CHUNK_ELEMENTS ? n : CHUNK_ELEMENTS);

    TRY(hdf5_check(H5Pset_chunk(creation, 1, &chunk)));
    TRY(hdf5_check(H5Pset_shuffle(creation)));
    TRY(hdf5_check(H5Pset_deflate(creation, 4)));
done:
    return status;
}

enum status hdf5_put_array(hid_t group, const struct hdf5_array *array)
{
    enum status status = STATUS_OK;
    const hsize_t dims[] = {(hsize_t)array->n, (hsize_t)array->n_columns};
    const int n_dims = array->n_columns > 0 ? 2 : 1;
    hid_t space = H5I_INVALID_HID, creation = H5I_INVALID_HID, dataset = H5I_INVALID_HID;

    TRY(hdf5_check(space = H5Screate_simple(n_dims, dims, NULL)));
    TRY(hdf5_check(creation = H5Pcreate(H5P_DATASET_CREATE)));
    assert(!array->is_compressed || n_dims == 1); /* chunks are laid out for one dimension */
    if (array->is_compressed && array->n > 0)
        TRY(set_chunks(creation, array->n));
    TRY(hdf5_check(dataset = H5Dcreate2(group, array->name, array->file_type, space, H5P_DEFAULT,
                                        creation, H5P_DEFAULT)));
    if (array->n > 0)
        TRY(hdf5_check(
            H5Dwrite(dataset, array->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->values)));
    TRY(hdf5_put_text(dataset, "units", array->units));
    TRY(hdf5_put_text(dataset, "long_name", array->long_name));
done:
    hdf5_close(dataset);
    hdf5_close(creation);
    hdf5_close(space);
    return status != STATUS_OK ? fail_context(status, "data set '%s'", array->name) : STATUS_OK;
}

enum status hdf5_put_arrays(hid_t parent, const char *group_name, const struct hdf5_array *arrays,
                            int64_t n)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;

    TRY(hdf5_create_group(parent, group_name, &group));
    for (int64_t i = 0; i < n; i++)
        TRY(hdf5_put_array(group, &arrays[i]));
done:
    hdf5_close(group);
    return status;
}

/* The most elements a data set may claim before memory is asked for. */
static enum status most_elements(hid_t dataset, int64_t *out)
{
    enum status status = STATUS_OK;
    hid_t file = H5I_INVALID_HID, creation = H5I_INVALID_HID;
    hsize_t file_bytes = 0, stored_bytes = H5Dget_storage_size(dataset);
    int n_filters = 0;

    TRY(hdf5_check(file = H5Iget_file_id(dataset)));
    TRY(hdf5_check(H5Fget_filesize(file, &file_bytes)));
    TRY(hdf5_check(creation = H5Dget_create_plist(dataset)));
    TRY(hdf5_check(n_filters = H5Pget_nfilters(creation)));
    if (stored_bytes > file_bytes)
        stored_bytes = file_bytes;
    *out = (int64_t)stored_bytes * (n_filters > 0 ? MAX_RATIO : 1);
done:
    hdf5_close(creation);
    hdf5_close(file);
    return status;
}

enum status hdf5_shape(hid_t dataset, int *n_dims, int64_t shape[8], int64_t *n)
{
    enum status status = STATUS_OK;
    hsize_t dims[8] = {0};
    hid_t space = H5I_INVALID_HID;
    int64_t elements = 1, most = 0;
    bool fits = true;

    TRY(hdf5_check(space = H5Dget_space(dataset)));
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 0 || rank > 8)
        TRY(fail(STATUS_BAD_DATA, "has %d dimensions, expected at most 8", rank));
    TRY(hdf5_check(H5Sget_simple_extent_dims(space, dims, NULL)));
    TRY(most_elements(dataset, &most));
    for (int i = 0; i < rank; i++) {
        fits = fits && dims[i] <= INT64_MAX &&
               !__builtin_mul_overflow(elements, (int64_t)dims[i], &elements);
        shape[i] = (int64_t)dims[i];
    }
    if (!fits || elements > most)
        TRY(fail(STATUS_BAD_DATA, "claims more elements than are stored"));
    *n_dims = rank;
    *n = elements;
done:
    hdf5_close(space);
    return status;
}

struct wanted { /* what a data set is read as */
    const char *name;
    hid_t memory_type;
    int n_dims;
};

static enum status get_values(hid_t group, const struct wanted *wanted, struct arena *arena,
                              struct hdf5_values *out)
{
    enum status status = STATUS_OK;
    hid_t dataset = H5I_INVALID_HID;
    int64_t shape[8] = {0}, elements = 0;
    int n_dims = 0;
    void *made = NULL;

    TRY(hdf5_check(dataset = H5Dopen2(group, wanted->name, H5P_DEFAULT)));
    TRY(hdf5_shape(dataset, &n_dims, shape, &elements));
    if (n_dims != wanted->n_dims)
        TRY(fail(STATUS_BAD_DATA, "has %d dimensions, expected %s", n_dims,
                 wanted->n_dims == 1 ? "one" : "two"));
    TRY_ALLOC(made, arena_alloc(arena, elements, H5Tget_size(wanted->memory_type)));
    if (elements > 0)
        TRY(hdf5_check(H5Dread(dataset, wanted->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, made)));
    *out = (struct hdf5_values){made, shape[0], n_dims == 2 ? shape[1] : 1};
done:
    hdf5_close(dataset);
    return status != STATUS_OK ? fail_context(status, "data set '%s'", wanted->name) : STATUS_OK;
}

enum status hdf5_get_array(hid_t group, const char *name, hid_t memory_type, struct arena *arena,
                           struct hdf5_values *out)
{
    return get_values(group, &(struct wanted){name, memory_type, 1}, arena, out);
}

enum status hdf5_get_table(hid_t group, const char *name, hid_t memory_type, struct arena *arena,
                           struct hdf5_values *out)
{
    return get_values(group, &(struct wanted){name, memory_type, 2}, arena, out);
}
