/* Looks through the attempts before this one, newest first. */
#include "cli/resume_folder.h"

#include "base/file.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>

static bool has_files(const char *folder)
{
    DIR *opened = opendir(folder);
    bool is_found = false;

    if (opened == NULL)
        return false;
    for (struct dirent *entry; !is_found && (entry = readdir(opened)) != NULL;)
        is_found = entry->d_name[0] != '.';
    closedir(opened);
    return is_found;
}

enum status resume_folder_find(struct arena *arena, const char *folder, int64_t attempt,
                               const char **out)
{
    enum status status = STATUS_OK;
    const char *parent = NULL, *earlier = NULL, *checkpoints = NULL;

    *out = NULL;
    TRY_ALLOC(parent, path_parent(arena, folder));
    for (int64_t i = attempt - 1; i >= 1 && *out == NULL; i--) {
        TRY_ALLOC(earlier, arena_format(arena, "%s/a%" PRId64, parent, i));
        TRY_ALLOC(checkpoints, path_join(arena, earlier, "ckpt"));
        if (has_files(checkpoints))
            *out = earlier;
    }
done:
    return status;
}
