/* A file that says who asks. */
#include "dispatch/folder/stop_request.h"

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "" when memory ran out or the path is too long: then there is no such file. */
static void request_path(const char *folder, struct shard shard, char path[PATH_MAX])
{
    struct arena *arena = NULL;
    const char *made = NULL;

    path[0] = '\0';
    if (arena_create(&arena) == STATUS_OK)
        made = shard_path(arena, folder, shard, shard_stop);
    if (made != NULL && strlen(made) < PATH_MAX)
        copy_text(path, PATH_MAX, made);
    arena_destroy(arena);
}

enum status stop_request_make(const char *folder, struct shard shard)
{
    char path[PATH_MAX], text[STOP_REASON_BYTES], host[HOST_BYTES];

    request_path(folder, shard, path);
    host_name(host);
    int n = snprintf(text, sizeof text, "prunelora stop on host %s", host);
    return file_write(path, text, (size_t)n);
}

bool stop_request_is_pending(const char *folder, struct shard shard)
{
    char path[PATH_MAX];

    request_path(folder, shard, path);
    return file_exists(path);
}

bool stop_request_take(const char *folder, struct shard shard, char reason[STOP_REASON_BYTES])
{
    char path[PATH_MAX], *text = NULL;
    int64_t n = 0;

    if (!stop_request_is_pending(folder, shard))
        return false;
    request_path(folder, shard, path);
    copy_text(reason, STOP_REASON_BYTES, "a stop file"); /* made by hand, perhaps not readable */
    if (file_read(path, &text, &n) == STATUS_OK && n > 0 && strchr(text, '\n') == NULL)
        copy_text(reason, STOP_REASON_BYTES, text);
    free(text);
    if (unlink(path) != 0)
        log_warning("cannot remove '%s': %s", path, strerror(errno));
    return true;
}
