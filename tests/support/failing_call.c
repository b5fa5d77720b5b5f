/* Linker wraps (--wrap=write …): the program's calls land here and go on to the real ones. */
#include "support/failing_call.h"

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

struct plan {
    int left[N_FAILING_CALLS]; /* calls until the failing one; 0 = none */
    int error[N_FAILING_CALLS];
    int write_limit;
};

static struct plan plan; /* the wrapped functions take no context */

void failing_call_arm(enum failing_call call, int nth, int error)
{
    plan.left[call] = nth;
    plan.error[call] = error;
}

void failing_call_limit_writes(int bytes)
{
    plan.write_limit = bytes;
}

void failing_call_disarm(void)
{
    plan = (struct plan){0};
}

static int is_failing(enum failing_call call)
{
    if (plan.left[call] == 0 || --plan.left[call] > 0)
        return 0;
    errno = plan.error[call];
    return 1;
}

ssize_t __real_write(int descriptor, const void *bytes, size_t n);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t n);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t n)
{
    size_t limit = (size_t)plan.write_limit;

    if (is_failing(CALL_WRITE))
        return -1;
    return __real_write(descriptor, bytes, limit > 0 && limit < n ? limit : n);
}

ssize_t __real_read(int descriptor, void *bytes, size_t n);
ssize_t __wrap_read(int descriptor, void *bytes, size_t n);
ssize_t __wrap_read(int descriptor, void *bytes, size_t n)
{
    return is_failing(CALL_READ) ? -1 : __real_read(descriptor, bytes, n);
}

int __real_fsync(int descriptor);
int __wrap_fsync(int descriptor);
int __wrap_fsync(int descriptor)
{
    return is_failing(CALL_FSYNC) ? -1 : __real_fsync(descriptor);
}

int __real_close(int descriptor);
int __wrap_close(int descriptor);
int __wrap_close(int descriptor)
{
    int result = __real_close(descriptor); /* a failed close has closed all the same */

    return is_failing(CALL_CLOSE) ? -1 : result;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    return is_failing(CALL_RENAME) ? -1 : __real_rename(from, to);
}

void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return is_failing(CALL_ALLOCATE) ? NULL : __real_aligned_alloc(alignment, bytes);
}
