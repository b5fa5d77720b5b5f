/* Nothing here looks at a disk. */
#include "store/results/run_paths.h"

#include "base/file.h"

#include <inttypes.h>

char *run_attempt_folder(struct arena *arena, const char *results, const char *id, int64_t n)
{
    return arena_format(arena, "%s/runs/%s/a%" PRId64, results, id, n);
}

char *run_attempt_file(struct arena *arena, const char *results, const char *id, int64_t n,
                       const char *name)
{
    return arena_format(arena, "%s/runs/%s/a%" PRId64 "/%s", results, id, n, name);
}

char *run_attempt_link(struct arena *arena, const char *id, int64_t n, const char *name)
{
    return arena_format(arena, "runs/%s/a%" PRId64 "/%s", id, n, name);
}

char *run_attempt_sibling(struct arena *arena, const char *attempt_folder, int64_t n)
{
    const char *run = path_parent(arena, attempt_folder);

    return run == NULL ? NULL : arena_format(arena, "%s/a%" PRId64, run, n);
}

char *run_results_of(struct arena *arena, const char *attempt_folder)
{
    char *results = path_parent(arena, attempt_folder); /* the run's */

    for (int i = 0; i < 2 && results != NULL; i++)
        results = path_parent(arena, results);
    return results;
}

char *run_folder(struct arena *arena, const char *results, const char *id)
{
    return arena_format(arena, "%s/runs/%s", results, id);
}
