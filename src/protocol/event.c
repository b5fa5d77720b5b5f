/* One function for both directions. */
#include "protocol/event.h"

#include "protocol/wire.h"

static void pass(struct wire *wire, struct event *event)
{
    int kind = (int)event->kind, status = (int)event->status;

    wire_choice(wire, &kind, N_EVENT_KINDS);
    wire_choice(wire, &status, N_STATUSES);
    event->kind = (enum event_kind)kind;
    event->status = (enum status)status;
    wire_integer(wire, &event->run);
    wire_integer(wire, &event->attempt);
    wire_integer(wire, &event->signal);
    wire_integer(wire, &event->n_devices);
    run_progress_pass(wire, &event->progress);
    wire_integer(wire, &event->epoch);
    wire_number(wire, &event->value);
    for (int i = 0; i < N_SCORES; i++)
        wire_number(wire, &event->scores[i]);
    wire_array(wire, event->build, sizeof event->build);
    wire_array(wire, event->host, sizeof event->host);
    wire_array(wire, event->text, sizeof event->text);
    wire_text(wire, &event->summary);
}

enum status event_encode(const struct event *event, struct text *out)
{
    struct wire wire = {.out = out};
    struct event copy = *event; /* which is only read: the wire writes */

    pass(&wire, &copy);
    return wire_end(&wire, "an event");
}

enum status event_decode(const char *bytes, int64_t n, struct event *out)
{
    struct wire wire = {.bytes = bytes, .n = n};

    *out = (struct event){.kind = EVENT_NONE};
    pass(&wire, out);
    return wire_end(&wire, "an event");
}

const char *build_name(void)
{
    return PRUNELORA_VERSION " " PRUNELORA_COMMIT;
}
