/* A run's files by size and checksum: taken when they are written, compared later. */
#include "store/results/run_summary.h"

#include "base/file.h"
#include "base/hash.h"
#include "store/results/run_paths.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct written_file *)a)->name, ((const struct written_file *)b)->name);
}

/* The log goes on being written to; what is temporary or was set aside is nobody's. */
static bool is_lasting(const char *path, const char *name)
{
    struct stat info;

    return strcmp(name, RUN_LOG_NAME) != 0 && !text_ends_with(name, ".tmp") &&
           !text_ends_with(name, ".damaged") && stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static enum status add_file(const char *path, const char *name, struct arena *arena,
                            struct written_file *out)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(out->name, arena_strdup(arena, name));
    TRY(crc32_file(path, &out->crc, &out->bytes));
done:
    return status;
}

enum status written_files_find(const char *folder, struct arena *arena, struct written_file **out,
                               int64_t *n)
{
    enum status status = STATUS_OK;
    struct written_file *found = NULL;
    int64_t n_found = 0, capacity = 0;
    DIR *opened = opendir(folder);

    if (opened == NULL)
        TRY(fail(STATUS_IO, "cannot open folder '%s': %s", folder, strerror(errno)));
    for (struct dirent *entry = readdir(opened); entry != NULL; entry = readdir(opened)) {
        const char *path = NULL;
        TRY_ALLOC(path, path_join(arena, folder, entry->d_name));
        if (!is_lasting(path, entry->d_name))
            continue;
        TRY(heap_grow(&found, &capacity, n_found + 1, sizeof *found));
        TRY(add_file(path, entry->d_name, arena, &found[n_found++]));
    }
    TRY_ALLOC(*out, ARENA_ARRAY(arena, n_found, struct written_file));
    if (n_found > 0) {
        qsort(found, (size_t)n_found, sizeof *found, by_name);
        memcpy(*out, found, (size_t)n_found * sizeof *found);
    }
    *n = n_found;
done:
    if (opened != NULL)
        closedir(opened);
    free(found);
    return status;
}

enum status written_file_check(const char *folder, const struct written_file *file, bool is_quick,
                               enum written_state *out)
{
    char path[PATH_MAX];
    struct stat info;
    uint32_t crc = 0;
    int64_t bytes = 0;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, file->name) >= sizeof path)
        return fail(STATUS_IO, "the path of '%s' in '%s' is too long", file->name, folder);
    if (stat(path, &info) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return fail(STATUS_IO, "cannot look at '%s': %s", path, strerror(errno));
        *out = WRITTEN_MISSING;
        return STATUS_OK;
    }
    *out = (int64_t)info.st_size == file->bytes ? WRITTEN_INTACT : WRITTEN_RESIZED;
    if (is_quick || *out != WRITTEN_INTACT)
        return STATUS_OK;
    enum status status = crc32_file(path, &crc, &bytes);
    if (status == STATUS_OK && (crc != file->crc || bytes != file->bytes))
        *out = WRITTEN_CHANGED;
    return status;
}

const char *written_state_words(enum written_state state)
{
    static const char *const words[] = {
        [WRITTEN_INTACT] = "is intact",
        [WRITTEN_MISSING] = "is missing",
        [WRITTEN_RESIZED] = "has another size than when it was written",
        [WRITTEN_CHANGED] = "has other content than when it was written",
    };
    return words[state];
}
