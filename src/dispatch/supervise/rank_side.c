/* Translates messages into orders for the supervisor and its events into messages. */
#include "dispatch/supervise/rank_side.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "dispatch/talk/parts.h"
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
    char host[HOST_BYTES];
    char run_id[RUN_ID_BYTES];
    bool is_finished;
    double last_heartbeat, last_heard, last_poll;
};

static enum status tell(struct rank_side *member, struct message *message)
{
    memcpy(message->host, member->host, HOST_BYTES);
    memcpy(message->run_id, member->run_id, RUN_ID_BYTES);
    return message_send(member->settings.transport, 0, message);
}

/* In the results folder, "rank-0003.log": what trainers print between their runs. */
static enum status name_log(struct rank_side *member)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    char stem[32];
    const char *path = NULL;

    snprintf(stem, sizeof stem, "rank-%04d", transport_rank(member->settings.transport));
    TRY(arena_create(&arena));
    TRY_ALLOC(path, shard_path(arena, member->settings.folder, member->settings.shard,
                               (struct shard_file){stem, "log"}));
    if (strlen(path) >= sizeof member->log_path)
        TRY(fail(STATUS_IO, "the path of the results folder is too long"));
    copy_text(member->log_path, sizeof member->log_path, path);
    member->settings.supervisor.log = member->log_path;
done:
    arena_destroy(arena);
    return status;
}

enum status rank_side_create(const struct rank_side_settings *settings, struct rank_side **out)
{
    enum status status = STATUS_OK;
    struct rank_side *member = NULL;
    struct message hello = {.kind = MESSAGE_HELLO};

    TRY_ALLOC(member, heap_alloc(1, sizeof *member));
    member->settings = *settings;
    member->last_heard = member->last_heartbeat = clock_seconds();
    host_name(member->host);
    TRY(name_log(member));
    if (settings->complaint[0] == '\0')
        TRY(supervisor_create(&member->settings.supervisor, &member->supervisor));
    copy_text(hello.text, sizeof hello.text, settings->complaint);
    hello.status = (int32_t)settings->complaint_status;
    TRY(tell(member, &hello));
    *out = member;
    member = NULL;
done:
    rank_side_destroy(member);
    return status;
}

void rank_side_destroy(struct rank_side *member)
{
    if (member == NULL)
        return;
    supervisor_destroy(member->supervisor);
    free(member);
}

/* Rungs before the one at which the run is to ask; all of its own when it asks no more. */
static enum status find_passed_rungs(const struct sweep *sweep, const struct message *message,
                                     struct arena *arena, struct supervisor_job *job)
{
    enum status status = STATUS_OK;
    int64_t end = early_run_epochs(&sweep->runs[message->run]), n = 0;
    int64_t *epochs = NULL;

    if (sweep->early.type == EARLY_NONE)
        return STATUS_OK;
    if (message->rung_epoch > 0 && message->rung_epoch < end)
        end = message->rung_epoch;
    while (early_rung_epoch(&sweep->early, n) < end)
        n++;
    TRY_ALLOC(epochs, ARENA_ARRAY(arena, n, int64_t));
    for (int64_t k = 0; k < n; k++)
        epochs[k] = early_rung_epoch(&sweep->early, k);
    job->metric = sweep->early.metric;
    job->passed_rungs = epochs;
    job->n_passed_rungs = n;
done:
    return status;
}

static enum status assign(struct rank_side *member, const struct message *message)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct text json = {0};
    const char *folder = NULL;
    const struct sweep *sweep = member->settings.sweep;
    const struct run *run = &sweep->runs[message->run];

    TRY(arena_create(&arena));
    TRY(settings_to_json(&run->settings, &json));
    /* The id comes from rank 0: hashes of files this rank may not even see go into it. */
    memcpy(member->run_id, message->run_id, RUN_ID_BYTES);
    TRY_ALLOC(folder,
              run_attempt_folder(arena, member->settings.folder, member->run_id, message->attempt));
    struct supervisor_job job = {
        .run = message->run,
        .attempt = message->attempt,
        .id = member->run_id,
        .name = run->name,
        .folder = folder,
        .settings_json = text_value(&json),
        .split_hash = message->split_hash,
        .weights_hash = message->weights_hash,
        .rung_epoch = message->rung_epoch,
    };
    TRY(find_passed_rungs(sweep, message, arena, &job));
    TRY(supervisor_assign(member->supervisor, &job));
done:
    text_release(&json);
    arena_destroy(arena);
    return status;
}

static enum status restart(struct rank_side *member)
{
    if (member->supervisor == NULL)
        return STATUS_OK; /* it is shutting down */
    log_warning("this rank was given up after a silence; its run was given to another one");
    supervisor_destroy(member->supervisor);
    member->supervisor = NULL;
    return supervisor_create(&member->settings.supervisor, &member->supervisor);
}

static enum status shut_down(struct rank_side *member)
{
    struct message bye = {.kind = MESSAGE_BYE};

    supervisor_destroy(member->supervisor);
    member->supervisor = NULL;
    member->is_finished = true;
    return tell(member, &bye);
}

enum status rank_side_receive(struct rank_side *member, const struct message *message)
{
    member->last_heard = clock_seconds();
    switch (message->kind) {
    case MESSAGE_ASSIGN:
        if (member->supervisor == NULL || message->run < 0 ||
            message->run >= member->settings.sweep->n_runs)
            return fail(STATUS_COMM, "rank 0 assigned run %" PRId64 ", which this rank cannot do",
                        message->run);
        return assign(member, message);
    case MESSAGE_VERDICT:
        if (member->supervisor != NULL && message->verdict >= VERDICT_NONE &&
            message->verdict <= VERDICT_STOP)
            supervisor_verdict(member->supervisor, message);
        return STATUS_OK;
    case MESSAGE_RESTART:
        return restart(member);
    case MESSAGE_STOP:
        if (member->supervisor != NULL)
            supervisor_stop(member->supervisor);
        return STATUS_OK;
    case MESSAGE_SHUTDOWN:
        return member->is_finished ? STATUS_OK : shut_down(member);
    default:
        return STATUS_OK;
    }
}

/* A process that died could not say why in a record; perhaps it did in its output. */
static void add_output(const struct rank_side *member, const struct supervisor_event *event,
                       char text[MESSAGE_TEXT_BYTES])
{
    size_t n = strlen(text);

    if (event->kind == SUPERVISOR_CRASHED)
        snprintf(text + n, MESSAGE_TEXT_BYTES - n,
                 "; its output: runs/%s/a%" PRId64 "/" RUN_LOG_NAME, member->run_id,
                 event->attempt);
    else if (event->kind == SUPERVISOR_GAVE_UP)
        snprintf(text + n, MESSAGE_TEXT_BYTES - n, "; their output: %s",
                 path_base(member->log_path));
}

static enum status report(struct rank_side *member, const struct supervisor_event *event)
{
    enum status status = STATUS_OK;
    static const int kinds[] = {
        [SUPERVISOR_READY] = MESSAGE_READY,     [SUPERVISOR_PROGRESS] = MESSAGE_PROGRESS,
        [SUPERVISOR_RUNG] = MESSAGE_RUNG,       [SUPERVISOR_PAUSED] = MESSAGE_PAUSED,
        [SUPERVISOR_DONE] = MESSAGE_DONE,       [SUPERVISOR_FAILED] = MESSAGE_FAILED,
        [SUPERVISOR_CRASHED] = MESSAGE_CRASHED, [SUPERVISOR_GAVE_UP] = MESSAGE_GAVE_UP,
    };
    struct message message = {
        .kind = kinds[event->kind],
        .status = (int32_t)event->status,
        .signal = event->signal,
        .run = event->run,
        .attempt = event->attempt,
        .progress = event->progress,
        .rung_epoch = event->rung_epoch,
        .value = event->value,
    };
    memcpy(message.scores, event->scores, sizeof message.scores);
    memcpy(message.text, event->text, sizeof message.text);
    add_output(member, event, message.text);
    member->last_heartbeat = clock_seconds();
    if (event->kind == SUPERVISOR_DONE)
        TRY(parts_send(member->settings.transport, event->summary, &message));
    TRY(tell(member, &message));
done:
    return status;
}

/* A process that was suspended heard nothing, which says nothing of rank 0. */
static void forgive_own_sleep(struct rank_side *member, double now)
{
    if (member->last_poll > 0 && now - member->last_poll > suspended_seconds)
        member->last_heard = now;
    member->last_poll = now;
}

enum status rank_side_poll(struct rank_side *member)
{
    enum status status = STATUS_OK;
    double now = clock_seconds();

    forgive_own_sleep(member, now);
    while (member->supervisor != NULL) {
        struct supervisor_event event;
        supervisor_poll(member->supervisor, &event);
        if (event.kind == SUPERVISOR_NOTHING)
            break;
        TRY(report(member, &event));
    }
    if (now - member->last_heartbeat > heartbeat_every_seconds) {
        struct message beat = {.kind = MESSAGE_HEARTBEAT};
        member->last_heartbeat = now;
        TRY(tell(member, &beat));
    }
    if (transport_rank(member->settings.transport) != 0 &&
        now - member->last_heard > coordinator_deadline_seconds)
        TRY(fail(STATUS_COMM, "rank 0 has been silent for %.0f s", now - member->last_heard));
done:
    return status;
}

void rank_side_wait(const struct rank_side *member, int signal_fd)
{
    const struct transport *transport = member->settings.transport;
    struct pollfd fds[] = {{.fd = -1}, {.fd = signal_fd, .events = POLLIN}};

    if (transport->first != NULL)
        return; /* a letter to oneself is waiting */
    if (member->supervisor != NULL)
        fds[0] = supervisor_pollfd(member->supervisor);
    poll(fds, 2, transport->size == 1 ? WAIT_ALONE_MS : WAIT_MS);
}

bool rank_side_is_finished(const struct rank_side *member)
{
    return member->is_finished;
}

enum status rank_side_request_stop(struct rank_side *member)
{
    struct message request = {.kind = MESSAGE_STOP_REQUEST};
    return tell(member, &request);
}
