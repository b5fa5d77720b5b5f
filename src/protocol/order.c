/* One function for both directions. */
#include "protocol/order.h"

#include "protocol/wire.h"

static void pass(struct wire *wire, struct order *order, struct arena *arena)
{
    int kind = (int)order->kind;

    wire_choice(wire, &kind, N_ORDER_KINDS);
    order->kind = (enum order_kind)kind;
    if (order->kind == ORDER_ASSIGN)
        assignment_pass(wire, &order->assignment, arena);
    if (order->kind == ORDER_VERDICT)
        verdict_pass(wire, &order->verdict);
}

enum status order_encode(const struct order *order, struct text *out)
{
    struct wire wire = {.out = out};
    struct order copy = *order; /* which is only read: the wire writes */

    pass(&wire, &copy, NULL);
    return wire_end(&wire, "an order");
}

enum status order_decode(const char *bytes, int64_t n, struct arena *arena, struct order *out)
{
    struct wire wire = {.bytes = bytes, .n = n};

    *out = (struct order){.kind = ORDER_NONE};
    pass(&wire, out, arena);
    return wire_end(&wire, "an order");
}
