/* Only files that are checkpoints by their name are touched, of the attempt that paused. */
#include "dispatch/folder/stopped_run.h"

#include "base/arena.h"
#include "base/log.h"
#include "store/results/run_paths.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static bool is_checkpoint(const char *name)
{
    size_t n = strlen(name);
    bool is_ours = strncmp(name, "step-", 5) == 0 || strncmp(name, "best-", 5) == 0;
    return is_ours && n > 8 && strcmp(name + n - 3, ".h5") == 0;
}

enum status stopped_run_clean(const char *folder, const char *run_id, int64_t attempt)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    const char *path = NULL;
    DIR *opened = NULL;

    TRY(arena_create(&arena));
    TRY_ALLOC(path, run_attempt_file(arena, folder, run_id, attempt, RUN_CHECKPOINTS_NAME));
    opened = opendir(path);
    if (opened == NULL)
        goto done; /* it had none */
    for (struct dirent *entry = readdir(opened); entry != NULL; entry = readdir(opened)) {
        const char *file = NULL;
        if (!is_checkpoint(entry->d_name))
            continue;
        TRY_ALLOC(file, arena_format(arena, "%s/%s", path, entry->d_name));
        if (unlink(file) != 0)
            log_warning("cannot remove '%s': %s", file, strerror(errno));
    }
    (void)rmdir(path); /* not empty: something else is in it, and stays */
done:
    if (opened != NULL)
        closedir(opened);
    arena_destroy(arena);
    return status;
}
