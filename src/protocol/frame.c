/* Framing in both directions, with whatever pieces the pipe delivers. */
#include "protocol/frame.h"

#include "base/arena.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LENGTH_BYTES = 4 };

static enum status write_all(int fd, const char *bytes, size_t n, double deadline)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno != EAGAIN)
            return fail(STATUS_COMM, "cannot write to the pipe: %s", strerror(errno));
        if (written < 0) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            double left = deadline - clock_seconds();
            if (left <= 0)
                return fail(STATUS_COMM, "the other end of the pipe does not read");
            if (poll(&ready, 1, (int)(left * 1e3) + 1) < 0 && errno != EINTR)
                return fail(STATUS_COMM, "cannot wait for the pipe: %s", strerror(errno));
            continue;
        }
        bytes += written;
        n -= (size_t)written;
    }
    return STATUS_OK;
}

enum status frame_write(int fd, const char *bytes, int64_t n, double deadline_seconds)
{
    enum status status = STATUS_OK;
    char *frame = NULL;

    if (n > FRAME_MAX_BYTES)
        TRY(fail(STATUS_COMM, "a frame of %" PRId64 " bytes, at most %d are allowed", n,
                 FRAME_MAX_BYTES));
    TRY_ALLOC(frame, heap_alloc(n + LENGTH_BYTES, 1));
    for (int i = 0; i < LENGTH_BYTES; i++)
        frame[i] = (char)(n >> (8 * i));
    memcpy(frame + LENGTH_BYTES, bytes, (size_t)n);
    TRY(write_all(fd, frame, (size_t)n + LENGTH_BYTES, clock_seconds() + deadline_seconds));
done:
    free(frame);
    return status;
}

/* What was given out is no longer needed. */
static void drop_taken(struct frame_reader *reader)
{
    if (reader->taken == 0)
        return;
    reader->length -= reader->taken;
    memmove(reader->data, reader->data + reader->taken, (size_t)reader->length);
    reader->taken = 0;
}

enum status frame_fill(struct frame_reader *reader, int fd)
{
    drop_taken(reader);
    for (;;) {
        enum status status = heap_grow(&reader->data, &reader->capacity, reader->length + 4096, 1);
        if (status != STATUS_OK)
            return status;
        ssize_t n =
            read(fd, reader->data + reader->length, (size_t)(reader->capacity - reader->length));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return STATUS_OK;
        if (n < 0)
            return fail(STATUS_COMM, "cannot read from the pipe: %s", strerror(errno));
        if (n == 0) {
            reader->is_closed = true;
            return STATUS_OK;
        }
        reader->length += n;
        if (reader->length > 2 * (int64_t)FRAME_MAX_BYTES)
            return STATUS_OK; /* enough to work on; the rest waits in the pipe */
    }
}

enum status frame_next(struct frame_reader *reader, const char **bytes, int64_t *n)
{
    uint32_t length = 0;

    *bytes = NULL;
    *n = 0;
    drop_taken(reader);
    if (reader->length < LENGTH_BYTES)
        return STATUS_OK;
    for (int i = 0; i < LENGTH_BYTES; i++)
        length |= (uint32_t)(unsigned char)reader->data[i] << (8 * i);
    if (length > FRAME_MAX_BYTES)
        return fail(STATUS_COMM, "a frame claims %u bytes, at most %d are allowed", length,
                    FRAME_MAX_BYTES);
    if (reader->length < (int64_t)length + LENGTH_BYTES)
        return STATUS_OK;
    *bytes = reader->data + LENGTH_BYTES;
    *n = length;
    reader->taken = (int64_t)length + LENGTH_BYTES;
    return STATUS_OK;
}

void frame_reader_release(struct frame_reader *reader)
{
    free(reader->data);
    *reader = (struct frame_reader){0};
}
