/* Redirection by dup2, so that it holds for every thread and library of the process. */
#include "cli/trainer_log.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_SAVED_FD = 16 }; /* above the pipes to the rank */

static enum status redirect(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

    if (fd < 0)
        return fail(file_write_status(errno), "cannot write '%s': %s", path, strerror(errno));
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    return STATUS_OK;
}

static enum status create_parent(const char *path)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    const char *folder = NULL;

    TRY(arena_create(&arena));
    TRY_ALLOC(folder, path_parent(arena, path));
    TRY(folder_create(folder));
done:
    arena_destroy(arena);
    return status;
}

enum status trainer_log_begin(struct trainer_log *log, const char *path)
{
    enum status status = STATUS_OK;
    struct trainer_log made = {.path = ""};

    if (snprintf(made.path, sizeof made.path, "%s", path) >= (int)sizeof made.path)
        return fail(STATUS_IO, "the path of a log is too long: '%s'", path);
    TRY(create_parent(path));
    for (int i = 0; i < 2; i++)
        made.saved[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, FIRST_SAVED_FD);
    status = redirect(path);
    if (status != STATUS_OK) {
        trainer_log_end(&made);
        goto done;
    }
    *log = made;
    trainer_log_trim(log);
done:
    return status;
}

void trainer_log_trim(const struct trainer_log *log)
{
    char older[sizeof log->path + 4];

    fflush(stdout);
    if (log->path[0] == '\0' || lseek(STDERR_FILENO, 0, SEEK_END) <= TRAINER_LOG_BYTES)
        return;
    snprintf(older, sizeof older, "%s.1", log->path);
    if (rename(log->path, older) != 0 || redirect(log->path) != STATUS_OK)
        log_warning("cannot begin a new '%s': %s", log->path, strerror(errno));
}

void trainer_log_end(struct trainer_log *log)
{
    if (log->path[0] == '\0')
        return;
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        if (log->saved[i] < 0)
            continue; /* it was closed before */
        dup2(log->saved[i], STDOUT_FILENO + i);
        close(log->saved[i]);
    }
    log->path[0] = '\0';
}
