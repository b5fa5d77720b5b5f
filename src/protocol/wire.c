/* Reading checks every length against what is left; after a first mistake all that is read is 0 or
 * "". */
#include "protocol/wire.h"

#include <inttypes.h>
#include <string.h>

static bool is_writing(const struct wire *wire)
{
    return wire->out != NULL;
}

/* The next n bytes; NULL when they are not there. */
static const char *take(struct wire *wire, int64_t n)
{
    if (wire->is_bad || n < 0 || n > wire->n - wire->at) {
        wire->is_bad = true;
        return NULL;
    }
    wire->at += n;
    return wire->bytes + wire->at - n;
}

static void pass_bytes(struct wire *wire, void *value, int64_t n)
{
    if (is_writing(wire)) {
        text_append_bytes(wire->out, value, n);
        return;
    }
    const char *bytes = take(wire, n);
    if (bytes != NULL)
        memcpy(value, bytes, (size_t)n);
    else
        memset(value, 0, (size_t)n);
}

void wire_integer(struct wire *wire, int64_t *value)
{
    pass_bytes(wire, value, sizeof *value);
}

void wire_number(struct wire *wire, double *value)
{
    pass_bytes(wire, value, sizeof *value);
}

void wire_choice(struct wire *wire, int *value, int n)
{
    int64_t number = *value;

    wire_integer(wire, &number);
    if (number < 0 || number >= n) {
        wire->is_bad = true;
        number = 0;
    }
    *value = (int)number;
}

void wire_text(struct wire *wire, const char **value)
{
    int64_t n = is_writing(wire) && *value != NULL ? (int64_t)strlen(*value) : 0;

    wire_integer(wire, &n);
    if (is_writing(wire)) {
        text_append_bytes(wire->out, *value != NULL ? *value : "", n + 1);
        return;
    }
    const char *bytes = n >= 0 && n < INT64_MAX ? take(wire, n + 1) : NULL;
    bool is_text = bytes != NULL && memchr(bytes, '\0', (size_t)n + 1) == bytes + n;
    wire->is_bad = wire->is_bad || !is_text;
    *value = is_text ? bytes : "";
}

void wire_array(struct wire *wire, char *value, size_t capacity)
{
    const char *text = value;

    wire_text(wire, &text);
    if (is_writing(wire))
        return;
    if (strlen(text) >= capacity) {
        wire->is_bad = true;
        text = "";
    }
    memcpy(value, text, strlen(text) + 1);
}

void wire_count(struct wire *wire, int64_t *n)
{
    wire_integer(wire, n);
    if (!is_writing(wire) && (*n < 0 || *n > (wire->n - wire->at) / (int64_t)sizeof *n)) {
        wire->is_bad = true;
        *n = 0;
    }
}

enum status wire_end(const struct wire *wire, const char *what)
{
    if (is_writing(wire))
        return text_finish(wire->out);
    if (!wire->is_bad && wire->at == wire->n)
        return STATUS_OK;
    return fail(STATUS_COMM, "%s of %" PRId64 " bytes is not understood, at byte %" PRId64, what,
                wire->n, wire->at);
}
