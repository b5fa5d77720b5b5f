/* Attempts are numbered from 1; those that wrote nothing have no folder. */
#include "trainer/earlier_attempts.h"

#include "base/file.h"
#include "store/results/run_paths.h"

enum status earlier_attempts_find(struct arena *arena, struct train_job *job)
{
    enum status status = STATUS_OK;
    const char **found = NULL, *earlier = NULL;
    int64_t n = 0;

    TRY_ALLOC(found, ARENA_ARRAY(arena, job->attempt, const char *));
    for (int64_t i = job->attempt - 1; i >= 1; i--) {
        TRY_ALLOC(earlier, run_attempt_sibling(arena, job->folder, i));
        if (folder_exists(earlier))
            found[n++] = earlier;
    }
    job->earlier = found;
    job->n_earlier = n;
done:
    return status;
}
