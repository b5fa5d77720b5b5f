/* What is said to a rank by rank 0, and by a rank to its trainer. */
#ifndef PROTOCOL_ORDER_H
#define PROTOCOL_ORDER_H

#include "protocol/assignment.h"
#include "protocol/verdict.h"

#include "base/text.h"

enum order_kind {
    ORDER_NONE,
    /* to a trainer as well */
    ORDER_ASSIGN,  /* assignment */
    ORDER_VERDICT, /* verdict */
    ORDER_STOP,    /* checkpoint and end the run under way */
    /* to a rank */
    ORDER_HEARTBEAT,
    ORDER_RESTART,  /* after a silence: kill the trainer, whose run is another rank's, start anew */
    ORDER_SHUTDOWN, /* end the trainer, say BYE */
    N_ORDER_KINDS
};

struct order {
    enum order_kind kind;
    struct assignment assignment;
    struct verdict verdict;
};

/* Appends to `out`. */
CHECKED enum status order_encode(const struct order *order, struct text *out);
/* Lists and texts in the arena. COMM for what is no order. */
CHECKED enum status order_decode(const char *bytes, int64_t n, struct arena *arena,
                                 struct order *out);

#endif
