/* Weights in HDF5: one uncompressed data set per tensor at the root, in the model's order. */
#include "store/element.h"
#include "store/hdf5_file.h"
#include "store/pickle/state_dict.h"

#include <string.h>

static const char format_name[] = "prunelora-weights";
static const char stored_dtype_attribute[] = "stored_dtype";
enum { FORMAT_VERSION = 1 };

static hid_t native_type(enum dtype dtype)
{
    return dtype == DTYPE_F64   ? H5T_NATIVE_DOUBLE
           : dtype == DTYPE_F32 ? H5T_NATIVE_FLOAT
           : dtype == DTYPE_U8  ? H5T_NATIVE_UINT8
           : dtype == DTYPE_I32 ? H5T_NATIVE_INT32
                                : H5T_NATIVE_INT64;
}

static hid_t stored_type(enum dtype dtype)
{
    return dtype == DTYPE_F64   ? H5T_IEEE_F64LE
           : dtype == DTYPE_F32 ? H5T_IEEE_F32LE
           : dtype == DTYPE_U8  ? H5T_STD_U8LE
           : dtype == DTYPE_I32 ? H5T_STD_I32LE
                                : H5T_STD_I64LE;
}

static enum status make_space(const struct weight_tensor *tensor, hid_t *out)
{
    enum status status = STATUS_OK;
    hsize_t dims[WEIGHTS_MAX_DIMS] = {0};

    for (int i = 0; i < tensor->n_dims; i++)
        dims[i] = (hsize_t)tensor->shape[i];
    if (tensor->n_dims == 0)
        TRY(hdf5_check(*out = H5Screate(H5S_SCALAR)));
    else
        TRY(hdf5_check(*out = H5Screate_simple(tensor->n_dims, dims, NULL)));
done:
    return status;
}

/* float16, bool and the like are widened, as they are in memory; what they were is kept beside
 * them, so that they leave in the type they came in. */
static enum status put_stored_dtype(hid_t dataset, const struct weight_tensor *tensor)
{
    const struct element *element = element_of(tensor->stored_dtype, tensor->dtype);

    if (element == element_of(NULL, tensor->dtype))
        return STATUS_OK;
    return hdf5_put_text(dataset, stored_dtype_attribute, element->name);
}

static enum status put_tensor(hid_t file, const struct weight_tensor *tensor)
{
    enum status status = STATUS_OK;
    hid_t space = H5I_INVALID_HID, dataset = H5I_INVALID_HID;

    if (strchr(tensor->name, '/') != NULL || tensor->name[0] == '\0' ||
        strcmp(tensor->name, ".") == 0)
        TRY(fail(STATUS_BAD_DATA, "HDF5 cannot hold a tensor of this name"));
    TRY(make_space(tensor, &space));
    TRY(hdf5_check(dataset = H5Dcreate2(file, tensor->name, stored_type(tensor->dtype), space,
                                        H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)));
    if (weight_elements(tensor) > 0)
        TRY(hdf5_check(H5Dwrite(dataset, native_type(tensor->dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                tensor->values)));
    TRY(put_stored_dtype(dataset, tensor));
done:
    hdf5_close(dataset);
    hdf5_close(space);
    return status != STATUS_OK ? fail_context(status, "tensor '%s'", tensor->name) : STATUS_OK;
}

static enum status put_tensors(hid_t file, const struct weight_tensor *tensors, int64_t n)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < n && status == STATUS_OK; i++)
        status = put_tensor(file, &tensors[i]);
    return status;
}

enum status weights_save_h5(const char *path, const struct weight_tensor *tensors, int64_t n)
{
    hid_t file = H5I_INVALID_HID;
    enum status status = hdf5_compose(format_name, FORMAT_VERSION, &file);

    return status == STATUS_OK ? hdf5_finish(file, put_tensors(file, tensors, n), path) : status;
}

static const char *stored_name(H5T_class_t class, size_t bytes, bool is_signed)
{
    if (class == H5T_FLOAT)
        return bytes == 2 ? "float16" : bytes == 4 ? "float32" : "float64";
    if (is_signed)
        return bytes == 1 ? "int8" : bytes == 2 ? "int16" : bytes == 4 ? "int32" : "int64";
    return bytes == 1 ? "uint8" : bytes == 2 ? "uint16" : bytes == 4 ? "uint32" : "uint64";
}

static enum status read_type(hid_t dataset, struct weight_tensor *tensor)
{
    enum status status = STATUS_OK;
    hid_t type = H5I_INVALID_HID;

    TRY(hdf5_check(type = H5Dget_type(dataset)));
    H5T_class_t class = H5Tget_class(type);
    size_t bytes = H5Tget_size(type);
    bool is_known = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
    if ((class != H5T_FLOAT && class != H5T_INTEGER) || !is_known)
        TRY(fail(STATUS_BAD_DATA, "holds neither floating-point numbers nor integers"));
    tensor->stored_dtype = stored_name(class, bytes, H5Tget_sign(type) == H5T_SGN_2);
    tensor->dtype = class == H5T_INTEGER ? DTYPE_I64 : bytes == 8 ? DTYPE_F64 : DTYPE_F32;
done:
    hdf5_close(type);
    return status;
}

static enum status get_stored_dtype(hid_t dataset, struct arena *arena,
                                    struct weight_tensor *tensor)
{
    enum status status = STATUS_OK;
    const char *name = NULL;
    htri_t is_there = H5Aexists(dataset, stored_dtype_attribute);

    TRY(hdf5_check(is_there));
    if (is_there <= 0)
        return STATUS_OK;
    TRY(hdf5_get_text(dataset, stored_dtype_attribute, arena, &name));
    const struct element *element = element_by_name(name);
    if (element == NULL || element->dtype != tensor->dtype)
        TRY(fail(STATUS_BAD_DATA,
                 "says that it was stored as '%.20s', which does not fit its numbers", name));
    tensor->stored_dtype = element->name;
done:
    return status;
}

static enum status get_tensor(hid_t file, struct arena *arena, struct weight_tensor *tensor)
{
    enum status status = STATUS_OK;
    hid_t dataset = H5I_INVALID_HID;
    int64_t n = 0;

    TRY(hdf5_check(dataset = H5Oopen(file, tensor->name, H5P_DEFAULT)));
    if (H5Iget_type(dataset) != H5I_DATASET)
        TRY(fail(STATUS_BAD_DATA, "is not a data set; expected one per tensor at the root"));
    TRY(read_type(dataset, tensor));
    TRY(get_stored_dtype(dataset, arena, tensor));
    TRY(hdf5_shape(dataset, &tensor->n_dims, tensor->shape, &n));
    TRY_ALLOC(tensor->values, arena_alloc(arena, n, dtype_bytes(tensor->dtype)));
    if (n > 0)
        TRY(hdf5_check(H5Dread(dataset, native_type(tensor->dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                               tensor->values)));
done:
    hdf5_close(dataset);
    return status != STATUS_OK ? fail_context(status, "'%s'", tensor->name) : STATUS_OK;
}

/* By creation where the file kept that order, by name where it did not. */
static enum status find_order(hid_t file, H5_index_t *out)
{
    enum status status = STATUS_OK;
    unsigned order = 0;
    hid_t root = H5I_INVALID_HID, creation = H5I_INVALID_HID;

    TRY(hdf5_check(root = H5Gopen2(file, "/", H5P_DEFAULT)));
    TRY(hdf5_check(creation = H5Gget_create_plist(root)));
    TRY(hdf5_check(H5Pget_link_creation_order(creation, &order)));
    *out = (order & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
done:
    hdf5_close(creation);
    hdf5_close(root);
    return status;
}

struct root_links {
    struct arena *arena;
    struct weight_tensor *tensors;
    int64_t n, capacity;
    enum status status;
};

static herr_t note_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    struct root_links *links = context;

    (void)group;
    if (info->type != H5L_TYPE_HARD)
        links->status = fail(STATUS_BAD_DATA, "'%s' is a link to somewhere else; refused", name);
    else if (links->n < links->capacity &&
             (links->tensors[links->n].name = arena_strdup(links->arena, name)) == NULL)
        links->status = STATUS_OUT_OF_MEMORY;
    links->n++;
    return links->status == STATUS_OK ? 0 : 1;
}

enum status weights_h5_parse(const void *bytes, int64_t n, struct weights *weights)
{
    enum status status = STATUS_OK;
    hid_t file = H5I_INVALID_HID;
    H5G_info_t info;
    H5_index_t order = H5_INDEX_NAME;
    struct root_links links = {.arena = weights->arena};

    weights->format = "hdf5";
    TRY(hdf5_open_image(bytes, n, &file));
    TRY(hdf5_check(H5Gget_info(file, &info)));
    if (info.nlinks > (hsize_t)n)
        TRY(fail(STATUS_BAD_DATA, "claims more tensors than it has bytes"));
    links.capacity = (int64_t)info.nlinks;
    TRY_ALLOC(links.tensors, ARENA_ARRAY(weights->arena, links.capacity, struct weight_tensor));
    TRY(find_order(file, &order));
    TRY(hdf5_check(H5Literate(file, order, H5_ITER_INC, NULL, note_link, &links)));
    TRY(links.status);
    if (links.n == 0 || links.n != links.capacity)
        TRY(fail(STATUS_BAD_DATA, "holds no tensors at its root"));
    for (int64_t i = 0; i < links.n; i++)
        TRY(get_tensor(file, weights->arena, &links.tensors[i]));
    weights->tensors = links.tensors;
    weights->n = links.n;
done:
    hdf5_close(file);
    return status;
}
