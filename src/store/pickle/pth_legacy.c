/* PyTorch's files from before version 1.6: five pickles in a row (magic number, protocol, system,
 * the object, the storages' keys), then each storage as a count and its elements. */
#include "store/pickle/state_dict.h"

#include <stdlib.h>
#include <string.h>

struct record { /* one storage: first from the pickle, then where it lies */
    const char *key;
    const struct element *element;
    int64_t n;
    const unsigned char *bytes; /* NULL until the file has told */
};

struct legacy {
    struct storage_source source; /* first: locate gets a pointer to it */
    const unsigned char *bytes;
    int64_t n, position;
    struct record *records; /* sorted by key; in the arena */
    int64_t n_records;
};

static int compare_records(const void *a, const void *b)
{
    return strcmp(((const struct record *)a)->key, ((const struct record *)b)->key);
}

static struct record *find_record(const struct legacy *legacy, const char *key)
{
    struct record wanted = {.key = key};

    if (legacy->n_records == 0)
        return NULL;
    return bsearch(&wanted, legacy->records, (size_t)legacy->n_records, sizeof wanted,
                   compare_records);
}

static enum status locate(struct storage_source *source, const struct pickle_storage *storage,
                          const unsigned char **out)
{
    const struct legacy *legacy = (const struct legacy *)source;
    const struct record *record = find_record(legacy, storage->key);

    if (record == NULL || record->bytes == NULL)
        return fail(STATUS_BAD_DATA, "storage '%s' is missing", storage->key);
    if (record->n != storage->n || record->element != storage->element)
        return fail(STATUS_BAD_DATA, "storage '%s' has two descriptions", storage->key);
    *out = record->bytes;
    return STATUS_OK;
}

static enum status next_pickle(struct legacy *legacy, struct arena *arena, const char *what,
                               struct pickle *out)
{
    enum status status =
        pickle_read(arena, legacy->bytes + legacy->position, legacy->n - legacy->position, out);

    if (status != STATUS_OK)
        return fail_context(status, "%s", what);
    legacy->position += out->n_bytes;
    return STATUS_OK;
}

/* 0x1950a86a20f9469cfc6c, as LONG1's bytes or as protocol 0's digits */
static bool is_magic(const struct pickle_value *value)
{
    static const char bytes[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    static const char digits[] = "119547037146038801333356";

    if (value->kind != PICKLE_LONG)
        return false;
    return (value->text.n == sizeof bytes - 1 &&
            memcmp(value->text.data, bytes, sizeof bytes - 1) == 0) ||
           strcmp(value->text.data, digits) == 0;
}

static enum status read_preamble(struct legacy *legacy, struct arena *arena)
{
    enum status status = STATUS_OK;
    struct pickle pickle = {0};

    status = next_pickle(legacy, arena, "magic number", &pickle);
    if (status == STATUS_OUT_OF_MEMORY)
        return status;
    if (status != STATUS_OK || !is_magic(pickle.root))
        return fail(STATUS_BAD_DATA, "does not begin as PyTorch's files do: it may be cut off, or "
                                     "a pickle that torch.save did not write");
    TRY(next_pickle(legacy, arena, "protocol version", &pickle));
    if (pickle.root->kind != PICKLE_INTEGER || pickle.root->integer != 1001)
        TRY(fail(STATUS_BAD_DATA, "has another PyTorch protocol than 1001"));
    TRY(next_pickle(legacy, arena, "system description", &pickle));
    const struct pickle_value *is_little = pickle_get(pickle.root, "little_endian");
    if (is_little == NULL || is_little->kind != PICKLE_BOOL)
        TRY(fail(STATUS_BAD_DATA, "does not say its byte order"));
    if (is_little->integer == 0)
        TRY(fail(STATUS_BAD_DATA, "is big-endian, but only little-endian files can be read"));
done:
    return status;
}

/* Sorts what the pickle says of its storages, one record per key. */
static enum status collect_records(struct legacy *legacy, struct arena *arena,
                                   const struct pickle *pickle)
{
    enum status status = STATUS_OK;
    int64_t n = 0, n_kept = 0;

    TRY_ALLOC(legacy->records, ARENA_ARRAY(arena, pickle->n_storages, struct record));
    for (const struct pickle_storage *at = pickle->storages; at != NULL; at = at->next)
        legacy->records[n++] = (struct record){.key = at->key, .element = at->element, .n = at->n};
    qsort(legacy->records, (size_t)n, sizeof *legacy->records, compare_records);
    for (int64_t i = 0; i < n; i++)
        if (n_kept == 0 || strcmp(legacy->records[n_kept - 1].key, legacy->records[i].key) != 0)
            legacy->records[n_kept++] = legacy->records[i];
    legacy->n_records = n_kept;
done:
    return status;
}

static enum status read_record(struct legacy *legacy, const struct pickle_value *key)
{
    struct record *record = key->kind == PICKLE_TEXT ? find_record(legacy, key->text.data) : NULL;
    int64_t n = 0, bytes = 0;

    if (record == NULL)
        return fail(STATUS_BAD_DATA, "lists a storage that nothing uses");
    if (legacy->n - legacy->position < (int64_t)sizeof n)
        return fail(STATUS_BAD_DATA, "is cut off before storage '%s'", record->key);
    memcpy(&n, legacy->bytes + legacy->position, sizeof n);
    legacy->position += (int64_t)sizeof n;
    if (n != record->n)
        return fail(STATUS_BAD_DATA, "storage '%s' has %lld elements, but the pickle says %lld",
                    record->key, (long long)n, (long long)record->n);
    if (__builtin_mul_overflow(n, record->element->bytes, &bytes) ||
        bytes > legacy->n - legacy->position)
        return fail(STATUS_BAD_DATA, "is cut off: storage '%s' needs %lld %s, %lld bytes are left",
                    record->key, (long long)n, record->element->name,
                    (long long)(legacy->n - legacy->position));
    record->bytes = legacy->bytes + legacy->position;
    legacy->position += bytes;
    return STATUS_OK;
}

enum status pth_legacy_parse(const void *bytes, int64_t n, struct weights *weights)
{
    enum status status = STATUS_OK;
    struct legacy legacy = {.source = {.locate = locate, .file_bytes = n}, .bytes = bytes, .n = n};
    struct arena *arena = NULL;
    struct pickle object = {0}, keys = {0};

    weights->format = "pytorch-legacy";
    TRY(arena_create(&arena));
    TRY(read_preamble(&legacy, arena));
    TRY(next_pickle(&legacy, arena, "state dict", &object));
    TRY(next_pickle(&legacy, arena, "storage keys", &keys));
    TRY(collect_records(&legacy, arena, &object));
    if (keys.root->kind != PICKLE_LIST)
        TRY(fail(STATUS_BAD_DATA, "has no list of storages"));
    for (int64_t i = 0; i < keys.root->items.n; i++)
        TRY(read_record(&legacy, keys.root->items.values[i]));
    TRY(state_dict_load(object.root, &legacy.source, weights));
done:
    arena_destroy(arena);
    return status;
}
