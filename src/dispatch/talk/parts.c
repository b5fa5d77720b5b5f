/* MPI keeps the order between two ranks, so parts are appended as they come. */
#include "dispatch/talk/parts.h"

#include <inttypes.h>
#include <string.h>

enum { PART_BYTES = MESSAGE_TEXT_BYTES - 1 }; /* and a zero */

enum status parts_send(struct transport *transport, const char *text, struct message *last)
{
    enum status status = STATUS_OK;
    struct message part = {.kind = MESSAGE_PART, .run = last->run, .attempt = last->attempt};
    size_t n = strlen(text);

    memcpy(part.host, last->host, HOST_BYTES);
    last->n_bytes = (int64_t)n;
    for (size_t at = 0; at < n; at += PART_BYTES) {
        size_t here = n - at < PART_BYTES ? n - at : PART_BYTES;
        part.n_bytes = (int64_t)at;
        memcpy(part.text, text + at, here);
        part.text[here] = '\0';
        TRY(message_send(transport, 0, &part));
    }
done:
    return status;
}

enum status parts_add(struct gathered *gathered, const struct message *part)
{
    struct text *text = &gathered->text;

    if (part->n_bytes == 0) {
        text->length = 0;
        gathered->run = part->run;
        gathered->attempt = part->attempt;
    }
    if (gathered->run != part->run || gathered->attempt != part->attempt ||
        text->length != part->n_bytes)
        return fail(STATUS_COMM,
                    "a part of run %" PRId64 " attempt %" PRId64 " begins at byte %" PRId64
                    ", after %" PRId64 " that arrived",
                    part->run, part->attempt, part->n_bytes, text->length);
    text_append_bytes(text, part->text, (int64_t)strlen(part->text));
    return text_finish(text);
}

const char *parts_whole(const struct gathered *gathered, const struct message *last)
{
    if (last->n_bytes == 0)
        return "";
    bool is_whole = gathered->run == last->run && gathered->attempt == last->attempt &&
                    gathered->text.length == last->n_bytes;
    return is_whole ? text_value(&gathered->text) : NULL;
}

void parts_release(struct gathered *gathered)
{
    text_release(&gathered->text);
}
