/* A file that says who asks. */
#include "dispatch/stop_request.h"

#include "base/file.h"
#include "base/log.h"
#include "dispatch/message.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void request_path(const char *folder, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/stop", folder);
}

enum status stop_request_make(const char *folder)
{
    char path[PATH_MAX], text[STOP_REASON_BYTES], host[HOST_BYTES];

    request_path(folder, path);
    host_name(host);
    int n = snprintf(text, sizeof text, "prunelora stop on host %s", host);
    return file_write(path, text, (size_t)n);
}

bool stop_request_is_pending(const char *folder)
{
    char path[PATH_MAX];

    request_path(folder, path);
    return file_exists(path);
}

bool stop_request_take(const char *folder, char reason[STOP_REASON_BYTES])
{
    char path[PATH_MAX], *text = NULL;
    int64_t n = 0;

    if (!stop_request_is_pending(folder))
        return false;
    request_path(folder, path);
    copy_text(reason, STOP_REASON_BYTES, "a stop file"); /* made by hand, perhaps not readable */
    if (file_read(path, &text, &n) == STATUS_OK && n > 0 && strchr(text, '\n') == NULL)
        copy_text(reason, STOP_REASON_BYTES, text);
    free(text);
    if (unlink(path) != 0)
        log_warning("cannot remove '%s': %s", path, strerror(errno));
    return true;
}
