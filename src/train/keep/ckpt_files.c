/* A folder's entries by their names' kind and number. */
#include "train/keep/ckpt_files.h"
#include "store/results/run_paths.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int newest_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static bool is_of_kind(const char *name, const char *kind, int64_t *number)
{
    size_t length = strlen(kind);
    long long found = 0;
    int end = 0;

    if (strncmp(name, kind, length) != 0 ||
        sscanf(name + length, "-%lld.h5%n", &found, &end) != 1 || end == 0 ||
        name[length + (size_t)end] != '\0')
        return false;
    *number = found;
    return true;
}

struct ckpt_files ckpt_files_list(const char *folder, const char *kind)
{
    struct ckpt_files files = {.n = 0};
    char path[CKPT_PATH_BYTES];

    snprintf(path, sizeof path, "%s/" RUN_CHECKPOINTS_NAME, folder);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return files;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        if (files.n < CKPT_MOST_FILES && is_of_kind(entry->d_name, kind, &files.numbers[files.n]))
            files.n++;
    closedir(directory);
    qsort(files.numbers, (size_t)files.n, sizeof *files.numbers, newest_first);
    return files;
}

void ckpt_file_path(const char *folder, const char *kind, int64_t number,
                    char path[CKPT_PATH_BYTES])
{
    snprintf(path, CKPT_PATH_BYTES, "%s/" RUN_CHECKPOINTS_NAME "/%s-%lld.h5", folder, kind,
             (long long)number);
}

void ckpt_files_keep(const char *folder, const char *kind, int n_newest)
{
    struct ckpt_files files = ckpt_files_list(folder, kind);
    char path[CKPT_PATH_BYTES];

    for (int i = n_newest; i < files.n; i++) {
        ckpt_file_path(folder, kind, files.numbers[i], path);
        unlink(path);
    }
}

void ckpt_places_add(const char *folder, struct ckpt_place *places, int64_t *n)
{
    struct ckpt_files files = ckpt_files_list(folder, "step");

    for (int i = 0; i < files.n; i++, (*n)++)
        places[*n] = (struct ckpt_place){folder, files.numbers[i], *n};
}

static int furthest_first(const void *a, const void *b)
{
    const struct ckpt_place *x = a, *y = b;

    if (x->number != y->number)
        return x->number < y->number ? 1 : -1;
    return (x->order > y->order) - (x->order < y->order);
}

void ckpt_places_sort(struct ckpt_place *places, int64_t n)
{
    if (n > 0)
        qsort(places, (size_t)n, sizeof *places, furthest_first);
}
