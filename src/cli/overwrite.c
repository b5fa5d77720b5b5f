/* --force: one rule for all commands that write what others read. */
#include "cli/overwrite.h"

#include "base/file.h"

enum status overwrite_check(const char *path, bool is_forced)
{
    if (!is_forced && file_exists(path))
        return fail(STATUS_BAD_CONFIG,
                    "'%s' is there already: choose another name, or write over it with --force",
                    path);
    return STATUS_OK;
}

enum status overwrite_check_folder(const char *folder, const char *last, bool is_forced)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    char *path = NULL;

    TRY(arena_create(&arena));
    TRY_ALLOC(path, path_join(arena, folder, last));
    if (!is_forced && file_exists(path))
        TRY(fail(STATUS_BAD_CONFIG,
                 "'%s' has '%s' already: choose another folder, or write over it with --force",
                 folder, last));
done:
    arena_destroy(arena);
    return status;
}
