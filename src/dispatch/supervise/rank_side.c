/* Passes orders of rank 0 on to the supervisor, with what its trainer needs, and its events to rank
 * 0. */
#include "dispatch/supervise/rank_side.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "store/results/run_paths.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 10 ms: under 0.5 % of a core for polling MPI. Alone, everything that matters wakes poll(). */
enum { WAIT_MS = 10, WAIT_ALONE_MS = 100 };
static const double heartbeat_every_seconds = 2.0;
static const double coordinator_deadline_seconds = 30.0;
static const double suspended_seconds = 5.0; /* between two polls, which come every 10 ms */

struct rank_side {
    struct rank_side_settings settings;
    char log_path[4096];           /* of the trainer */
    struct supervisor *supervisor; /* NULL until the first run is near, and after SHUTDOWN */
    const char *run_id;            /* of the run given last; borrowed from the sweep */
    bool is_finished;
    double last_heartbeat, last_heard, last_poll;
};

static enum status tell(struct rank_side *side, enum event_kind kind)
{
    const struct event event = {.kind = kind};
    return mail_event(side->settings.transport, &event);
}

/* In the results folder, "rank-0003.log": what trainers print between their runs. */
static enum status name_log(struct rank_side *side)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    char stem[32];
    const char *path = NULL;

    snprintf(stem, sizeof stem, "rank-%04d", transport_rank(side->settings.transport));
    TRY(arena_create(&arena));
    TRY_ALLOC(path, shard_path(arena, side->settings.folder, side->settings.shard,
                               (struct shard_file){stem, "log"}));
    if (strlen(path) >= sizeof side->log_path)
        TRY(fail(STATUS_IO, "the path of the results folder is too long"));
    copy_text(side->log_path, sizeof side->log_path, path);
    side->settings.supervisor.log = side->log_path;
done:
    arena_destroy(arena);
    return status;
}

enum status rank_side_create(const struct rank_side_settings *settings, struct rank_side **out)
{
    enum status status = STATUS_OK;
    struct rank_side *side = NULL;
    struct event hello = {.kind = EVENT_HELLO, .status = settings->complaint_status};

    TRY_ALLOC(side, heap_alloc(1, sizeof *side));
    side->settings = *settings;
    side->last_heard = side->last_heartbeat = clock_seconds();
    side->run_id = "";
    TRY(name_log(side));
    if (settings->complaint[0] == '\0')
        TRY(supervisor_create(&side->settings.supervisor, &side->supervisor));
    host_name(hello.host);
    copy_text(hello.text, sizeof hello.text, settings->complaint);
    TRY(mail_event(settings->transport, &hello));
    *out = side;
    side = NULL;
done:
    rank_side_destroy(side);
    return status;
}

void rank_side_destroy(struct rank_side *side)
{
    if (side == NULL)
        return;
    supervisor_destroy(side->supervisor);
    free(side);
}

/* Rungs before the one at which the run is to ask; all of its own when it asks no more. */
static enum status find_passed_rungs(const struct sweep *sweep, struct arena *arena,
                                     struct assigned_run *run)
{
    enum status status = STATUS_OK;
    int64_t end = early_run_epochs(&sweep->runs[run->run]), n = 0;
    int64_t *epochs = NULL;

    if (sweep->early.type == EARLY_NONE)
        return STATUS_OK;
    if (run->rung_epoch > 0 && run->rung_epoch < end)
        end = run->rung_epoch;
    while (early_rung_epoch(&sweep->early, n) < end)
        n++;
    TRY_ALLOC(epochs, ARENA_ARRAY(arena, n, int64_t));
    for (int64_t k = 0; k < n; k++)
        epochs[k] = early_rung_epoch(&sweep->early, k);
    run->metric = sweep->early.metric;
    run->passed_rungs = epochs;
    run->n_passed_rungs = n;
done:
    return status;
}

/* What the plan says of a run that rank 0 named by its index. */
static enum status complete(const struct rank_side *side, struct arena *arena,
                            struct assigned_run *run)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = side->settings.sweep;
    struct text json = {0};

    if (run->run < 0 || run->run >= sweep->n_runs)
        TRY(fail(STATUS_COMM, "rank 0 assigned run %" PRId64 " of a plan of %" PRId64, run->run,
                 sweep->n_runs));
    const struct run *planned = &sweep->runs[run->run];
    run->id = planned->id;
    run->name = planned->name;
    run->split_hash = planned->split_hash;
    run->weights_hash = planned->weights_hash;
    TRY_ALLOC(run->folder, run_attempt_folder(arena, side->settings.folder, run->id, run->attempt));
    TRY(settings_to_json(&planned->settings, &json));
    TRY_ALLOC(run->settings, arena_strdup(arena, text_value(&json)));
    TRY(find_passed_rungs(sweep, arena, run));
done:
    text_release(&json);
    return status;
}

static enum status assign(struct rank_side *side, const struct assignment *assignment)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;

    if (side->supervisor == NULL)
        TRY(fail(STATUS_COMM, "rank 0 assigned a run to a rank that is shutting down"));
    TRY(arena_create(&arena));
    for (int64_t l = 0; l < assignment->n_lanes; l++)
        for (int64_t i = 0; i < assignment->lanes[l].n_runs; i++) {
            TRY(complete(side, arena, &assignment->lanes[l].runs[i]));
            side->run_id = assignment->lanes[l].runs[i].id;
        }
    TRY(supervisor_assign(side->supervisor, assignment));
done:
    arena_destroy(arena);
    return status;
}

static enum status restart(struct rank_side *side)
{
    if (side->supervisor == NULL)
        return STATUS_OK; /* it is shutting down */
    log_warning("this rank was given up after a silence; its run was given to another one");
    supervisor_destroy(side->supervisor);
    side->supervisor = NULL;
    return supervisor_create(&side->settings.supervisor, &side->supervisor);
}

static enum status shut_down(struct rank_side *side)
{
    supervisor_destroy(side->supervisor);
    side->supervisor = NULL;
    side->is_finished = true;
    return tell(side, EVENT_BYE);
}

enum status rank_side_receive(struct rank_side *side, const struct order *order)
{
    side->last_heard = clock_seconds();
    switch (order->kind) {
    case ORDER_ASSIGN:
        return assign(side, &order->assignment);
    case ORDER_VERDICT:
        if (side->supervisor != NULL)
            supervisor_verdict(side->supervisor, &order->verdict);
        return STATUS_OK;
    case ORDER_RESTART:
        return restart(side);
    case ORDER_STOP:
        if (side->supervisor != NULL)
            supervisor_stop(side->supervisor);
        return STATUS_OK;
    case ORDER_SHUTDOWN:
        return side->is_finished ? STATUS_OK : shut_down(side);
    default:
        return STATUS_OK;
    }
}

/* A process that died could not say why; perhaps it did in its output. */
static void add_output(const struct rank_side *side, struct event *event)
{
    size_t n = strlen(event->text);

    if (event->kind == EVENT_CRASHED)
        snprintf(event->text + n, EVENT_TEXT_BYTES - n,
                 "; its output: runs/%s/a%" PRId64 "/" RUN_LOG_NAME, side->run_id, event->attempt);
    else if (event->kind == EVENT_GAVE_UP)
        snprintf(event->text + n, EVENT_TEXT_BYTES - n, "; their output: %s",
                 path_base(side->log_path));
}

/* A process that was suspended heard nothing, which says nothing of rank 0. */
static void forgive_own_sleep(struct rank_side *side, double now)
{
    if (side->last_poll > 0 && now - side->last_poll > suspended_seconds)
        side->last_heard = now;
    side->last_poll = now;
}

enum status rank_side_poll(struct rank_side *side)
{
    enum status status = STATUS_OK;
    double now = clock_seconds();

    forgive_own_sleep(side, now);
    while (side->supervisor != NULL) {
        struct event event;
        supervisor_poll(side->supervisor, &event);
        if (event.kind == EVENT_NONE)
            break;
        add_output(side, &event);
        side->last_heartbeat = now;
        TRY(mail_event(side->settings.transport, &event));
    }
    if (now - side->last_heartbeat > heartbeat_every_seconds) {
        side->last_heartbeat = now;
        TRY(tell(side, EVENT_HEARTBEAT));
    }
    if (transport_rank(side->settings.transport) != 0 &&
        now - side->last_heard > coordinator_deadline_seconds)
        TRY(fail(STATUS_COMM, "rank 0 has been silent for %.0f s", now - side->last_heard));
done:
    return status;
}

void rank_side_wait(const struct rank_side *side, int signal_fd)
{
    const struct transport *transport = side->settings.transport;
    struct pollfd fds[] = {{.fd = -1}, {.fd = signal_fd, .events = POLLIN}};

    if (transport->first != NULL)
        return; /* a letter to oneself is waiting */
    if (side->supervisor != NULL)
        fds[0] = supervisor_pollfd(side->supervisor);
    poll(fds, 2, transport->size == 1 ? WAIT_ALONE_MS : WAIT_MS);
}

bool rank_side_is_finished(const struct rank_side *side)
{
    return side->is_finished;
}

enum status rank_side_request_stop(struct rank_side *side)
{
    return tell(side, EVENT_STOP_REQUEST);
}
