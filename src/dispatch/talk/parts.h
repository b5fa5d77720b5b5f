/* A text that is larger than a message goes in parts, ahead of the message it belongs to. */
#ifndef DISPATCH_PARTS_H
#define DISPATCH_PARTS_H

#include "dispatch/talk/message.h"

/* Of one attempt of one run; another attempt's first part begins anew. */
struct gathered {
    int64_t run, attempt;
    struct text text; /* owned */
};

/* To rank 0, as PART messages of the run and attempt of `last`, whose n_bytes is set to the text's:
 * it is sent next. */
CHECKED enum status parts_send(struct transport *transport, const char *text, struct message *last);
CHECKED enum status parts_add(struct gathered *gathered, const struct message *part);
/* The whole text, borrowed until the next part; "" when `last` had none; NULL when something is
 * missing of it. */
const char *parts_whole(const struct gathered *gathered, const struct message *last);
void parts_release(struct gathered *gathered);

#endif
