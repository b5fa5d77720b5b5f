/* Writing PyTorch's zip format: a pickle that rebuilds an OrderedDict of tensors, and one entry per
 * tensor with its values. The pickle uses only what torch.load(weights_only=True) permits. Values
 * begin at multiples of 64 bytes, as in PyTorch's own files, so that they can be mapped. */
#include "store/weights/weights_save.h"

#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { ALIGNMENT = 64, ENTRY_HEADER = 30, FIELD_HEADER = 4, NAME_BYTES = 64 };
enum { PADDING_FIELD = 0x4246 }; /* "FB": what PyTorch calls it */
enum { FIRST_DAY = 1 << 5 | 1 }; /* 1980-01-01 in MS-DOS's way: the same values, the same file */

struct archive_writer {
    zip_t *zip;           /* owned */
    zip_source_t *target; /* owned: the file in memory */
    int64_t offset;       /* of the next entry */
};

/* ---- the pickle, protocol 2 ---- */

static void put_byte(struct text *pickle, int byte)
{
    const unsigned char one = (unsigned char)byte;
    text_append_bytes(pickle, &one, 1);
}

static void put_little_endian(struct text *pickle, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        put_byte(pickle, (int)(value >> 8 * i & 0xFF));
}

static void put_integer(struct text *pickle, int64_t value)
{
    if (value >= 0 && value <= INT32_MAX) {
        put_byte(pickle, 'J'); /* BININT */
        put_little_endian(pickle, (uint64_t)value, 4);
    } else {
        put_byte(pickle, 0x8A); /* LONG1 */
        put_byte(pickle, 8);
        put_little_endian(pickle, (uint64_t)value, 8);
    }
}

static void put_text(struct text *pickle, const char *text)
{
    put_byte(pickle, 'X'); /* BINUNICODE */
    put_little_endian(pickle, strlen(text), 4);
    text_append_bytes(pickle, text, (int64_t)strlen(text));
}

static void put_empty_dict(struct text *pickle)
{
    text_append(pickle, "ccollections\nOrderedDict\n)R"); /* GLOBAL, EMPTY_TUPLE, REDUCE */
}

static void put_tuple(struct text *pickle, const int64_t *numbers, int n)
{
    put_byte(pickle, '(');
    for (int i = 0; i < n; i++)
        put_integer(pickle, numbers[i]);
    put_byte(pickle, 't');
}

/* _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, backward hooks) */
static void put_tensor(struct text *pickle, const struct weight_tensor *tensor,
                       const struct element *element, int64_t key)
{
    int64_t strides[WEIGHTS_MAX_DIMS], stride = 1;
    char digits[24];

    for (int i = tensor->n_dims - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= tensor->shape[i] > 0 ? tensor->shape[i] : 1;
    }
    snprintf(digits, sizeof digits, "%lld", (long long)key);
    text_append(pickle, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(pickle, "storage");
    text_append(pickle, "ctorch\n%s\n", element->storage_class);
    put_text(pickle, digits);
    put_text(pickle, "cpu");
    put_integer(pickle, weight_elements(tensor));
    text_append(pickle, "tQ"); /* TUPLE, BINPERSID */
    put_integer(pickle, 0);
    put_tuple(pickle, tensor->shape, tensor->n_dims);
    put_tuple(pickle, strides, tensor->n_dims);
    put_byte(pickle, 0x89); /* NEWFALSE */
    put_empty_dict(pickle);
    text_append(pickle, "tR");
}

static enum status compose_pickle(const struct weight_tensor *tensors, int64_t n,
                                  struct text *pickle)
{
    text_append_bytes(pickle, "\x80\x02", 2);
    put_empty_dict(pickle);
    put_byte(pickle, '(');
    for (int64_t i = 0; i < n; i++) {
        put_text(pickle, tensors[i].name);
        put_tensor(pickle, &tensors[i], element_of(tensors[i].stored_dtype, tensors[i].dtype), i);
    }
    text_append(pickle, "u."); /* SETITEMS, STOP */
    return text_finish(pickle);
}

/* ---- the archive ---- */

static enum status zip_failed(struct archive_writer *writer, const char *what)
{
    return fail(STATUS_BAD_DATA, "zip: cannot %s: %s", what,
                zip_error_strerror(zip_get_error(writer->zip)));
}

static enum status open_archive(struct archive_writer *writer)
{
    zip_error_t error;
    enum status status = STATUS_OK;

    zip_error_init(&error);
    writer->target = zip_source_buffer_create(NULL, 0, 0, &error);
    if (writer->target != NULL)
        writer->zip = zip_open_from_source(writer->target, ZIP_TRUNCATE, &error);
    if (writer->zip == NULL)
        status = fail(STATUS_OUT_OF_MEMORY, "zip: cannot begin: %s", zip_error_strerror(&error));
    else
        zip_source_keep(writer->target); /* it outlives the archive: it holds the bytes */
    zip_error_fini(&error);
    return status;
}

/* Stored as is. The bytes stay the caller's until the archive is closed. */
static enum status put_entry(struct archive_writer *writer, const char *name, const void *bytes,
                             int64_t n)
{
    static const zip_uint8_t zeros[ALIGNMENT] = {0};
    char path[NAME_BYTES];
    int64_t start = writer->offset + ENTRY_HEADER + FIELD_HEADER;
    zip_source_t *source = zip_source_buffer(writer->zip, bytes, (zip_uint64_t)n, 0);

    if (source == NULL)
        return zip_failed(writer, "hold an entry");
    start += snprintf(path, sizeof path, "archive/%s", name);
    zip_int64_t index = zip_file_add(writer->zip, path, source, ZIP_FL_ENC_GUESS);
    if (index < 0) {
        zip_source_free(source);
        return zip_failed(writer, "add an entry");
    }
    int64_t n_padding = (ALIGNMENT - start % ALIGNMENT) % ALIGNMENT;
    zip_uint64_t entry = (zip_uint64_t)index;
    if (zip_set_file_compression(writer->zip, entry, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(writer->zip, entry, 0, FIRST_DAY, 0) != 0 ||
        zip_file_extra_field_set(writer->zip, entry, PADDING_FIELD, ZIP_EXTRA_FIELD_NEW, zeros,
                                 (zip_uint16_t)n_padding, ZIP_FL_LOCAL) != 0)
        return zip_failed(writer, "describe an entry");
    writer->offset = start + n_padding + n;
    return STATUS_OK;
}

static enum status put_storages(struct archive_writer *writer, struct arena *arena,
                                const struct weight_tensor *tensors, int64_t n)
{
    enum status status = STATUS_OK;
    struct stored_values values;
    char name[NAME_BYTES];

    for (int64_t i = 0; i < n; i++) {
        TRY(stored_values_of(&tensors[i], arena, &values));
        snprintf(name, sizeof name, "data/%lld", (long long)i);
        TRY(put_entry(writer, name, values.bytes, values.n_bytes));
    }
done:
    return status;
}

/* Ends the archive and writes what it came to. */
static enum status close_archive(struct archive_writer *writer, const char *path)
{
    enum status status = STATUS_OK;
    zip_stat_t info;
    char *bytes = NULL;

    if (zip_close(writer->zip) != 0)
        return zip_failed(writer, "compose the archive");
    writer->zip = NULL;
    zip_stat_init(&info);
    if (zip_source_stat(writer->target, &info) != 0 || (info.valid & ZIP_STAT_SIZE) == 0 ||
        zip_source_open(writer->target) != 0)
        return fail(STATUS_BAD_DATA, "zip: cannot read what was composed");
    TRY_ALLOC(bytes, heap_alloc((int64_t)info.size, 1));
    if (zip_source_read(writer->target, bytes, info.size) != (zip_int64_t)info.size)
        TRY(fail(STATUS_BAD_DATA, "zip: cannot read what was composed"));
    TRY(file_write(path, bytes, info.size));
done:
    zip_source_close(writer->target);
    free(bytes);
    return status;
}

enum status weights_save_pth(const char *path, const struct weight_tensor *tensors, int64_t n)
{
    enum status status = STATUS_OK;
    struct archive_writer writer = {.zip = NULL};
    struct text pickle = {0};
    struct arena *arena = NULL;

    TRY(arena_create(&arena));
    TRY(compose_pickle(tensors, n, &pickle));
    TRY(open_archive(&writer));
    TRY(put_entry(&writer, "data.pkl", text_value(&pickle), pickle.length));
    TRY(put_entry(&writer, "byteorder", "little", 6));
    TRY(put_storages(&writer, arena, tensors, n));
    TRY(put_entry(&writer, "version", "3\n", 2));
    TRY(close_archive(&writer, path));
done:
    if (writer.zip != NULL)
        zip_discard(writer.zip);
    zip_source_free(writer.target);
    text_release(&pickle);
    arena_destroy(arena);
    return status;
}
