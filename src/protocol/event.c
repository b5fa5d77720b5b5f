/* One function for both directions. */
#include "protocol/event.h"

#include "protocol/wire.h"

static void pass_scores(struct wire *wire, struct event *event)
{
    for (int i = 0; i < N_SCORES; i++)
        wire_number(wire, &event->scores[i]);
    wire_text(wire, &event->summary);
}

static void pass_trouble(struct wire *wire, struct event *event)
{
    int status = (int)event->status;

    wire_choice(wire, &status, N_STATUSES);
    event->status = (enum status)status;
    wire_integer(wire, &event->signal);
    wire_array(wire, event->text, sizeof event->text);
}

/* What belongs to the kind: most events are small. */
static void pass_members(struct wire *wire, struct event *event)
{
    switch (event->kind) {
    case EVENT_HELLO:
        wire_integer(wire, &event->n_devices);
        wire_array(wire, event->build, sizeof event->build);
        wire_array(wire, event->host, sizeof event->host);
        pass_trouble(wire, event);
        break;
    case EVENT_HEARTBEAT:
    case EVENT_PROGRESS:
        run_progress_pass(wire, &event->progress);
        break;
    case EVENT_RUNG:
        run_progress_pass(wire, &event->progress);
        wire_integer(wire, &event->epoch);
        wire_number(wire, &event->value);
        break;
    case EVENT_DONE:
        pass_scores(wire, event);
        break;
    case EVENT_UNABLE:
    case EVENT_FAILED:
    case EVENT_CRASHED:
    case EVENT_GAVE_UP:
        pass_trouble(wire, event);
        break;
    default:
        break;
    }
}

static void pass(struct wire *wire, struct event *event)
{
    int kind = (int)event->kind;

    wire_choice(wire, &kind, N_EVENT_KINDS);
    event->kind = (enum event_kind)kind;
    wire_integer(wire, &event->run);
    wire_integer(wire, &event->attempt);
    pass_members(wire, event);
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
