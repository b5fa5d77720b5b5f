/* flock does the work on one host. Across hosts it depends on the file system, so there the content
 * and the owner's sign of life (its file's time) decide. */
#include "dispatch/folder/folder_lock.h"
#include "store/json_members.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder_lock {
    int fd, folder_fd, journal_fd; /* journal: -1 before there is one */
    char path[PATH_MAX], folder[PATH_MAX], journal[PATH_MAX];
    bool is_alone; /* of no shard */
};

struct owner {
    char host[128], since[40], job[64];
    long pid;
};

static void own_name(struct owner *out)
{
    const char *job = getenv("SLURM_JOB_ID");

    *out = (struct owner){.pid = (long)getpid()};
    if (gethostname(out->host, sizeof out->host - 1) != 0)
        snprintf(out->host, sizeof out->host, "unknown");
    clock_timestamp(out->since);
    snprintf(out->job, sizeof out->job, "%s", job != NULL ? job : "");
}

/* False when the file is empty: released in order, or new. */
static bool read_owner(int fd, struct owner *out)
{
    char bytes[1024];
    ssize_t n = pread(fd, bytes, sizeof bytes - 1, 0);

    *out = (struct owner){0};
    if (n <= 0)
        return false;
    cJSON *object = cJSON_ParseWithLength(bytes, (size_t)n);
    const cJSON *pid = cJSON_GetObjectItemCaseSensitive(object, "pid");
    snprintf(out->host, sizeof out->host, "%s", json_text(object, "host"));
    snprintf(out->since, sizeof out->since, "%s", json_text(object, "since"));
    snprintf(out->job, sizeof out->job, "%s", json_text(object, "job"));
    out->pid = cJSON_IsNumber(pid) ? (long)pid->valuedouble : 0;
    cJSON_Delete(object);
    return out->host[0] != '\0';
}

static enum status write_owner(struct folder_lock *lock)
{
    struct owner own;
    struct text text = {0};

    own_name(&own);
    text_append(&text, "{\"host\":\"%s\",\"pid\":%ld,\"since\":\"%s\",\"job\":\"%s\"}\n", own.host,
                own.pid, own.since, own.job);
    enum status status = text_finish(&text);
    if (status == STATUS_OK && (ftruncate(lock->fd, 0) != 0 ||
                                pwrite(lock->fd, text.data, (size_t)text.length, 0) != text.length))
        status = fail(STATUS_IO, "cannot write '%s': %s", lock->path, strerror(errno));
    text_release(&text);
    return status;
}

static enum status refuse(const struct folder_lock *lock, const struct owner *owner)
{
    return fail(STATUS_BAD_CONFIG,
                "another sweep works in this results folder ('%s'): process %ld on host %s since "
                "%s%s%s; wait for it, or give --out another folder",
                lock->path, owner->pid, owner->host[0] != '\0' ? owner->host : "unknown",
                owner->since, owner->job[0] != '\0' ? ", Slurm job " : "", owner->job);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool same_time(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static enum status wait_for_silence(struct folder_lock *lock, const struct owner *owner,
                                    double seconds)
{
    struct stat first, now;
    double end = clock_seconds() + seconds;

    log_warning("'%s' was taken on host %s and not given back: waiting %.0f s for a sign of life",
                lock->path, owner->host, seconds);
    if (fstat(lock->fd, &first) != 0)
        return fail(STATUS_IO, "cannot look at '%s': %s", lock->path, strerror(errno));
    while (clock_seconds() < end) {
        clock_sleep(seconds / 20);
        if (fstat(lock->fd, &now) != 0)
            return fail(STATUS_IO, "cannot look at '%s': %s", lock->path, strerror(errno));
        if (!same_time(&first, &now))
            return refuse(lock, owner);
    }
    return STATUS_OK;
}

/* Once it is there. */
static bool is_journal_taken(struct folder_lock *lock)
{
    if (lock->journal_fd < 0)
        lock->journal_fd = open(lock->journal, O_RDWR | O_CLOEXEC);
    return lock->journal_fd >= 0 && flock(lock->journal_fd, LOCK_EX | LOCK_NB) != 0 &&
           errno == EWOULDBLOCK;
}

/* By file systems that can; the file is what counts on the others. */
static enum status take_rest(struct folder_lock *lock)
{
    bool is_taken =
        lock->is_alone && flock(lock->folder_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;

    if (!is_taken && !is_journal_taken(lock))
        return STATUS_OK;
    return fail(STATUS_BAD_CONFIG,
                "another sweep works in this results folder, and its lock '%s' was deleted; wait "
                "for it, or give --out another folder",
                lock->path);
}

static enum status take(struct folder_lock *lock, double foreign_seconds)
{
    enum status status = STATUS_OK;
    struct owner owner, own;

    if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            TRY(fail(STATUS_IO, "cannot lock '%s': %s", lock->path, strerror(errno)));
        (void)read_owner(lock->fd, &owner);
        TRY(refuse(lock, &owner));
    }
    TRY(take_rest(lock));
    own_name(&own);
    if (read_owner(lock->fd, &owner)) {
        if (strcmp(owner.host, own.host) != 0)
            TRY(wait_for_silence(lock, &owner, foreign_seconds));
        log_info("taking over the lock of process %ld on host %s, which is gone", owner.pid,
                 owner.host);
    }
    TRY(write_owner(lock));
done:
    return status;
}

static enum status name_lock(const char *folder, struct shard shard, struct folder_lock *lock)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    const char *path = NULL;

    TRY(arena_create(&arena));
    TRY_ALLOC(path, shard_path(arena, folder, shard, shard_lock));
    if (strlen(path) >= sizeof lock->path)
        TRY(fail(STATUS_IO, "the path of the results folder is too long"));
    memcpy(lock->path, path, strlen(path) + 1);
    copy_text(lock->folder, sizeof lock->folder, folder);
    TRY_ALLOC(path, shard_path(arena, folder, shard, shard_journal));
    copy_text(lock->journal, sizeof lock->journal, path);
    lock->is_alone = shard.count == 0;
done:
    arena_destroy(arena);
    return status;
}

bool folder_lock_has_owner(const char *folder, struct shard shard)
{
    struct folder_lock lock = {.fd = -1};
    struct owner owner;

    if (name_lock(folder, shard, &lock) != STATUS_OK)
        return false;
    lock.fd = open(lock.path, O_RDONLY | O_CLOEXEC);
    if (lock.fd < 0)
        return false;
    bool has_owner = read_owner(lock.fd, &owner);
    close(lock.fd);
    return has_owner;
}

bool folder_lock_was_left(const char *folder, struct shard shard)
{
    struct folder_lock lock = {.fd = -1};
    struct owner owner, own;

    if (name_lock(folder, shard, &lock) != STATUS_OK)
        return false;
    lock.fd = open(lock.path, O_RDWR | O_CLOEXEC);
    if (lock.fd < 0)
        return false;
    own_name(&own);
    bool was_left = read_owner(lock.fd, &owner) && strcmp(owner.host, own.host) == 0 &&
                    flock(lock.fd, LOCK_EX | LOCK_NB) == 0;
    close(lock.fd); /* and gives it back */
    return was_left;
}

static enum status open_both(struct folder_lock *lock)
{
    lock->folder_fd = open(lock->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock->folder_fd < 0)
        return fail(STATUS_IO, "cannot open folder '%s': %s", lock->folder, strerror(errno));
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->fd < 0)
        return fail(STATUS_IO, "cannot write '%s': %s", lock->path, strerror(errno));
    return STATUS_OK;
}

static void close_all(struct folder_lock *lock)
{
    if (lock->journal_fd >= 0)
        close(lock->journal_fd);
    if (lock->fd >= 0)
        close(lock->fd);
    if (lock->folder_fd >= 0)
        close(lock->folder_fd);
}

enum status folder_lock_take(const char *folder, struct shard shard, double foreign_seconds,
                             struct folder_lock **out)
{
    enum status status = STATUS_OK;
    struct folder_lock *lock = NULL;

    TRY_ALLOC(lock, heap_alloc(1, sizeof *lock));
    lock->fd = lock->folder_fd = lock->journal_fd = -1;
    TRY(name_lock(folder, shard, lock));
    TRY(open_both(lock));
    TRY(take(lock, foreign_seconds > 0 ? foreign_seconds : 60));
    *out = lock;
    lock = NULL;
done:
    if (lock != NULL)
        close_all(lock);
    free(lock);
    return status;
}

enum status folder_lock_check(const struct folder_lock *lock)
{
    struct stat held, found;

    if (fstat(lock->folder_fd, &held) == 0 && stat(lock->folder, &found) == 0 &&
        is_same_file(&held, &found))
        return STATUS_OK;
    return fail(STATUS_STORAGE,
                "the results folder '%s' was removed, moved or replaced while the sweep worked in "
                "it; put it back, then the same command continues",
                lock->folder);
}

static enum status make_anew(struct folder_lock *lock)
{
    int fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0)
        return fail(STATUS_IO, "cannot write '%s': %s", lock->path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return fail(STATUS_STORAGE,
                    "the lock '%s' was deleted, and another sweep has taken the results folder "
                    "meanwhile; the same command continues when that one has ended",
                    lock->path);
    }
    close(lock->fd);
    lock->fd = fd;
    log_warning("'%s' was deleted while the sweep ran: made anew", lock->path);
    return write_owner(lock);
}

enum status folder_lock_touch(struct folder_lock *lock)
{
    struct stat held, found;
    enum status status = folder_lock_check(lock);

    if (status != STATUS_OK)
        return status;
    if (fstat(lock->fd, &held) != 0)
        return fail(STATUS_IO, "cannot look at '%s': %s", lock->path, strerror(errno));
    (void)is_journal_taken(lock); /* by now there is one */
    if (stat(lock->path, &found) != 0 || !is_same_file(&held, &found))
        return make_anew(lock);
    if (futimens(lock->fd, NULL) != 0)
        return fail(STATUS_IO, "cannot touch '%s': %s", lock->path, strerror(errno));
    return STATUS_OK;
}

void folder_lock_release(struct folder_lock *lock)
{
    if (lock == NULL)
        return;
    if (ftruncate(lock->fd, 0) != 0)
        log_warning("cannot empty '%s': %s", lock->path, strerror(errno));
    close_all(lock);
    free(lock);
}
