/* Imported pictures on disk. images.json is written last and holds the hash of everything, so a
 * folder with another import's files in it is found out. */
#include "data/image_files.h"

#include "base/file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char format_name[] = "prunelora-images";
enum { FORMAT_VERSION = 1, N_FILES = 3 };
static const char *const file_names[N_FILES] = {"train_images.bin", "test_images.bin",
                                                "images.json"};

const char *image_files_name(int i)
{
    return i >= 0 && i < N_FILES ? file_names[i] : NULL;
}

static int64_t label_bytes(const struct dataset *dataset)
{
    return dataset->n_classes <= 256 ? 1 : 2;
}

static int64_t image_bytes(const struct dataset *dataset)
{
    return (int64_t)dataset->channels * dataset->height * dataset->width;
}

enum status image_files_hash(const struct dataset *dataset, char hex[HASH_HEX_BYTES])
{
    enum status status = STATUS_OK;
    const struct image_table *tables[] = {&dataset->train, &dataset->test};
    struct hash *hash = NULL;
    char heading[128];

    TRY(hash_create(&hash));
    snprintf(heading, sizeof heading, "images %dx%dx%d %d classes %" PRId64 "+%" PRId64,
             dataset->channels, dataset->height, dataset->width, dataset->n_classes,
             dataset->train.n, dataset->test.n);
    hash_update_text(hash, heading);
    for (int t = 0; t < 2; t++)
        for (int64_t i = 0; i < tables[t]->n; i++) {
            const uint8_t label[2] = {(uint8_t)(tables[t]->labels[i] & 0xFF),
                                      (uint8_t)(tables[t]->labels[i] >> 8)};
            hash_update(hash, label, sizeof label);
            hash_update(hash, tables[t]->images + i * image_bytes(dataset),
                        (size_t)image_bytes(dataset));
        }
    hash_finish(hash, hex);
done:
    hash_destroy(hash);
    return status;
}

/* ---- images.json ---- */

static enum status get_integer(const cJSON *root, const char *key, const int64_t limits[2],
                               int64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);

    if (!cJSON_IsNumber(item) || item->valuedouble != floor(item->valuedouble) ||
        !(item->valuedouble >= (double)limits[0] && item->valuedouble <= (double)limits[1]))
        return fail(STATUS_BAD_DATA, "'%s' must be a whole number in [%" PRId64 ", %" PRId64 "]",
                    key, limits[0], limits[1]);
    *out = (int64_t)item->valuedouble;
    return STATUS_OK;
}

static enum status get_classes(const cJSON *root, struct dataset *dataset)
{
    enum status status = STATUS_OK;
    const cJSON *classes = cJSON_GetObjectItemCaseSensitive(root, "classes"), *name = NULL;
    int64_t n = cJSON_IsArray(classes) ? cJSON_GetArraySize(classes) : 0, k = 0;
    const char **names = NULL;

    if (n < 2 || n > 65536)
        return fail(STATUS_BAD_DATA, "'classes' must be an array of 2 to 65536 names");
    TRY_ALLOC(names, ARENA_ARRAY(dataset->arena, n, const char *));
    cJSON_ArrayForEach(name, classes)
    {
        if (!cJSON_IsString(name))
            TRY(fail(STATUS_BAD_DATA, "'classes' must be an array of 2 to 65536 names"));
        TRY_ALLOC(names[k], arena_strdup(dataset->arena, name->valuestring));
        k++;
    }
    dataset->n_classes = (int)n;
    dataset->class_names = names;
done:
    return status;
}

static enum status read_header(const cJSON *root, struct dataset *dataset, const char **sha256)
{
    enum status status = STATUS_OK;
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(root, "format");
    const cJSON *hash = cJSON_GetObjectItemCaseSensitive(root, "sha256");
    const int64_t version_limits[] = {1, FORMAT_VERSION}, counts[] = {1, INT32_MAX};
    const int64_t sides[] = {1, IMAGE_MAX_SIDE};
    int64_t version = 0, height = 0, width = 0;

    if (!cJSON_IsString(format) || strcmp(format->valuestring, format_name) != 0)
        TRY(fail(STATUS_BAD_DATA, "'format' must be \"%s\"", format_name));
    TRY(get_integer(root, "format_version", version_limits, &version));
    TRY(get_integer(root, "height", sides, &height));
    TRY(get_integer(root, "width", sides, &width));
    TRY(get_integer(root, "train", counts, &dataset->train.n));
    TRY(get_integer(root, "test", counts, &dataset->test.n));
    TRY(get_classes(root, dataset));
    if (!cJSON_IsString(hash))
        TRY(fail(STATUS_BAD_DATA, "'sha256' must be text"));
    TRY_ALLOC(*sha256, arena_strdup(dataset->arena, hash->valuestring));
    dataset->height = (int)height;
    dataset->width = (int)width;
    dataset->channels = 3;
done:
    return status;
}

static enum status read_json(struct dataset *dataset, const char *folder, const char **sha256)
{
    enum status status = STATUS_OK;
    char *path = NULL, *text = NULL;
    int64_t n = 0;
    cJSON *root = NULL;

    TRY_ALLOC(path, path_join(dataset->arena, folder, file_names[2]));
    TRY(file_read(path, &text, &n));
    root = cJSON_ParseWithLength(text, (size_t)n);
    status = cJSON_IsObject(root) ? read_header(root, dataset, sha256)
                                  : fail(STATUS_BAD_DATA, "is not a JSON object");
    if (status != STATUS_OK)
        status = fail_context(status, "'%s'", path);
done:
    cJSON_Delete(root);
    free(text);
    return status;
}

enum status image_files_summarise(const char *folder, struct dataset_summary *out)
{
    enum status status = STATUS_OK;
    struct dataset dataset = {.kind = DATASET_IMAGES};
    const char *sha256 = NULL;

    TRY(arena_create(&dataset.arena));
    TRY(read_json(&dataset, folder, &sha256));
    *out = (struct dataset_summary){
        .shape = {dataset.n_classes, dataset.height, dataset.width},
        .n_train = dataset.train.n,
        .n_test = dataset.test.n,
    };
done:
    arena_destroy(dataset.arena);
    return status;
}

/* ---- records ---- */

static enum status take_records(const struct dataset *dataset, const char *path,
                                const uint8_t *records, struct image_table *table)
{
    enum status status = STATUS_OK;
    int64_t n_label = label_bytes(dataset), n_image = image_bytes(dataset);

    TRY_ALLOC(table->images, heap_alloc(table->n, (size_t)n_image));
    TRY_ALLOC(table->labels, heap_alloc(table->n, sizeof *table->labels));
    for (int64_t i = 0; i < table->n; i++) {
        const uint8_t *record = records + i * (n_label + n_image);
        int32_t label = n_label == 1 ? record[0] : record[0] | record[1] << 8;
        if (label >= dataset->n_classes)
            TRY(fail(STATUS_BAD_DATA,
                     "'%s': record %" PRId64 " (byte %" PRId64
                     ") has label %d, expected 0 to %d: damaged; import again",
                     path, i, i * (n_label + n_image), label, dataset->n_classes - 1));
        table->labels[i] = label;
        memcpy(table->images + i * n_image, record + n_label, (size_t)n_image);
    }
done:
    return status;
}

static enum status read_table(const struct dataset *dataset, const char *folder, const char *name,
                              struct image_table *table)
{
    enum status status = STATUS_OK;
    char *path = NULL, *bytes = NULL;
    int64_t n_bytes = 0;

    TRY_ALLOC(path, path_join(dataset->arena, folder, name));
    TRY(file_read(path, &bytes, &n_bytes));
    int64_t wanted = table->n * (label_bytes(dataset) + image_bytes(dataset));
    if (n_bytes != wanted)
        TRY(fail(STATUS_BAD_DATA,
                 "'%s' is %" PRId64 " bytes, '%s' says %" PRId64 " records of %" PRId64
                 " in all: cut off? import again",
                 path, n_bytes, file_names[2], table->n, wanted));
    TRY(take_records(dataset, path, (const uint8_t *)bytes, table));
done:
    free(bytes);
    return status;
}

enum status image_files_read(struct dataset *dataset, const char *folder)
{
    enum status status = STATUS_OK;
    const char *sha256 = "";

    TRY(read_json(dataset, folder, &sha256));
    TRY(read_table(dataset, folder, file_names[0], &dataset->train));
    TRY(read_table(dataset, folder, file_names[1], &dataset->test));
    TRY(image_files_hash(dataset, dataset->hash));
    if (strcmp(dataset->hash, sha256) != 0)
        TRY(fail(STATUS_BAD_DATA,
                 "'%s': the images' sha256 is %.12s…, '%s' says %.12s…: damaged; import again",
                 folder, dataset->hash, file_names[2], sha256));
done:
    return status;
}

/* ---- writing ---- */

static enum status write_table(const struct dataset *dataset, const char *path,
                               const struct image_table *table)
{
    enum status status = STATUS_OK;
    int64_t n_label = label_bytes(dataset), n_image = image_bytes(dataset);
    uint8_t *bytes = heap_alloc(table->n, (size_t)(n_label + n_image));

    if (bytes == NULL)
        return STATUS_OUT_OF_MEMORY;
    for (int64_t i = 0; i < table->n; i++) {
        uint8_t *record = bytes + i * (n_label + n_image);
        record[0] = (uint8_t)(table->labels[i] & 0xFF);
        if (n_label == 2)
            record[1] = (uint8_t)(table->labels[i] >> 8);
        memcpy(record + n_label, table->images + i * n_image, (size_t)n_image);
    }
    TRY(file_write(path, bytes, (size_t)(table->n * (n_label + n_image))));
done:
    free(bytes);
    return status;
}

static bool compose(const struct dataset *dataset, const char *source, const char *hash,
                    cJSON *root)
{
    bool is_complete = cJSON_AddStringToObject(root, "format", format_name) != NULL &&
                       cJSON_AddNumberToObject(root, "format_version", FORMAT_VERSION) != NULL &&
                       cJSON_AddNumberToObject(root, "height", dataset->height) != NULL &&
                       cJSON_AddNumberToObject(root, "width", dataset->width) != NULL &&
                       cJSON_AddNumberToObject(root, "train", (double)dataset->train.n) != NULL &&
                       cJSON_AddNumberToObject(root, "test", (double)dataset->test.n) != NULL &&
                       cJSON_AddStringToObject(root, "sha256", hash) != NULL &&
                       cJSON_AddStringToObject(root, "source", source) != NULL;
    cJSON *classes = cJSON_AddArrayToObject(root, "classes");

    for (int k = 0; k < dataset->n_classes && is_complete; k++)
        is_complete = cJSON_AddItemToArray(classes, cJSON_CreateString(dataset->class_names[k]));
    return is_complete && classes != NULL;
}

static enum status write_json(const struct dataset *dataset, const char *path, const char *source)
{
    enum status status = STATUS_OK;
    char hash[HASH_HEX_BYTES], *text = NULL;
    cJSON *root = cJSON_CreateObject();

    TRY(image_files_hash(dataset, hash));
    if (root != NULL && compose(dataset, source, hash, root))
        text = cJSON_Print(root);
    if (text == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory composing '%s'", path));
    TRY(file_write(path, text, strlen(text)));
done:
    cJSON_free(text);
    cJSON_Delete(root);
    return status;
}

enum status image_files_write(const struct dataset *dataset, const char *folder, const char *source)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    char *paths[N_FILES];

    TRY(arena_create(&arena));
    TRY(folder_create(folder));
    for (int i = 0; i < N_FILES; i++)
        TRY_ALLOC(paths[i], path_join(arena, folder, file_names[i]));
    if (unlink(paths[2]) != 0 && errno != ENOENT)
        TRY(fail(STATUS_IO, "cannot remove '%s': %s", paths[2], strerror(errno)));
    TRY(write_table(dataset, paths[0], &dataset->train));
    TRY(write_table(dataset, paths[1], &dataset->test));
    TRY(write_json(dataset, paths[2], source));
done:
    arena_destroy(arena);
    return status;
}
