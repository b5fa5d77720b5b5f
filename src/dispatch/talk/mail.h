/* What ranks say to each other: events to rank 0, orders from it. */
#ifndef DISPATCH_MAIL_H
#define DISPATCH_MAIL_H

#include "dispatch/talk/transport.h"
#include "protocol/event.h"
#include "protocol/order.h"

struct mail {
    int from;      /* -1: nothing has arrived */
    bool is_order; /* to this rank; else an event, which only rank 0 gets */
    struct event event;
    struct order order;
};

CHECKED enum status mail_event(struct transport *transport, const struct event *event);
CHECKED enum status mail_order(struct transport *transport, int to, const struct order *order);
/* An order's lists and texts are in the arena; an event's summary is borrowed until the next call.
 * COMM for what is neither. */
CHECKED enum status mail_receive(struct transport *transport, struct arena *arena,
                                 struct mail *out);

#endif
