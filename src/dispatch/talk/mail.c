/* A first byte tells orders from events: rank 0 gets both, as it is a rank as well. */
#include "dispatch/talk/mail.h"

#include "dispatch/talk/parts.h"

static const char event_mark[] = "e", order_mark[] = "o";

enum status mail_event(struct transport *transport, const struct event *event)
{
    enum status status = STATUS_OK;
    struct text *text = &transport->outgoing;

    text->length = 0;
    text_append_bytes(text, event_mark, 1);
    TRY(event_encode(event, text));
    TRY(parts_send(transport, 0, text->data, text->length));
done:
    return status;
}

enum status mail_order(struct transport *transport, int to, const struct order *order)
{
    enum status status = STATUS_OK;
    struct text *text = &transport->outgoing;

    text->length = 0;
    text_append_bytes(text, order_mark, 1);
    TRY(order_encode(order, text));
    TRY(parts_send(transport, to, text->data, text->length));
done:
    return status;
}

enum status mail_receive(struct transport *transport, struct arena *arena, struct mail *out)
{
    enum status status = STATUS_OK;
    const char *bytes = NULL;
    int64_t n = 0;

    TRY(parts_receive(transport, &out->from, &bytes, &n));
    if (out->from < 0)
        goto done;
    out->is_order = n > 0 && bytes[0] == order_mark[0];
    if (out->is_order)
        TRY(order_decode(bytes + 1, n - 1, arena, &out->order));
    else if (n > 0 && bytes[0] == event_mark[0])
        TRY(event_decode(bytes + 1, n - 1, &out->event));
    else
        TRY(fail(STATUS_COMM, "rank %d sent neither an event nor an order", out->from));
done:
    return status;
}
