/* PyTorch's files since version 1.6: a zip archive of stored entries, <root>/data.pkl and one
 * <root>/data/<key> per storage. libzip reads the archive and checks each entry's CRC. */
#include "store/pickle/state_dict.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

struct archive {
    struct storage_source source; /* first: locate gets a pointer to it */
    zip_t *zip;                   /* owned */
    struct arena *arena;          /* owned: the pickle, and storages in use */
    const char *root;             /* "archive/" */
    unsigned char **entries;      /* [n_entries] contents once read */
    int64_t n_entries;
    int64_t budget; /* bytes that may still be read: entries of a zip can overlap */
};

static enum status open_zip(struct archive *archive, const void *bytes, int64_t n)
{
    zip_error_t error;
    enum status status = STATUS_OK;
    zip_source_t *source = NULL;

    zip_error_init(&error);
    source = zip_source_buffer_create(bytes, (zip_uint64_t)n, 0, &error);
    if (source != NULL)
        archive->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (archive->zip == NULL) {
        status = fail(STATUS_BAD_DATA, "zip archive cannot be opened, it may be cut off: %s",
                      zip_error_strerror(&error));
        zip_source_free(source);
    }
    zip_error_fini(&error);
    return status;
}

static enum status fail_entry(struct archive *archive, const char *name)
{
    return fail(STATUS_BAD_DATA, "zip entry '%s' cannot be read: %s", name,
                zip_error_strerror(zip_get_error(archive->zip)));
}

static enum status read_bytes(struct archive *archive, const zip_stat_t *entry, unsigned char **out)
{
    enum status status = STATUS_OK;
    unsigned char *bytes = NULL;
    zip_int64_t n_read = 0;
    char end = 0;
    zip_file_t *file = zip_fopen_index(archive->zip, entry->index, 0);

    if (file == NULL)
        return fail_entry(archive, entry->name);
    TRY_ALLOC(bytes, arena_alloc(archive->arena, (int64_t)entry->size, 1));
    for (zip_uint64_t at = 0; at < entry->size; at += (zip_uint64_t)n_read) {
        n_read = zip_fread(file, bytes + at, entry->size - at);
        if (n_read <= 0)
            TRY(fail(STATUS_BAD_DATA, "zip entry '%s' cannot be read: %s", entry->name,
                     n_read == 0 ? "it is cut off" : zip_file_strerror(file)));
    }
    if (zip_fread(file, &end, 1) != 0) /* reading the end is what checks the CRC */
        TRY(fail(STATUS_BAD_DATA, "zip entry '%s' is damaged: %s", entry->name,
                 zip_file_strerror(file)));
    *out = bytes;
done:
    zip_fclose(file);
    return status;
}

/* The entry's contents, read once. */
static enum status read_entry(struct archive *archive, zip_int64_t index, unsigned char **out,
                              int64_t *n)
{
    enum status status = STATUS_OK;
    const zip_uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    zip_stat_t entry;

    if (zip_stat_index(archive->zip, (zip_uint64_t)index, 0, &entry) != 0)
        return fail_entry(archive, "?");
    if ((entry.valid & wanted) != wanted || entry.comp_method != ZIP_CM_STORE)
        return fail(STATUS_BAD_DATA,
                    "zip entry '%s' is compressed, but PyTorch stores entries as they are",
                    entry.name);
    if (archive->entries[index] == NULL) {
        if (entry.size > (zip_uint64_t)archive->budget)
            return fail(STATUS_BAD_DATA,
                        "zip entry '%s' claims %llu bytes, more than the file of %lld has left",
                        entry.name, (unsigned long long)entry.size,
                        (long long)archive->source.file_bytes);
        archive->budget -= (int64_t)entry.size;
        TRY(read_bytes(archive, &entry, &archive->entries[index]));
    }
    *out = archive->entries[index];
    *n = (int64_t)entry.size;
done:
    return status;
}

static enum status locate(struct storage_source *source, const struct pickle_storage *storage,
                          const unsigned char **out)
{
    enum status status = STATUS_OK;
    struct archive *archive = (struct archive *)source;
    unsigned char *bytes = NULL;
    char *name = NULL;
    int64_t n = 0;

    TRY_ALLOC(name, arena_format(archive->arena, "%sdata/%s", archive->root, storage->key));
    zip_int64_t index = zip_name_locate(archive->zip, name, 0);
    if (index < 0)
        TRY(fail(STATUS_BAD_DATA, "storage '%s' is missing from the archive", name));
    TRY(read_entry(archive, index, &bytes, &n));
    if (n / storage->element->bytes < storage->n) /* padding behind it would do no harm */
        TRY(fail(STATUS_BAD_DATA, "storage '%s' has %lld bytes, expected %lld %s", name,
                 (long long)n, (long long)storage->n, storage->element->name));
    *out = bytes;
done:
    return status;
}

/* The one folder of the archive, named after the file by some versions of PyTorch. */
static enum status find_root(struct archive *archive, zip_int64_t *data_pkl)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < archive->n_entries; i++) {
        const char *name = zip_get_name(archive->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        const char *slash = name != NULL ? strchr(name, '/') : NULL;
        if (slash == NULL || strcmp(slash + 1, "data.pkl") != 0)
            continue;
        TRY_ALLOC(archive->root,
                  arena_format(archive->arena, "%.*s", (int)(slash + 1 - name), name));
        *data_pkl = i;
        return STATUS_OK;
    }
    status = fail(STATUS_BAD_DATA, "zip archive has no data.pkl, so torch.save did not write it");
done:
    return status;
}

static enum status check_byte_order(struct archive *archive)
{
    enum status status = STATUS_OK;
    unsigned char *bytes = NULL;
    char *name = NULL;
    int64_t n = 0;

    TRY_ALLOC(name, arena_format(archive->arena, "%sbyteorder", archive->root));
    zip_int64_t index = zip_name_locate(archive->zip, name, 0);
    if (index < 0) /* written by PyTorch since 2.1; before that always the machine's */
        return STATUS_OK;
    TRY(read_entry(archive, index, &bytes, &n));
    if (n < 6 || memcmp(bytes, "little", 6) != 0)
        TRY(fail(STATUS_BAD_DATA, "is big-endian, but only little-endian files can be read"));
done:
    return status;
}

enum status pth_zip_parse(const void *bytes, int64_t n, struct weights *weights)
{
    enum status status = STATUS_OK;
    struct archive archive = {.source = {.locate = locate, .file_bytes = n}, .budget = n};
    struct pickle pickle = {0};
    unsigned char *data = NULL;
    zip_int64_t data_pkl = 0;
    int64_t data_bytes = 0;

    weights->format = "pytorch-zip";
    TRY(arena_create(&archive.arena));
    TRY(open_zip(&archive, bytes, n));
    archive.n_entries = zip_get_num_entries(archive.zip, 0);
    TRY_ALLOC(archive.entries, ARENA_ARRAY(archive.arena, archive.n_entries, unsigned char *));
    TRY(find_root(&archive, &data_pkl));
    TRY(check_byte_order(&archive));
    TRY(read_entry(&archive, data_pkl, &data, &data_bytes));
    TRY(pickle_read(archive.arena, data, data_bytes, &pickle));
    TRY(state_dict_load(pickle.root, &archive.source, weights));
done:
    if (archive.zip != NULL)
        zip_discard(archive.zip);
    arena_destroy(archive.arena);
    return status;
}
