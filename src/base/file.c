/* Whole-file reading and atomic replacement. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status file_read(const char *path, char **out, int64_t *n_bytes)
{
    enum status status = STATUS_OK;
    char *data = NULL;
    int64_t used = 0, capacity = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);

    if (descriptor < 0)
        return fail(STATUS_IO, "cannot open '%s': %s", path, strerror(errno));
    int64_t expected = file_size(path);
    TRY(heap_grow(&data, &capacity, (expected > 0 ? expected : 4096) + 1, 1));
    for (;;) {
        ssize_t n = read(descriptor, data + used, (size_t)(capacity - used - 1));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            TRY(fail(STATUS_IO, "cannot read '%s': %s", path, strerror(errno)));
        if (n == 0)
            break;
        used += n;
        TRY(heap_grow(&data, &capacity, used + 2, 1));
    }
    data[used] = '\0';
    *out = data;
    *n_bytes = used;
    data = NULL;
done:
    free(data);
    close(descriptor);
    return status;
}

enum status file_write_status(int reason)
{
    bool is_storage = reason == ENOSPC || reason == EDQUOT || reason == EROFS || reason == EIO;

    return is_storage ? STATUS_STORAGE : STATUS_IO;
}

static enum status write_all(int descriptor, const char *path, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(descriptor, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail(file_write_status(errno), "cannot write '%s': %s", path, strerror(errno));
        bytes += written;
        n -= (size_t)written;
    }
    return STATUS_OK;
}

static enum status sync_parent(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 1 : (int)(slash - path) + 1;

    snprintf(folder, sizeof folder, "%.*s", length, slash == NULL ? "." : path);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return fail(file_write_status(errno), "cannot open folder '%s': %s", folder,
                    strerror(errno));
    int result = fsync(descriptor);
    int reason = errno;
    close(descriptor);
    if (result != 0 && reason != EINVAL) /* some file systems cannot sync a folder */
        return fail(file_write_status(reason), "cannot sync folder '%s': %s", folder,
                    strerror(reason));
    return STATUS_OK;
}

enum status file_write(const char *path, const void *bytes, size_t n)
{
    enum status status = STATUS_OK;
    char temporary[PATH_MAX];
    int descriptor = -1;

    if (snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) >= PATH_MAX)
        return fail(STATUS_IO, "path too long: '%s'", path);
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return fail(file_write_status(errno), "cannot write '%s': %s", path, strerror(errno));
    TRY(write_all(descriptor, path, bytes, n));
    if (fsync(descriptor) != 0)
        TRY(fail(file_write_status(errno), "cannot sync '%s': %s", path, strerror(errno)));
    int closed = close(descriptor);
    descriptor = -1;
    if (closed != 0)
        TRY(fail(file_write_status(errno), "cannot close '%s': %s", path, strerror(errno)));
    if (rename(temporary, path) != 0)
        TRY(fail(file_write_status(errno), "cannot replace '%s': %s", path, strerror(errno)));
    return sync_parent(path);
done:
    if (descriptor >= 0)
        close(descriptor);
    unlink(temporary);
    return status;
}

enum status folder_create(const char *path)
{
    char partial[PATH_MAX];

    if (snprintf(partial, sizeof partial, "%s", path) >= PATH_MAX)
        return fail(STATUS_IO, "path too long: '%s'", path);
    for (char *slash = strchr(partial + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            return fail(file_write_status(errno), "cannot create folder '%s': %s", partial,
                        strerror(errno));
        if (slash == NULL)
            break;
        *slash = '/';
    }
    if (!folder_exists(path))
        return fail(STATUS_IO, "cannot create folder '%s': a file of that name is there", path);
    return STATUS_OK;
}

enum status folder_add(const char *path)
{
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && folder_exists(path)))
        return STATUS_OK;
    return fail(file_write_status(errno), "cannot create folder '%s': %s", path, strerror(errno));
}

/* Ends as file_write() names what it writes. */
static bool is_temporary(const char *name)
{
    const char *dot = strrchr(name, '.');

    if (dot == NULL || dot == name || strcmp(dot, ".tmp") != 0)
        return false;
    const char *digits = dot;
    while (digits > name && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    return digits < dot && digits > name + 1 && digits[-1] == '.';
}

/* beginning: of their names. */
static void remove_temporaries(const char *path, const char *beginning)
{
    char file[PATH_MAX];
    DIR *folder = opendir(path);

    if (folder == NULL)
        return;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (is_temporary(entry->d_name) &&
            strncmp(entry->d_name, beginning, strlen(beginning)) == 0 &&
            snprintf(file, sizeof file, "%s/%s", path, entry->d_name) < PATH_MAX)
            unlink(file);
    closedir(folder);
}

void folder_remove_temporaries(const char *path)
{
    remove_temporaries(path, "");
}

void file_remove_temporaries(const char *path)
{
    char folder[PATH_MAX], beginning[NAME_MAX + 2];
    const char *base = path_base(path);

    if (base == path)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", (int)(base - path), path);
    if (snprintf(beginning, sizeof beginning, "%s.", base) < (int)sizeof beginning)
        remove_temporaries(folder, beginning);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool folder_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int64_t file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (int64_t)info.st_size : -1;
}

char *path_join(struct arena *arena, const char *folder, const char *name)
{
    if (name[0] == '/' || folder[0] == '\0')
        return arena_strdup(arena, name);
    return arena_format(arena, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                        name);
}

char *path_parent(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return arena_strdup(arena, ".");
    return arena_format(arena, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}
