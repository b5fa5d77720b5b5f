/* A loop around coordinator, recorder and rank 0's own trainer, with an end that leaves every file
 * in order. */
#include "dispatch/lead/rank_0.h"

#include "base/clock.h"
#include "base/log.h"
#include "dispatch/folder/results_folder.h"
#include "dispatch/lead/coordinator.h"
#include "dispatch/lead/recorder.h"
#include "dispatch/lead/stop_signals.h"
#include "dispatch/supervise/cores.h"
#include "dispatch/talk/start_header.h"
#include "dispatch/view/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct leading {
    struct transport *transport;
    const struct dispatch_settings *settings;
    const struct rank_side_settings *rank_side_settings;
    struct results_folder *folder;
    struct recorder *recorder;
    struct progress *progress;
    struct coordinator *coordinator;
    struct rank_side *side;
    struct arena *arena; /* owned: of the order under way */
    int signal_fd, n_signals;
    enum status sink_status; /* of the first event that could not be queued */
    struct dispatch_outcome *out;
};

static void sink_event(void *context, const struct journal_event *event)
{
    struct leading *session = context;
    enum status status = recorder_push(session->recorder, event);

    if (session->sink_status == STATUS_OK)
        session->sink_status = status;
    progress_event(session->progress, event);
}

static void sink_heard(void *context, int rank, const struct event *said)
{
    struct leading *session = context;

    if (said->kind == EVENT_PROGRESS)
        recorder_progress(session->recorder, rank, &said->progress);
    progress_heard(session->progress, rank, said);
}

static void sink_note(void *context, const char *text)
{
    progress_note(((struct leading *)context)->progress, text);
}

static enum status handle_signal(struct leading *session)
{
    char reason[64];
    int number = stop_signals_next(session->signal_fd);

    /* USR1 is a warning, and may come from the batch system, its script and the launcher alike. */
    if (number == 0 || (number == SIGUSR1 && session->n_signals > 0))
        return STATUS_OK;
    if (session->n_signals++ > 0)
        return fail(STATUS_CANCELLED, "stopped at once by a second signal");
    snprintf(reason, sizeof reason, "received SIG%s", sigabbrev_np(number));
    return coordinator_cancel(session->coordinator, reason);
}

static enum status step(struct leading *session)
{
    enum status status = STATUS_OK;

    for (;;) {
        struct mail mail;
        TRY(mail_receive(session->transport, session->arena, &mail));
        if (mail.from < 0)
            break;
        if (!mail.is_order)
            TRY(coordinator_receive(session->coordinator, mail.from, &mail.event));
        else
            TRY(rank_side_receive(session->side, &mail.order));
        if (mail.is_order)
            arena_reset(session->arena);
    }
    TRY(rank_side_poll(session->side));
    TRY(handle_signal(session));
    TRY(coordinator_tick(session->coordinator, clock_seconds()));
    progress_tick(session->progress, clock_seconds());
done:
    return status;
}

/* Requests that come neither as a message nor as a signal. */
static enum status look_for_stop(struct leading *session)
{
    enum status status = STATUS_OK;
    char reason[STOP_REASON_BYTES];
    double stop_at = session->settings->stop_at;

    if (recorder_was_asked_to_stop(session->recorder, reason))
        TRY(coordinator_cancel(session->coordinator, reason));
    if (stop_at > 0 && clock_seconds() >= stop_at)
        TRY(coordinator_cancel(session->coordinator, "the time of --stop-before has come"));
    if (coordinator_stop_reason(session->coordinator)[0] != '\0')
        recorder_stopping(session->recorder, coordinator_stop_reason(session->coordinator));
done:
    return status;
}

static enum status coordinate(struct leading *session)
{
    enum status status = STATUS_OK;

    while (!coordinator_is_finished(session->coordinator)) {
        TRY(look_for_stop(session));
        TRY(step(session));
        TRY(session->sink_status);
        TRY(recorder_check(session->recorder));
        rank_side_wait(session->side, session->signal_fd);
    }
    TRY(coordinator_trouble(session->coordinator));
done:
    return status;
}

/* After an error: the other ranks are sent home, whatever they do; their trainers are killed. */
static void send_home(struct leading *session)
{
    if (coordinator_end(session->coordinator) != STATUS_OK) {
        session->transport->has_lost_peer = true;
        return;
    }
    double deadline = clock_seconds() + 20; /* the coordinator's own is 15 */
    while (!coordinator_is_finished(session->coordinator) && clock_seconds() < deadline) {
        if (step(session) != STATUS_OK)
            log_info("while ending: %s", status_message()); /* the first error is the one told */
        rank_side_wait(session->side, session->signal_fd);
    }
    if (!coordinator_is_finished(session->coordinator))
        session->transport->has_lost_peer = true;
}

static enum status push_mark(struct leading *session, enum journal_kind kind, int64_t run)
{
    struct journal_event event = {.kind = kind, .run = run};

    clock_timestamp(event.time);
    host_name(event.host);
    if (run >= 0) {
        memcpy(event.run_id, session->folder->sweep->runs[run].id, RUN_ID_BYTES);
        event.attempt = session->folder->states[run].attempt;
    } else if (kind == JOURNAL_START) {
        event.n_threads = session->rank_side_settings->supervisor.n_threads;
        copy_text(event.text, sizeof event.text, session->settings->command);
    }
    return recorder_push(session->recorder, &event);
}

static enum status start_recorder(struct leading *session, const struct sweep *sweep)
{
    enum status status = STATUS_OK;
    struct results_folder *folder = session->folder;
    struct journal *journal = NULL;
    struct results_file *results = NULL;

    TRY(journal_open(folder->journal_path, folder->journal_good_bytes, &journal));
    TRY(results_file_create(sweep, folder->path, folder->shard, folder->command, &results));
    for (int64_t i = 0; i < sweep->n_runs; i++)
        if (folder->summaries[i] != NULL && folder->states[i].phase == RUN_DONE)
            TRY(results_file_know(results, i, folder->summaries[i]));
    TRY(recorder_create(&(struct recorder_settings){.journal = journal,
                                                    .results = results,
                                                    .lock = folder->lock,
                                                    .sweep = sweep,
                                                    .states = folder->states,
                                                    .folder = folder->path,
                                                    .status = results_folder_head(folder),
                                                    .n_ranks = session->transport->size},
                        &session->recorder));
    journal = NULL;
    results = NULL;
    TRY(push_mark(session, JOURNAL_START, -1));
    for (int64_t i = 0; i < sweep->n_runs; i++)
        if (folder->is_reopened[i])
            TRY(push_mark(session, JOURNAL_REOPENED, i));
done:
    journal_close(journal);
    results_file_destroy(results);
    return status;
}

static enum status start_session(struct leading *session, const struct sweep *sweep)
{
    enum status status = STATUS_OK;
    struct results_folder *folder = session->folder;
    struct coordinator_start start = {
        .transport = session->transport,
        .sweep = sweep,
        .states = folder->states,
        .rungs = folder->rungs,
        .settings = {sweep->retries, sweep->crash_limit, sweep->max_fails, sweep->fail_fast, 0},
        .sink = {session, sink_event, sink_heard, sink_note},
    };

    TRY(start_recorder(session, sweep));
    TRY(progress_create(
        &(struct progress_settings){
            .sweep = sweep,
            .n_ranks = session->transport->size,
            .n_finished_before = runs_ended(&folder->counts),
            .is_quiet = session->settings->is_quiet,
            .fd = STDOUT_FILENO,
        },
        &session->progress));
    TRY(coordinator_create(&start, &session->coordinator));
    TRY(rank_side_create(session->rank_side_settings, &session->side));
done:
    return status;
}

/* Error or not: every file is left in order. */
static enum status end_session(struct leading *session, enum status status)
{
    struct results_folder *folder = session->folder;
    char message[EVENT_TEXT_BYTES];
    enum status closing = STATUS_OK;

    copy_text(message, sizeof message, status == STATUS_OK ? "" : status_message());
    if (status != STATUS_OK && session->side != NULL)
        send_home(session);
    else if (status != STATUS_OK)
        session->transport->has_lost_peer = true; /* the others wait for a first message */
    if (session->recorder != NULL) {
        if (push_mark(session, JOURNAL_END, -1) != STATUS_OK)
            log_warning("%s", status_message());
        closing = recorder_finish(session->recorder);
    }
    if (status == STATUS_OK && closing != STATUS_OK) {
        status = closing;
        copy_text(message, sizeof message, status_message());
    }
    if (status == STATUS_OK && session->coordinator != NULL) {
        copy_text(message, sizeof message, coordinator_stop_reason(session->coordinator));
        copy_text(session->out->stop_reason, sizeof session->out->stop_reason, message);
        results_folder_count(folder);
        if (coordinator_was_cancelled(session->coordinator) && folder->counts.n_pending > 0)
            status = STATUS_CANCELLED;
    }
    int exit_code = status != STATUS_OK           ? status_exit_code(status)
                    : folder->counts.n_failed > 0 ? 1
                                                  : 0;
    const char *state = status == STATUS_CANCELLED ? "stopped"
                        : status != STATUS_OK      ? "error"
                        : exit_code == 1           ? "failed"
                                                   : "done";
    closing = results_folder_status(folder, state, exit_code, message);
    if (status == STATUS_OK)
        return closing;
    return fail(status, "%s", message);
}

static enum status lead(struct leading *session, const struct sweep *sweep)
{
    enum status status = STATUS_OK;

    TRY(arena_create(&session->arena));
    TRY(results_folder_describe(session->folder));
    TRY(results_folder_status(session->folder, "running", -1, ""));
    TRY(stop_signals_open(&session->signal_fd));
    TRY(start_session(session, sweep));
    if (session->folder->counts.n_pending > 0)
        TRY(coordinate(session));
done:
    status = end_session(session, status);
    progress_destroy(session->progress);
    coordinator_destroy(session->coordinator);
    rank_side_destroy(session->side);
    arena_destroy(session->arena);
    if (session->signal_fd >= 0)
        close(session->signal_fd);
    return status;
}

/* The number of threads is the order in which sums are added up: a folder keeps the one it began
 * with, on every rank and at every start. */
static int choose_threads(const struct results_folder *folder,
                          const struct rank_side_settings *side, bool mixes_numerics)
{
    const struct supervisor_settings *supervisor = &side->supervisor;
    struct cores node;

    cores_of_node(&node);
    int wanted = cores_threads(&node, supervisor->node_size, supervisor->n_threads);
    int kept = mixes_numerics ? 0 : (int)folder->n_threads;
    int chosen = kept > 0 ? kept : wanted;
    if (chosen != wanted)
        log_warning("trainers take %d thread%s each, as '%s' began with, and not %d: with another "
                    "number sums round otherwise; %s; --mix-numerics or --fresh takes %d",
                    chosen, chosen == 1 ? "" : "s", folder->path, wanted,
                    chosen < wanted ? "cores stay idle" : "they share cores", wanted);
    return chosen;
}

enum status rank_0_run(struct rank_side_settings *side, const struct dispatch_settings *settings,
                       struct dispatch_outcome *out)
{
    enum status status = STATUS_OK, sent = STATUS_OK;
    struct transport *transport = side->transport;
    const struct sweep *sweep = side->sweep;
    struct leading session = {.transport = transport,
                              .settings = settings,
                              .rank_side_settings = side,
                              .signal_fd = -1,
                              .out = out};
    struct start_header header = {0};
    char *bytes = (char *)&header;
    int64_t n = sizeof header;

    status = start_header_hash(sweep, header.hash);
    if (status == STATUS_OK)
        status = shards_hash(sweep, header.ids);
    if (status == STATUS_OK)
        status = results_folder_open(settings, sweep, &session.folder);
    header.status = (int32_t)status;
    copy_text(header.message, sizeof header.message, status == STATUS_OK ? "" : status_message());
    if (status == STATUS_OK)
        side->supervisor.n_threads = choose_threads(session.folder, side, settings->mixes_numerics);
    if (status == STATUS_OK)
        session.folder->n_threads = side->supervisor.n_threads;
    header.n_threads = side->supervisor.n_threads;
    header.has_work = status == STATUS_OK && session.folder->counts.n_pending > 0;
    sent = transport_broadcast(transport, &bytes, &n);
    transport_started();
    if (status != STATUS_OK)
        return fail(status, "%s", header.message);
    if (sent == STATUS_OK)
        sent = lead(&session, sweep);
    results_folder_count(session.folder);
    memcpy(session.folder->counts.stop_reason, out->stop_reason, sizeof out->stop_reason);
    *out = session.folder->counts;
    results_folder_close(session.folder);
    return sent;
}
