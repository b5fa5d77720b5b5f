/* A letter begins with where it belongs. MPI keeps the order between two ranks, so that parts are
 * appended as they come. */
#include "dispatch/talk/parts.h"

#include <inttypes.h>
#include <string.h>

struct part_head {
    uint32_t at, n; /* of its first byte; bytes of the whole */
};
struct letter_part {
    struct part_head head;
    const char *bytes; /* [length], borrowed */
    int64_t length;
};
enum { PART_BYTES = TRANSPORT_MAX_BYTES - (int)sizeof(struct part_head) };

enum status parts_send(struct transport *transport, int to, const char *bytes, int64_t n)
{
    enum status status = STATUS_OK;
    char letter[TRANSPORT_MAX_BYTES];
    int64_t at = 0;

    if (n > UINT32_MAX)
        TRY(fail(STATUS_COMM, "%" PRId64 " bytes are too many for another rank", n));
    do { /* nothing is a letter as well */
        size_t here = n - at < PART_BYTES ? (size_t)(n - at) : PART_BYTES;
        struct part_head head = {(uint32_t)at, (uint32_t)n};
        memcpy(letter, &head, sizeof head);
        memcpy(letter + sizeof head, bytes + at, here);
        TRY(transport_send(transport, to, letter, sizeof head + here));
        at += (int64_t)here;
    } while (at < n);
done:
    return status;
}

/* What came before of the same whole; made when a first part arrives. */
static struct text *gathered_from(struct transport *transport, int from)
{
    if (transport->gathered == NULL)
        transport->gathered = heap_alloc(transport->size, sizeof *transport->gathered);
    return transport->gathered == NULL ? NULL : &transport->gathered[from];
}

static enum status check_place(int from, const struct letter_part *part, int64_t arrived)
{
    const struct part_head *head = &part->head;

    if (arrived == head->at && head->at + part->length <= head->n)
        return STATUS_OK;
    return fail(STATUS_COMM,
                "rank %d sent %" PRId64 " bytes to stand at byte %" PRIu32 " of %" PRIu32
                ", after %" PRId64 " that arrived",
                from, part->length, head->at, head->n, arrived);
}

/* *is_whole: then it is in transport->whole. */
static enum status join(struct transport *transport, int from, const struct letter_part *part,
                        bool *is_whole)
{
    enum status status = STATUS_OK;
    struct text *text = NULL;

    TRY_ALLOC(text, gathered_from(transport, from));
    if (part->head.at == 0)
        text->length = 0;
    TRY(check_place(from, part, text->length));
    text_append_bytes(text, part->bytes, part->length);
    TRY(text_finish(text));
    *is_whole = text->length == part->head.n;
    if (*is_whole) {
        text_release(&transport->whole);
        transport->whole = *text;
        *text = (struct text){0};
    }
done:
    return status;
}

static enum status open_letter(const char *letter, size_t n, int from, struct letter_part *out)
{
    if (n < sizeof out->head)
        return fail(STATUS_COMM, "rank %d sent %zu bytes, a letter has at least %zu", from, n,
                    sizeof out->head);
    memcpy(&out->head, letter, sizeof out->head);
    out->bytes = letter + sizeof out->head;
    out->length = (int64_t)(n - sizeof out->head);
    return STATUS_OK;
}

enum status parts_receive(struct transport *transport, int *from, const char **bytes, int64_t *n)
{
    enum status status = STATUS_OK;
    bool is_whole = false;

    while (!is_whole) {
        struct letter_part part = {{0}, NULL, 0};
        size_t length = 0;
        TRY(transport_receive(transport, from, transport->letter, &length));
        if (*from < 0)
            break;
        TRY(open_letter(transport->letter, length, *from, &part));
        if (part.head.at == 0 && part.head.n == part.length) { /* most are */
            *bytes = part.bytes;
            *n = part.length;
            break;
        }
        TRY(join(transport, *from, &part, &is_whole));
        *bytes = transport->whole.data;
        *n = transport->whole.length;
    }
done:
    return status;
}
