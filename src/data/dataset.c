/* A data set from its folder: the tables of images, the class names, and one hash of the content.
 */
#include "data/cifar.h"
#include "data/image_files.h"

#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [DATASET_CIFAR10] = "cifar10", [DATASET_CIFAR100] = "cifar100", [DATASET_IMAGES] = "images"};

enum status dataset_kind_find(const char *name, enum dataset_kind *out)
{
    for (int kind = DATASET_CIFAR10; kind <= DATASET_IMAGES; kind++) {
        if (strcmp(kind_names[kind], name) == 0) {
            *out = (enum dataset_kind)kind;
            return STATUS_OK;
        }
    }
    return fail(STATUS_BAD_CONFIG, "unknown data set '%s', expected cifar10, cifar100 or images",
                name);
}

const char *dataset_file(enum dataset_kind kind, int i)
{
    if (kind == DATASET_IMAGES)
        return image_files_name(i);
    const struct cifar_format *format = cifar_format(kind);
    return i >= 0 && i < format->n_files ? format->files[i] : NULL;
}

struct image_shape dataset_shape(enum dataset_kind kind)
{
    if (kind == DATASET_IMAGES)
        return (struct image_shape){0, 0, 0};
    const struct cifar_format *format = cifar_format(kind);
    return (struct image_shape){format->label_limits[format->n_labels - 1], CIFAR_SIDE, CIFAR_SIDE};
}

static enum status read_tables(struct dataset *dataset, const char *folder)
{
    enum status status = STATUS_OK;
    const struct cifar_format *format = cifar_format(dataset->kind);
    struct hash *hash = NULL;
    char counts[64];

    TRY(hash_create(&hash));
    hash_update_text(hash, format->name);
    for (int i = 0; i < format->n_files; i++) {
        bool is_test = i == format->n_files - 1;
        char *path = NULL;
        TRY_ALLOC(path, path_join(dataset->arena, folder, format->files[i]));
        TRY(cifar_read(format, path, is_test ? &dataset->test : &dataset->train, hash));
    }
    /* Records have one length, so the two counts say where the test table began. */
    snprintf(counts, sizeof counts, "%" PRId64 "+%" PRId64, dataset->train.n, dataset->test.n);
    hash_update_text(hash, counts);
    hash_finish(hash, dataset->hash);
done:
    hash_destroy(hash);
    return status;
}

/* Splits the text in place at line ends; empty lines do not count. */
static int64_t split_lines(char *text, const char **lines, int64_t most)
{
    int64_t n = 0;
    char *position = NULL;

    for (char *line = strtok_r(text, "\r\n", &position); line != NULL;
         line = strtok_r(NULL, "\r\n", &position)) {
        if (n < most)
            lines[n] = line;
        n++;
    }
    return n;
}

static enum status read_class_names(struct dataset *dataset, const char *folder)
{
    enum status status = STATUS_OK;
    const struct cifar_format *format = cifar_format(dataset->kind);
    char *content = NULL, *path = NULL, *copy = NULL;
    const char **names = NULL;
    int64_t n_bytes = 0;

    TRY_ALLOC(path, path_join(dataset->arena, folder, format->names_file));
    if (!file_exists(path))
        return STATUS_OK;
    TRY(file_read(path, &content, &n_bytes));
    TRY_ALLOC(copy, arena_strdup(dataset->arena, content));
    TRY_ALLOC(names, ARENA_ARRAY(dataset->arena, dataset->n_classes, const char *));
    int64_t n = split_lines(copy, names, dataset->n_classes);
    if (n != dataset->n_classes)
        TRY(fail(STATUS_BAD_DATA, "'%s' has %lld class names, expected %d", path, (long long)n,
                 dataset->n_classes));
    dataset->class_names = names;
done:
    free(content);
    return status;
}

static enum status read_cifar(struct dataset *dataset, const char *folder)
{
    enum status status = STATUS_OK;
    struct image_shape shape = dataset_shape(dataset->kind);

    dataset->n_classes = shape.n_classes;
    dataset->height = shape.height;
    dataset->width = shape.width;
    dataset->channels = 3;
    TRY(read_tables(dataset, folder));
    TRY(read_class_names(dataset, folder));
done:
    return status;
}

enum status dataset_load(enum dataset_kind kind, const char *folder, struct dataset **out)
{
    enum status status = STATUS_OK;
    struct dataset *dataset = NULL;

    if (!folder_exists(folder))
        return fail(STATUS_IO, "there is no folder '%s' with %s in it", folder, kind_names[kind]);
    TRY_ALLOC(dataset, heap_alloc(1, sizeof *dataset));
    dataset->kind = kind;
    TRY(arena_create(&dataset->arena));
    if (kind == DATASET_IMAGES)
        TRY(image_files_read(dataset, folder));
    else
        TRY(read_cifar(dataset, folder));
    *out = dataset;
    dataset = NULL;
done:
    dataset_destroy(dataset);
    return status;
}

void dataset_destroy(struct dataset *dataset)
{
    if (dataset == NULL)
        return;
    free(dataset->train.images);
    free(dataset->train.labels);
    free(dataset->train.coarse);
    free(dataset->test.images);
    free(dataset->test.labels);
    free(dataset->test.coarse);
    arena_destroy(dataset->arena);
    free(dataset);
}
