/* Framing of records, in both directions and with whatever pieces the pipe delivers. */
#include "dispatch/talk/record.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LENGTH_BYTES = 4 };

static enum status write_frame(int fd, const char *bytes, size_t n, double deadline)
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

enum status record_write(int fd, const cJSON *body, double deadline_seconds)
{
    enum status status = STATUS_OK;
    char *text = NULL, *frame = NULL;

    text = body == NULL ? NULL : cJSON_PrintUnformatted(body);
    if (text == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory composing a record"));
    size_t n = strlen(text);
    if (n > RECORD_MAX_BYTES)
        TRY(fail(STATUS_COMM, "a record of %zu bytes, at most %d are allowed", n,
                 RECORD_MAX_BYTES));
    TRY_ALLOC(frame, heap_alloc((int64_t)n + LENGTH_BYTES + 1, 1));
    for (int i = 0; i < LENGTH_BYTES; i++)
        frame[i] = (char)(n >> (8 * i));
    memcpy(frame + LENGTH_BYTES, text, n + 1); /* the zero stays here */
    TRY(write_frame(fd, frame, n + LENGTH_BYTES, clock_seconds() + deadline_seconds));
done:
    free(frame);
    cJSON_free(text);
    return status;
}

enum status record_fill(struct record_reader *reader, int fd)
{
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
        if (reader->length > 2 * (int64_t)RECORD_MAX_BYTES)
            return STATUS_OK; /* enough to work on; the rest waits in the pipe */
    }
}

enum status record_next(struct record_reader *reader, cJSON **out)
{
    uint32_t n = 0;

    *out = NULL;
    if (reader->length < LENGTH_BYTES)
        return STATUS_OK;
    for (int i = 0; i < LENGTH_BYTES; i++)
        n |= (uint32_t)(unsigned char)reader->data[i] << (8 * i);
    if (n > RECORD_MAX_BYTES)
        return fail(STATUS_COMM, "a record claims %u bytes, at most %d are allowed", n,
                    RECORD_MAX_BYTES);
    if (reader->length < (int64_t)n + LENGTH_BYTES)
        return STATUS_OK;
    cJSON *body = cJSON_ParseWithLength(reader->data + LENGTH_BYTES, n);
    if (!cJSON_IsObject(body)) {
        cJSON_Delete(body);
        return fail(STATUS_COMM, "a record of %u bytes is not a JSON object", n);
    }
    reader->length -= (int64_t)n + LENGTH_BYTES;
    memmove(reader->data, reader->data + LENGTH_BYTES + n, (size_t)reader->length);
    *out = body;
    return STATUS_OK;
}

void record_reader_release(struct record_reader *reader)
{
    free(reader->data);
    *reader = (struct record_reader){0};
}

cJSON *record_create(const char *kind)
{
    cJSON *body = cJSON_CreateObject();

    if (body != NULL && cJSON_AddStringToObject(body, "kind", kind) == NULL) {
        cJSON_Delete(body);
        return NULL;
    }
    return body;
}

bool record_add_exact(cJSON *body, const char *name, double value)
{
    char text[32];

    if (!isfinite(value))
        return cJSON_AddNullToObject(body, name) != NULL;
    return cJSON_AddRawToObject(body, name, text_from_double(value, text)) != NULL;
}

const char *record_text(const cJSON *body, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

double record_number(const cJSON *body, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

int64_t record_integer(const cJSON *body, const char *name)
{
    double value = record_number(body, name);
    return fabs(value) < 9e15 ? (int64_t)value : 0; /* false for NaN too */
}

bool record_is(const cJSON *body, const char *kind)
{
    return strcmp(record_text(body, "kind"), kind) == 0;
}
