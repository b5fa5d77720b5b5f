/* Preloaded into a sweep: below one folder, what writes fails with an errno for as long as another
 * process wishes it. FAILING_DISK names a file of struct wish, which is mapped: changing it there
 * is felt at once, in every process. FAILING_DISK_FOLDER is the folder, absolute. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum who { NOBODY, RANKS, TRAINERS, EVERYBODY };
struct wish {
    int32_t who;    /* enum who */
    int32_t error;  /* errno */
    int32_t after;  /* so many more calls still succeed; counted by all processes */
    int32_t failed; /* calls that failed */
};

static volatile struct wish *wish; /* read-write: mapped */
static const char *folder;
static enum who own;
static __thread int is_inside; /* of our own calls */

static enum who who_am_i(void)
{
    char words[4096];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, words, sizeof words - 1);

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return NOBODY;
    words[n] = '\0';
    const char *name = strrchr(words, '/'), *second = words + strlen(words) + 1;
    if (strcmp(name != NULL ? name + 1 : words, "prunelora") != 0)
        return NOBODY; /* the launcher, a shell */
    if (second < words + n && strcmp(second, "trainer") == 0)
        return TRAINERS;
    return second < words + n && strcmp(second, "sweep") == 0 ? RANKS : NOBODY;
}

__attribute__((constructor)) static void map_wish(void)
{
    const char *path = getenv("FAILING_DISK");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *at =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *wish, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    folder = getenv("FAILING_DISK_FOLDER");
    own = who_am_i();
    if (at != MAP_FAILED && folder != NULL)
        wish = at;
}

static int is_below(const char *path)
{
    char whole[PATH_MAX];
    size_t n = strlen(folder);

    if (path[0] != '/') {
        char here[PATH_MAX];
        if (getcwd(here, sizeof here) == NULL ||
            snprintf(whole, sizeof whole, "%s/%s", here, path) >= (int)sizeof whole)
            return 0;
        path = whole;
    }
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static int is_file_below(int descriptor)
{
    char link[64], path[PATH_MAX];

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return 0;
    path[n] = '\0';
    return is_below(path);
}

/* Exactly one of path and descriptor is given. */
static int fails(const char *path, int descriptor)
{
    int kept = errno, answer = 0;

    if (wish == NULL || is_inside || ((int)own & wish->who) == 0)
        return 0;
    is_inside = 1;
    if (path != NULL ? is_below(path) : is_file_below(descriptor))
        answer = __atomic_sub_fetch(&wish->after, 1, __ATOMIC_RELAXED) < 0;
    is_inside = 0;
    if (answer)
        __atomic_add_fetch(&wish->failed, 1, __ATOMIC_RELAXED);
    errno = answer ? wish->error : kept;
    return answer;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = (mode_t)va_arg(arguments, unsigned);
        va_end(arguments);
    }
    if ((flags & O_ACCMODE) != O_RDONLY && fails(path, -1))
        return -1;
    return REAL(open)(path, flags, mode);
}

ssize_t write(int descriptor, const void *bytes, size_t n)
{
    return fails(NULL, descriptor) ? -1 : REAL(write)(descriptor, bytes, n);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t n, off_t at)
{
    return fails(NULL, descriptor) ? -1 : REAL(pwrite)(descriptor, bytes, n, at);
}

int fsync(int descriptor)
{
    return fails(NULL, descriptor) ? -1 : REAL(fsync)(descriptor);
}

int fdatasync(int descriptor)
{
    return fails(NULL, descriptor) ? -1 : REAL(fdatasync)(descriptor);
}

int ftruncate(int descriptor, off_t n)
{
    return fails(NULL, descriptor) ? -1 : REAL(ftruncate)(descriptor, n);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(path, -1) ? -1 : REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
    return fails(to, -1) ? -1 : REAL(rename)(from, to);
}
