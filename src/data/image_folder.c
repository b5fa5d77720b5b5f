/* Listing a folder of pictures, in an order that no file system decides. */
#include "data/image_folder.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct sorted_names { /* of a folder, sorted */
    char **items;
    int64_t n, capacity;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_release(struct sorted_names *names)
{
    for (int64_t i = 0; i < names->n; i++)
        free(names->items[i]);
    free(names->items);
}

static enum status add_name(struct sorted_names *names, const char *name)
{
    enum status status = STATUS_OK;

    TRY(heap_grow(&names->items, &names->capacity, names->n + 1, sizeof *names->items));
    names->items[names->n] = strdup(name);
    if (names->items[names->n] == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory listing a folder"));
    names->n++;
done:
    return status;
}

static enum status list(const char *folder, struct sorted_names *out)
{
    enum status status = STATUS_OK;
    struct sorted_names names = {0};
    DIR *directory = opendir(folder);

    if (directory == NULL)
        return fail(STATUS_IO, "cannot read folder '%s': %s", folder, strerror(errno));
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        if (entry->d_name[0] != '.')
            TRY(add_name(&names, entry->d_name));
    if (names.n > 0)
        qsort(names.items, (size_t)names.n, sizeof *names.items, compare_names);
    *out = names;
    names = (struct sorted_names){0}; /* handed over */
done:
    closedir(directory);
    names_release(&names);
    return status;
}

static bool ends_with_any_case(const char *name, const char *end)
{
    size_t n = strlen(name), n_end = strlen(end);

    return n > n_end && strcasecmp(name + n - n_end, end) == 0;
}

static bool has_picture_name(const char *name)
{
    return ends_with_any_case(name, ".jpg") || ends_with_any_case(name, ".jpeg") ||
           ends_with_any_case(name, ".png");
}

struct listing {
    struct arena *arena;
    struct image_folder *folder;
    int64_t capacity;
    struct image_entry *entries; /* heap while it grows */
};

static enum status add_class(struct listing *listing, const char *path, int32_t label, bool is_test)
{
    enum status status = STATUS_OK;
    struct image_folder *folder = listing->folder;
    struct sorted_names names = {0};

    TRY(list(path, &names));
    if (names.n == 0)
        TRY(fail(STATUS_BAD_DATA, "class folder '%s' has no pictures: add some or remove it",
                 path));
    TRY(heap_grow(&listing->entries, &listing->capacity, folder->n + names.n,
                  sizeof *listing->entries));
    for (int64_t i = 0; i < names.n; i++) {
        struct image_entry *entry = &listing->entries[folder->n];
        *entry = (struct image_entry){.label = label, .is_test = is_test};
        TRY_ALLOC(entry->path, path_join(listing->arena, path, names.items[i]));
        entry->is_picture = has_picture_name(names.items[i]) && !folder_exists(entry->path);
        folder->n++;
    }
done:
    names_release(&names);
    return status;
}

/* Class names are lines of a file and columns of a table. */
static enum status check_class(const char *parent, const char *name, const char *path)
{
    if (!folder_exists(path))
        return fail(STATUS_BAD_DATA, "'%s' is not a folder; expected %s/<class>/<picture>", path,
                    parent);
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            return fail(STATUS_BAD_DATA,
                        "a class folder in '%s' has control characters in its name", parent);
    return STATUS_OK;
}

static enum status add_table(struct listing *listing, const char *parent, bool is_test)
{
    enum status status = STATUS_OK;
    struct image_folder *folder = listing->folder;

    for (int64_t k = 0; k < folder->n_classes; k++) {
        const char *path = NULL;
        TRY_ALLOC(path, path_join(listing->arena, parent, folder->classes[k]));
        TRY(check_class(parent, folder->classes[k], path));
        TRY(add_class(listing, path, (int32_t)k, is_test));
    }
done:
    return status;
}

static enum status compare_classes(const struct sorted_names *train,
                                   const struct sorted_names *test, const char *root)
{
    for (int64_t i = 0, j = 0; i < train->n || j < test->n; i++, j++) {
        int order = i == train->n ? 1 : j == test->n ? -1 : strcmp(train->items[i], test->items[j]);
        if (order != 0)
            return fail(STATUS_BAD_DATA, "class '%s' is in '%s/%s' but not in '%s/%s'",
                        order < 0 ? train->items[i] : test->items[j], root,
                        order < 0 ? "train" : "test", root, order < 0 ? "test" : "train");
    }
    if (train->n < 2)
        return fail(STATUS_BAD_DATA, "'%s/train' has %lld class folders, but at least 2 are needed",
                    root, (long long)train->n);
    if (train->n > IMAGE_FOLDER_MAX_CLASSES)
        return fail(STATUS_BAD_DATA,
                    "'%s/train' has %lld class folders, but at most %d are allowed", root,
                    (long long)train->n, IMAGE_FOLDER_MAX_CLASSES);
    return STATUS_OK;
}

static enum status check_parents(const char *root, const char *const parents[2])
{
    for (int i = 0; i < 2; i++)
        if (!folder_exists(parents[i]))
            return fail(STATUS_BAD_DATA,
                        "there is no folder '%s'; expected %s/train/<class>/*.jpg or *.png and "
                        "%s/test/<class>/ likewise",
                        parents[i], root, root);
    return STATUS_OK;
}

static enum status list_classes(struct arena *arena, const char *root, const char *const parents[2],
                                struct image_folder *folder)
{
    enum status status = STATUS_OK;
    struct sorted_names names[2] = {{0}, {0}};

    for (int i = 0; i < 2; i++)
        TRY(list(parents[i], &names[i]));
    TRY(compare_classes(&names[0], &names[1], root));
    folder->n_classes = names[0].n;
    TRY_ALLOC(folder->classes, ARENA_ARRAY(arena, folder->n_classes, const char *));
    for (int64_t k = 0; k < folder->n_classes; k++)
        TRY_ALLOC(folder->classes[k], arena_strdup(arena, names[0].items[k]));
done:
    names_release(&names[0]);
    names_release(&names[1]);
    return status;
}

enum status image_folder_list(struct arena *arena, const char *root, struct image_folder *out)
{
    enum status status = STATUS_OK;
    struct image_folder folder = {0};
    struct listing listing = {.arena = arena, .folder = &folder};
    const char *parents[2] = {NULL, NULL};

    TRY_ALLOC(parents[0], path_join(arena, root, "train"));
    TRY_ALLOC(parents[1], path_join(arena, root, "test"));
    TRY(check_parents(root, parents));
    TRY(list_classes(arena, root, parents, &folder));
    for (int i = 0; i < 2; i++) {
        TRY(add_table(&listing, parents[i], i == 1));
        folder.n_train = i == 0 ? folder.n : folder.n_train;
    }
    TRY_ALLOC(folder.entries, ARENA_ARRAY(arena, folder.n, struct image_entry));
    memcpy(folder.entries, listing.entries, (size_t)folder.n * sizeof *folder.entries);
    *out = folder;
done:
    free(listing.entries);
    return status;
}
