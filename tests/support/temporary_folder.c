/* mkdtemp below $TMPDIR, removed by a walk. */
#include "support/temporary_folder.h"

#include "support/cmocka.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void temporary_folder_open(struct temporary_folder *folder)
{
    const char *parent = getenv("TMPDIR");

    snprintf(folder->path, sizeof folder->path, "%s/prunelora-test-XXXXXX",
             parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder->path) == NULL)
        fail_msg("cannot create '%s': %s", folder->path, strerror(errno));
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void temporary_folder_close(struct temporary_folder *folder)
{
    if (nftw(folder->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        fail_msg("cannot remove '%s': %s", folder->path, strerror(errno));
}

char *temporary_path(const struct temporary_folder *folder, const char *name,
                     char path[TEMPORARY_PATH_BYTES])
{
    if (snprintf(path, TEMPORARY_PATH_BYTES, "%s/%s", folder->path, name) >= TEMPORARY_PATH_BYTES)
        fail_msg("path too long: '%s/%s'", folder->path, name);
    return path;
}

int temporary_folder_count(const struct temporary_folder *folder)
{
    DIR *entries = opendir(folder->path);
    int n = -2; /* "." and ".." */

    if (entries == NULL) {
        fail_msg("cannot open '%s': %s", folder->path, strerror(errno));
        return -1;
    }
    while (readdir(entries) != NULL)
        n++;
    closedir(entries);
    return n;
}
