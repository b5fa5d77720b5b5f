/* Runs wait in a queue; idle ranks take from its front. A first crash is mostly no fault of the
 * run: it goes on at once. What goes wrong again waits behind the others. */
#include "dispatch/lead/coordination.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/numerics.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double heartbeat_every_seconds = 2.0, watch_every_seconds = 0.25;

static void enqueue_pending(struct coordinator *coordinator, bool are_references)
{
    for (int64_t i = 0; i < coordinator->start.sweep->n_runs; i++)
        if (coordinator->start.states[i].phase == RUN_PENDING &&
            !coordinator->start.states[i].is_held &&
            coordinator->start.sweep->runs[i].is_reference == are_references)
            run_queue_push(&coordinator->queue, i);
}

enum status coordinator_create(const struct coordinator_start *start, struct coordinator **out)
{
    enum status status = STATUS_OK;
    struct coordinator *made = NULL;

    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    made->start = *start;
    if (made->start.settings.dead_seconds <= 0)
        made->start.settings.dead_seconds = 30;
    TRY(rank_table_init(&made->ranks, transport_size(start->transport), clock_seconds()));
    TRY(run_queue_init(&made->queue, start->sweep->n_runs));
    enqueue_pending(made, true); /* the others' comparisons wait for them, and they take longest */
    enqueue_pending(made, false);
    coordination_apply(made, 0); /* an earlier start ended between a rung's last value and this */
    *out = made;
    made = NULL;
done:
    coordinator_destroy(made);
    return status;
}

void coordinator_destroy(struct coordinator *coordinator)
{
    if (coordinator == NULL)
        return;
    rank_table_release(&coordinator->ranks);
    run_queue_release(&coordinator->queue);
    free(coordinator);
}

void coordination_note(struct coordinator *coordinator, const char *format, ...)
{
    char text[EVENT_TEXT_BYTES + 256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    coordinator->start.sink.note(coordinator->start.sink.context, text);
}

void coordination_record(struct coordinator *coordinator, int rank, struct journal_event *event)
{
    event->rank = rank;
    memcpy(event->run_id, coordinator->start.sweep->runs[event->run].id, RUN_ID_BYTES);
    event->numerics = journal_kind_is_attempt(event->kind) ? NUMERICS_VERSION : 0;
    clock_timestamp(event->time);
    memcpy(event->host, coordinator->ranks.items[rank].host, HOST_BYTES);
    run_state_apply(&coordinator->start.states[event->run], event);
    coordinator->start.sink.event(coordinator->start.sink.context, event);
}

void coordination_happen(struct coordinator *coordinator, enum journal_kind kind, int rank,
                         const struct event *said)
{
    struct journal_event event = {
        .kind = kind,
        .run = said->run,
        .attempt = said->attempt,
        .signal = (int)said->signal,
        .status = said->status,
        .summary = said->summary != NULL ? said->summary : "",
    };
    memcpy(event.text, said->text, EVENT_TEXT_BYTES);
    coordination_record(coordinator, rank, &event);
}

enum status coordination_order(struct coordinator *coordinator, int rank, enum order_kind kind)
{
    const struct order order = {.kind = kind};
    return mail_order(coordinator->start.transport, rank, &order);
}

static int64_t next_attempt(const struct run_state *state)
{
    return (state->attempt > state->newest_folder ? state->attempt : state->newest_folder) + 1;
}

static enum status assign(struct coordinator *coordinator, int rank, int64_t run)
{
    struct known_rank *known = &coordinator->ranks.items[rank];
    struct assigned_run assigned = {
        .run = run,
        .attempt = next_attempt(&coordinator->start.states[run]),
        .rung_epoch = rungs_next_epoch(coordinator->start.rungs, run),
    };
    struct assigned_lane lane = {&assigned, 1};
    const struct order order = {.kind = ORDER_ASSIGN, .assignment = {&lane, 1}};
    const struct event given = {.run = run, .attempt = assigned.attempt};

    known->run = run;
    known->attempt = assigned.attempt;
    rank_table_move(&coordinator->ranks, rank, RANK_BUSY);
    coordinator->n_busy++;
    coordination_happen(coordinator, JOURNAL_ASSIGNED, rank, &given);
    return mail_order(coordinator->start.transport, rank, &order);
}

enum status coordination_deal(struct coordinator *coordinator)
{
    enum status status = STATUS_OK;

    while (!coordinator->is_stopping && coordinator->queue.n > 0) {
        int rank = rank_table_take_idle(&coordinator->ranks);
        if (rank < 0)
            break;
        TRY(assign(coordinator, rank, run_queue_pop(&coordinator->queue)));
    }
done:
    return status;
}

enum status coordinator_stop(struct coordinator *coordinator, const char *reason)
{
    enum status status = STATUS_OK;

    if (coordinator->is_stopping)
        return STATUS_OK;
    coordinator->is_stopping = true;
    copy_text(coordinator->stop_reason, sizeof coordinator->stop_reason, reason);
    coordination_note(coordinator, "stopping: %s; %" PRId64 " runs under way write a checkpoint",
                      reason, coordinator->n_busy);
    for (int i = 0; i < coordinator->ranks.n; i++)
        if (coordinator->ranks.items[i].phase == RANK_BUSY)
            TRY(coordination_order(coordinator, i, ORDER_STOP));
done:
    return status;
}

enum status coordinator_cancel(struct coordinator *coordinator, const char *reason)
{
    if (!coordinator->is_stopping)
        coordinator->is_cancelled = true;
    return coordinator_stop(coordinator, reason);
}

static enum status fail_for_good(struct coordinator *coordinator, int rank,
                                 const struct event *said)
{
    const struct coordinator_settings *settings = &coordinator->start.settings;
    char reason[128];

    coordination_happen(coordinator, JOURNAL_FAILED, rank, said);
    enum status status = coordination_lose_run(coordinator, rank, said->run);
    if (status != STATUS_OK)
        return status;
    coordinator->n_new_failures++;
    if (settings->fail_fast)
        return coordinator_stop(coordinator, "a run failed and on_failure.fail_fast is set");
    if (settings->max_fails == 0 || coordinator->n_new_failures < settings->max_fails)
        return STATUS_OK;
    snprintf(reason, sizeof reason, "%" PRId64 " runs failed, on_failure.max_fails is %" PRId64,
             coordinator->n_new_failures, settings->max_fails);
    return coordinator_stop(coordinator, reason);
}

/* What the machine did may go well another time; what the settings or files say will not. */
static bool may_help_to_retry(enum status status)
{
    return status == STATUS_IO || status == STATUS_OUT_OF_MEMORY || status == STATUS_DEVICE ||
           status == STATUS_COMM;
}

/* A full disk or other weights under the same name fail every run alike: none is charged with it,
 * and the sweep stops. */
static bool concerns_all(enum status status)
{
    return status == STATUS_STORAGE || status == STATUS_CHANGED_INPUT;
}

static enum status take_back(struct coordinator *coordinator, int rank, const struct event *said)
{
    coordination_happen(coordinator, JOURNAL_INTERRUPTED, rank, said);
    run_queue_push(&coordinator->queue, said->run);
    if (!concerns_all(said->status) || coordinator->trouble != STATUS_OK)
        return STATUS_OK;
    coordinator->trouble = said->status;
    snprintf(coordinator->trouble_text, sizeof coordinator->trouble_text,
             "rank %d on %s: %s; the runs that are left stay pending", rank,
             coordinator->ranks.items[rank].host, said->text);
    return coordinator_stop(coordinator, said->text);
}

static enum status run_failed(struct coordinator *coordinator, int rank, const struct event *said)
{
    struct run_state *state = &coordinator->start.states[said->run];
    enum status status = said->status;

    if (status == STATUS_CANCELLED || concerns_all(status))
        return take_back(coordinator, rank, said);
    if (may_help_to_retry(status) && state->n_retries < coordinator->start.settings.retries) {
        coordination_happen(coordinator, JOURNAL_RETRIED, rank, said);
        run_queue_push(&coordinator->queue, said->run);
        return STATUS_OK;
    }
    return fail_for_good(coordinator, rank, said);
}

enum status coordination_crash(struct coordinator *coordinator, int rank, const struct event *said)
{
    struct run_state *state = &coordinator->start.states[said->run];
    int64_t limit = coordinator->start.settings.crash_limit;
    struct event last = *said;

    coordination_happen(coordinator, JOURNAL_CRASHED, rank, said);
    if (limit == 0 || state->n_crashes < limit) {
        if (state->n_crashes == 1)
            run_queue_push_first(&coordinator->queue, said->run);
        else
            run_queue_push(&coordinator->queue, said->run);
        return STATUS_OK;
    }
    last.status = STATUS_DEVICE;
    snprintf(last.text, sizeof last.text,
             "set aside after %" PRId64 " crashes (on_failure.crash_limit), the last: %.380s",
             state->n_crashes, said->text);
    return fail_for_good(coordinator, rank, &last);
}

static bool is_own_run(const struct known_rank *known, const struct event *said)
{
    return known->phase == RANK_BUSY && known->run == said->run && known->attempt == said->attempt;
}

/* RUNG, DONE, PAUSED, FAILED and CRASHED count only for the attempt this rank was last given. */
static bool is_current(struct coordinator *coordinator, int rank, const struct event *said)
{
    if (is_own_run(&coordinator->ranks.items[rank], said))
        return true;
    log_info("rank %d spoke of run %" PRId64 " attempt %" PRId64 ", which is not its own: ignored",
             rank, said->run, said->attempt);
    return false;
}

static enum status end_attempt(struct coordinator *coordinator, int rank, const struct event *said)
{
    enum status status = STATUS_OK;

    if (!is_current(coordinator, rank, said))
        return STATUS_OK;
    rank_table_move(&coordinator->ranks, rank,
                    RANK_THERE); /* READY follows when its trainer is free again */
    coordinator->n_busy--;
    if (said->kind == EVENT_DONE) {
        coordination_happen(coordinator, JOURNAL_DONE, rank, said);
        coordinator->start.sink.heard(coordinator->start.sink.context, rank, said);
    } else if (said->kind == EVENT_PAUSED) {
        coordination_pause(coordinator, rank, said);
    } else if (said->kind == EVENT_FAILED) {
        TRY(run_failed(coordinator, rank, said));
    } else {
        TRY(coordination_crash(coordinator, rank, said));
    }
    TRY(coordination_deal(coordinator));
done:
    return status;
}

enum status coordinator_receive(struct coordinator *coordinator, int rank, const struct event *said)
{
    struct known_rank *known = &coordinator->ranks.items[rank];

    known->last_heard = clock_seconds();
    known->is_suspect = false;
    if (known->phase == RANK_GONE) {
        enum status status = coordination_welcome(coordinator, rank, said);
        if (status != STATUS_OK || said->kind != EVENT_HELLO)
            return status; /* of a rank that was slow to start, its first word counts as well */
    }
    switch (said->kind) {
    case EVENT_HELLO:
        memcpy(known->host, said->host, HOST_BYTES);
        rank_table_move(&coordinator->ranks, rank, RANK_THERE);
        if (said->text[0] != '\0')
            return fail(said->status != STATUS_OK ? said->status : STATUS_BAD_CONFIG,
                        "rank %d on %s: %s", rank, said->host, said->text);
        return STATUS_OK;
    case EVENT_READY:
        if (known->phase == RANK_THERE)
            rank_table_move(&coordinator->ranks, rank, RANK_IDLE);
        return coordination_deal(coordinator);
    case EVENT_PROGRESS:
        if (is_current(coordinator, rank, said))
            coordinator->start.sink.heard(coordinator->start.sink.context, rank, said);
        return STATUS_OK;
    case EVENT_RUNG:
        if (is_current(coordinator, rank, said))
            return coordination_reach(coordinator, rank, said);
        return STATUS_OK;
    case EVENT_DONE:
    case EVENT_PAUSED:
    case EVENT_FAILED:
    case EVENT_CRASHED:
        return end_attempt(coordinator, rank, said);
    case EVENT_GAVE_UP:
        return coordination_useless(coordinator, rank, said->text);
    case EVENT_STOP_REQUEST:
        return coordinator_cancel(coordinator, "a rank received a stop signal");
    case EVENT_BYE:
        rank_table_move(&coordinator->ranks, rank, RANK_GONE);
        return STATUS_OK;
    default:
        return STATUS_OK;
    }
}

static enum status begin_shutdown(struct coordinator *coordinator, double now)
{
    enum status status = STATUS_OK;

    coordinator->shutdown_at = now;
    for (int i = 0; i < coordinator->ranks.n; i++)
        if (coordinator->ranks.items[i].phase != RANK_GONE)
            TRY(coordination_order(coordinator, i, ORDER_SHUTDOWN));
done:
    return status;
}

enum status coordinator_end(struct coordinator *coordinator)
{
    if (coordinator->shutdown_at > 0)
        return STATUS_OK;
    coordinator->is_stopping = true;
    return begin_shutdown(coordinator, clock_seconds());
}

enum status coordinator_tick(struct coordinator *coordinator, double now)
{
    enum status status = STATUS_OK;

    if (now - coordinator->last_heartbeat > heartbeat_every_seconds) {
        coordinator->last_heartbeat = now;
        for (int i = 1; i < coordinator->ranks.n; i++)
            if (coordinator->ranks.items[i].phase != RANK_GONE)
                TRY(coordination_order(coordinator, i, ORDER_HEARTBEAT));
    }
    if (coordinator->shutdown_at > 0)
        return coordination_end_shutdown(coordinator, now);
    if (now - coordinator->last_watch > watch_every_seconds) {
        coordinator->last_watch = now;
        TRY(coordination_watch(coordinator, now));
    }
    if (coordinator->n_busy == 0 && coordinator->queue.n == 0 && !coordinator->is_stopping)
        TRY(coordination_settle(coordinator));
    bool has_work = coordinator->queue.n > 0 && !coordinator->is_stopping;
    if (coordinator->n_busy == 0 && !has_work)
        return begin_shutdown(coordinator, now);
    const int *n_in = coordinator->ranks.n_in;
    if (n_in[RANK_USELESS] + n_in[RANK_GONE] == coordinator->ranks.n)
        TRY(fail(STATUS_DEVICE, "no rank can run a trainer: %s", coordinator->useless_reason));
done:
    return status;
}

bool coordinator_is_finished(const struct coordinator *coordinator)
{
    return coordinator->shutdown_at > 0 &&
           coordinator->ranks.n_in[RANK_GONE] == coordinator->ranks.n;
}

enum status coordinator_trouble(const struct coordinator *coordinator)
{
    if (coordinator->trouble == STATUS_OK)
        return STATUS_OK;
    return fail(coordinator->trouble, "%s", coordinator->trouble_text);
}

const char *coordinator_stop_reason(const struct coordinator *coordinator)
{
    return coordinator->stop_reason;
}

bool coordinator_was_cancelled(const struct coordinator *coordinator)
{
    return coordinator->is_cancelled;
}
