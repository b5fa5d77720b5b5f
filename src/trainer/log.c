/* Redirection by dup2, so that it holds for every thread and library of the process. */
#include "trainer/log.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_SAVED_FD = 16 }; /* above the pipes to the rank */
enum { LOOK_EVERY_NS = 20000000, NS_PER_S = 1000000000, SLACK_BYTES = 1 << 16 };

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

/* Of a burst the beginning is kept, which says what it is. */
static void cut_older(const char *older)
{
    struct stat info;

    if (stat(older, &info) != 0 || info.st_size <= TRAINER_LOG_BYTES + SLACK_BYTES)
        return;
    if (truncate(older, TRAINER_LOG_BYTES) == 0)
        log_warning("%lld bytes of output came too fast and were left out, after the first %d of "
                    "'%s'",
                    (long long)info.st_size - TRAINER_LOG_BYTES, TRAINER_LOG_BYTES, older);
}

/* Nothing while another log is in its place: a run's stands before its rank's. */
static void trim(const struct trainer_log *log)
{
    char older[sizeof log->path + 4];
    struct stat written, named;

    if (fstat(STDERR_FILENO, &written) != 0 || stat(log->path, &named) != 0 ||
        written.st_ino != named.st_ino || written.st_dev != named.st_dev ||
        written.st_size <= TRAINER_LOG_BYTES)
        return;
    snprintf(older, sizeof older, "%s.1", log->path);
    if (rename(log->path, older) != 0 || redirect(log->path) != STATUS_OK)
        log_warning("cannot begin a new '%s': %s", log->path, strerror(errno));
    else
        cut_older(older);
}

static void *keep(void *context)
{
    struct trainer_log *log = context;

    pthread_mutex_lock(&log->lock);
    while (!log->is_ending) {
        struct timespec until;
        trim(log);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_EVERY_NS;
        until.tv_sec += until.tv_nsec / NS_PER_S;
        until.tv_nsec %= NS_PER_S;
        pthread_cond_timedwait(&log->changed, &log->lock, &until);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

static enum status start_keeper(struct trainer_log *log)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&log->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&log->lock, NULL);
    log->is_ending = false;
    if (pthread_create(&log->keeper, NULL, keep, log) == 0)
        return STATUS_OK;
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->changed);
    return fail(STATUS_DEVICE, "cannot start the thread that keeps '%s' small", log->path);
}

static void stop_keeper(struct trainer_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->is_ending = true;
    pthread_cond_signal(&log->changed);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->keeper, NULL);
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->changed);
}

static void restore(struct trainer_log *log)
{
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        if (log->saved[i] < 0)
            continue; /* it was closed before */
        dup2(log->saved[i], STDOUT_FILENO + i);
        close(log->saved[i]);
    }
    log->path[0] = '\0';
}

enum status trainer_log_begin(struct trainer_log *log, const char *path)
{
    enum status status = STATUS_OK;

    if (snprintf(log->path, sizeof log->path, "%s", path) >= (int)sizeof log->path) {
        log->path[0] = '\0';
        return fail(STATUS_IO, "the path of a log is too long: '%s'", path);
    }
    log->saved[0] = log->saved[1] = -1;
    TRY(create_parent(path));
    for (int i = 0; i < 2; i++)
        log->saved[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, FIRST_SAVED_FD);
    TRY(redirect(path));
    trim(log); /* what earlier starts left */
    TRY(start_keeper(log));
done:
    if (status != STATUS_OK)
        restore(log);
    return status;
}

/* Of what came since the keeper last looked, the end: it says how it ended. */
static enum status keep_tail(const char *path)
{
    enum status status = STATUS_OK;
    char *bytes = NULL;
    int64_t n = 0;

    if (file_size(path) <= TRAINER_LOG_BYTES)
        return STATUS_OK;
    TRY(file_read(path, &bytes, &n));
    TRY(file_write(path, bytes + n - TRAINER_LOG_BYTES, TRAINER_LOG_BYTES));
done:
    free(bytes);
    return status;
}

void trainer_log_end(struct trainer_log *log)
{
    char path[sizeof log->path];

    if (log->path[0] == '\0')
        return;
    stop_keeper(log);
    memcpy(path, log->path, sizeof path);
    restore(log);
    if (keep_tail(path) != STATUS_OK)
        log_warning("%s", status_message());
}
