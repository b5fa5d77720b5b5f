/* By the names of folders: "a12". */
#include "dispatch/folder/attempts.h"

#include "base/text.h"
#include "store/results/run_paths.h"

#include <dirent.h>

enum status attempts_newest(const char *results, const char *run_id, struct arena *arena,
                            int64_t *out)
{
    enum status status = STATUS_OK;
    const struct dirent *entry = NULL;
    const char *path = NULL;
    int64_t newest = 0;

    TRY_ALLOC(path, run_folder(arena, results, run_id));
    DIR *attempts = opendir(path);
    while (attempts != NULL && (entry = readdir(attempts)) != NULL) {
        int64_t attempt = 0;
        if (entry->d_name[0] == 'a' && text_to_int64(entry->d_name + 1, &attempt) &&
            attempt > newest)
            newest = attempt;
    }
    if (attempts != NULL)
        closedir(attempts);
    *out = newest;
done:
    return status;
}
