/* A queue, a thread that empties it, and the timing of results.h5 and status.json. */
#include "dispatch/lead/recorder.h"

#include "dispatch/folder/folder_lock.h"
#include "dispatch/folder/stopped_run.h"

#include "base/clock.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double lock_touch_seconds = 10.0;

struct queued {
    struct queued *next;
    struct journal_event event;
    char *summary; /* owned: the event's, or NULL */
};

struct recorder {
    struct recorder_settings settings;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    /* under the lock */
    struct queued *first, *last;
    bool is_closing;
    enum status status;
    char message[EVENT_TEXT_BYTES];
    struct rank_status *ranks; /* owned; as they are now */
    bool has_moved, is_stopping, was_asked;
    char stop_reason[256], asked_by[STOP_REASON_BYTES];
    /* the thread's own */
    struct run_state *states;
    struct rank_status *shown; /* owned; as they are being written */
    bool is_dirty;
    double next_rebuild, next_touch, next_status, next_rest;
    double started;
};

static void report(struct recorder *recorder, enum status status)
{
    pthread_mutex_lock(&recorder->lock);
    if (recorder->status == STATUS_OK) {
        recorder->status = status;
        copy_text(recorder->message, sizeof recorder->message, status_message());
    }
    pthread_mutex_unlock(&recorder->lock);
}

static enum status apply_event(struct recorder *recorder, const struct journal_event *event)
{
    struct run_state *state = &recorder->states[event->run];
    bool was_stopped = state->phase == RUN_STOPPED;

    run_state_apply(state, event);
    if (was_stopped || state->phase != RUN_STOPPED)
        return STATUS_OK;
    return stopped_run_clean(recorder->settings.folder, event->run_id, state->attempt);
}

static enum status write_events(struct recorder *recorder, const struct queued *list)
{
    enum status status = STATUS_OK;

    for (const struct queued *item = list; item != NULL; item = item->next) {
        TRY(journal_append(recorder->settings.journal, &item->event));
        if (item->event.run >= 0)
            TRY(apply_event(recorder, &item->event));
        TRY(results_file_hear(recorder->settings.results, &item->event));
        recorder->is_dirty = true;
    }
    if (list != NULL)
        TRY(journal_sync(recorder->settings.journal));
done:
    return status;
}

static enum status rebuild(struct recorder *recorder)
{
    double start = clock_seconds();
    enum status status = results_file_rebuild(recorder->settings.results, recorder->states);
    double took = clock_seconds() - start;

    recorder->is_dirty = false;
    recorder->next_rebuild = clock_seconds() + (50 * took > recorder->settings.rebuild_seconds
                                                    ? 50 * took
                                                    : recorder->settings.rebuild_seconds);
    return status;
}

/* What this start has done so far tells how long the rest takes. */
static double seconds_left(const struct recorder *recorder, const struct dispatch_outcome *now)
{
    const struct dispatch_outcome *before = &recorder->settings.status.counts;
    double shares = 0;

    for (int i = 0; i < recorder->settings.n_ranks; i++)
        if (recorder->shown[i].is_busy)
            shares += run_progress_share(&recorder->shown[i].progress);
    double done = (double)(runs_ended(now) - runs_ended(before));
    return run_seconds_left(clock_seconds() - recorder->started, done + shares,
                            (double)now->n_pending - shares);
}

static enum status write_status(struct recorder *recorder)
{
    struct sweep_status now = recorder->settings.status;
    size_t n = (size_t)recorder->settings.n_ranks;
    char stop_reason[sizeof recorder->stop_reason];

    pthread_mutex_lock(&recorder->lock);
    memcpy(recorder->shown, recorder->ranks, n * sizeof *recorder->shown);
    memcpy(stop_reason, recorder->stop_reason, sizeof stop_reason);
    recorder->has_moved = false;
    if (recorder->is_stopping)
        now.state = "stopping";
    pthread_mutex_unlock(&recorder->lock);
    now.message = stop_reason;
    now.ranks = recorder->shown;
    now.n_ranks = recorder->settings.n_ranks;
    run_states_count(recorder->states, recorder->settings.sweep->n_runs, &now.counts);
    now.seconds_left = seconds_left(recorder, &now.counts);
    return status_file_write(recorder->settings.folder, &now);
}

/* Seldom when nothing moves. */
static enum status keep_status(struct recorder *recorder, double now)
{
    pthread_mutex_lock(&recorder->lock);
    bool is_due = now >= (recorder->has_moved ? recorder->next_status : recorder->next_rest);
    pthread_mutex_unlock(&recorder->lock);
    if (!is_due)
        return STATUS_OK;
    enum status status = write_status(recorder);
    double rest = status_file_pause(clock_seconds() - now);
    recorder->next_status = now + fmax(STATUS_EVERY_SECONDS, rest);
    recorder->next_rest = now + fmax(STATUS_REST_SECONDS, rest);
    return status;
}

static void look_for_stop(struct recorder *recorder)
{
    char reason[STOP_REASON_BYTES];

    if (!stop_request_take(recorder->settings.folder, recorder->settings.status.shard, reason))
        return;
    pthread_mutex_lock(&recorder->lock);
    recorder->was_asked = true;
    memcpy(recorder->asked_by, reason, sizeof reason);
    pthread_mutex_unlock(&recorder->lock);
}

static enum status work(struct recorder *recorder, const struct queued *list, bool is_last)
{
    enum status status = STATUS_OK;
    double now = clock_seconds();

    TRY(write_events(recorder, list));
    TRY(folder_lock_check(recorder->settings.lock)); /* what follows is written by its path */
    if (recorder->is_dirty && (is_last || now >= recorder->next_rebuild))
        TRY(rebuild(recorder));
    if (now >= recorder->next_touch) {
        recorder->next_touch = now + lock_touch_seconds;
        TRY(folder_lock_touch(recorder->settings.lock));
    }
    if (!is_last)
        TRY(keep_status(recorder, now));
    look_for_stop(recorder);
done:
    return status;
}

static void free_list(struct queued *list)
{
    while (list != NULL) {
        struct queued *next = list->next;
        free(list->summary);
        free(list);
        list = next;
    }
}

/* Its waits are on the clock that nobody sets. */
static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void wait_for_work(struct recorder *recorder)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 1; /* rebuilds and the lock's sign of life come by the clock */
    if (recorder->first == NULL && !recorder->is_closing)
        pthread_cond_timedwait(&recorder->has_work, &recorder->lock, &until);
}

static void *recorder_main(void *context)
{
    struct recorder *recorder = context;
    bool is_last = false;

    while (!is_last) {
        pthread_mutex_lock(&recorder->lock);
        wait_for_work(recorder);
        struct queued *list = recorder->first;
        recorder->first = recorder->last = NULL;
        is_last = recorder->is_closing;
        bool is_broken = recorder->status != STATUS_OK;
        pthread_mutex_unlock(&recorder->lock);
        if (!is_broken) {
            enum status status = work(recorder, list, is_last);
            if (status != STATUS_OK)
                report(recorder, status);
        }
        free_list(list);
    }
    return NULL;
}

static void recorder_release(struct recorder *recorder)
{
    free_list(recorder->first);
    journal_close(recorder->settings.journal);
    results_file_destroy(recorder->settings.results);
    pthread_mutex_destroy(&recorder->lock);
    pthread_cond_destroy(&recorder->has_work);
    free(recorder->states);
    free(recorder->ranks);
    free(recorder->shown);
    free(recorder);
}

static enum status start(struct recorder *recorder)
{
    enum status status = STATUS_OK;
    const struct recorder_settings *settings = &recorder->settings;
    int64_t n = settings->sweep->n_runs;

    TRY_ALLOC(recorder->states, heap_alloc(n, sizeof *recorder->states));
    TRY_ALLOC(recorder->ranks, heap_alloc(settings->n_ranks, sizeof *recorder->ranks));
    TRY_ALLOC(recorder->shown, heap_alloc(settings->n_ranks, sizeof *recorder->shown));
    memcpy(recorder->states, settings->states, (size_t)n * sizeof *recorder->states);
    recorder->is_dirty = true; /* results.h5 exists from the start */
    recorder->started = clock_seconds();
    int code = pthread_create(&recorder->thread, NULL, recorder_main, recorder);
    if (code != 0)
        TRY(fail(STATUS_DEVICE, "cannot start the recorder's thread: %s", strerror(code)));
done:
    return status;
}

enum status recorder_create(const struct recorder_settings *settings, struct recorder **out)
{
    struct recorder *made = heap_alloc(1, sizeof *made);

    if (made == NULL)
        return STATUS_OUT_OF_MEMORY;
    made->settings = *settings;
    if (made->settings.rebuild_seconds <= 0)
        made->settings.rebuild_seconds = 5;
    pthread_mutex_init(&made->lock, NULL);
    init_condition(&made->has_work);
    enum status status = start(made);
    if (status != STATUS_OK) {
        made->settings.journal = NULL; /* still the caller's */
        made->settings.results = NULL;
        recorder_release(made);
        return status;
    }
    *out = made;
    return STATUS_OK;
}

static void see_event(struct recorder *recorder, const struct journal_event *event)
{
    if (event->run < 0 || !journal_kind_is_attempt(event->kind))
        return;
    struct rank_status *rank = &recorder->ranks[event->rank];
    const struct run *run = &recorder->settings.sweep->runs[event->run];
    *rank = (struct rank_status){
        .is_busy = event->kind == JOURNAL_ASSIGNED,
        .attempt = event->attempt,
        .run_id = run->id,
        .name = run->name,
        .progress = {.loss = NAN, .cores = NAN},
    };
    memcpy(rank->host, event->host, sizeof rank->host);
    memcpy(rank->since, event->time, sizeof rank->since);
    recorder->has_moved = true;
}

static struct queued *copy_event(const struct journal_event *event)
{
    struct queued *item = heap_alloc(1, sizeof *item);
    bool has_summary = event->summary != NULL && event->summary[0] != '\0';

    if (item == NULL)
        return NULL;
    item->event = *event;
    item->summary = has_summary ? strdup(event->summary) : NULL;
    item->event.summary = item->summary != NULL ? item->summary : "";
    return item;
}

enum status recorder_push(struct recorder *recorder, const struct journal_event *event)
{
    struct queued *item = copy_event(event);

    if (item == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory queueing an event");
    pthread_mutex_lock(&recorder->lock);
    if (recorder->last != NULL)
        recorder->last->next = item;
    else
        recorder->first = item;
    recorder->last = item;
    see_event(recorder, event);
    pthread_cond_signal(&recorder->has_work);
    pthread_mutex_unlock(&recorder->lock);
    return STATUS_OK;
}

void recorder_progress(struct recorder *recorder, int rank, const struct run_progress *progress)
{
    pthread_mutex_lock(&recorder->lock);
    recorder->ranks[rank].progress = *progress;
    loss_curve_see(&recorder->ranks[rank].losses, progress);
    recorder->has_moved = true;
    pthread_mutex_unlock(&recorder->lock);
}

void recorder_stopping(struct recorder *recorder, const char *reason)
{
    pthread_mutex_lock(&recorder->lock);
    if (!recorder->is_stopping) {
        recorder->is_stopping = recorder->has_moved = true;
        copy_text(recorder->stop_reason, sizeof recorder->stop_reason, reason);
    }
    pthread_mutex_unlock(&recorder->lock);
}

bool recorder_was_asked_to_stop(struct recorder *recorder, char reason[STOP_REASON_BYTES])
{
    pthread_mutex_lock(&recorder->lock);
    bool was_asked = recorder->was_asked;
    if (was_asked)
        memcpy(reason, recorder->asked_by, STOP_REASON_BYTES);
    pthread_mutex_unlock(&recorder->lock);
    return was_asked;
}

enum status recorder_check(struct recorder *recorder)
{
    pthread_mutex_lock(&recorder->lock);
    enum status status = recorder->status;
    if (status != STATUS_OK)
        status = fail(status, "%s", recorder->message);
    pthread_mutex_unlock(&recorder->lock);
    return status;
}

enum status recorder_finish(struct recorder *recorder)
{
    if (recorder == NULL)
        return STATUS_OK;
    pthread_mutex_lock(&recorder->lock);
    recorder->is_closing = true;
    pthread_cond_signal(&recorder->has_work);
    pthread_mutex_unlock(&recorder->lock);
    pthread_join(recorder->thread, NULL);
    enum status status = recorder_check(recorder);
    recorder_release(recorder);
    return status;
}
