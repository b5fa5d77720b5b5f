/* A queue, a thread that empties it, and the timing of results.h5. */
#include "dispatch/recorder.h"

#include "dispatch/folder_lock.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double lock_touch_seconds = 10.0;

struct queued {
    struct queued *next;
    struct journal_event event;
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
    char message[MESSAGE_TEXT_BYTES];
    /* the thread's own */
    struct run_state *states;
    bool is_dirty;
    double next_rebuild, next_touch;
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

static enum status write_events(struct recorder *recorder, const struct queued *list)
{
    enum status status = STATUS_OK;

    for (const struct queued *item = list; item != NULL; item = item->next) {
        TRY(journal_append(recorder->settings.journal, &item->event));
        if (item->event.run >= 0)
            run_state_apply(&recorder->states[item->event.run], &item->event);
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

static enum status work(struct recorder *recorder, const struct queued *list, bool is_last)
{
    enum status status = STATUS_OK;
    double now = clock_seconds();

    TRY(write_events(recorder, list));
    if (recorder->is_dirty && (is_last || now >= recorder->next_rebuild))
        TRY(rebuild(recorder));
    if (now >= recorder->next_touch) {
        recorder->next_touch = now + lock_touch_seconds;
        TRY(folder_lock_touch(recorder->settings.lock));
    }
done:
    return status;
}

static void free_list(struct queued *list)
{
    while (list != NULL) {
        struct queued *next = list->next;
        free(list);
        list = next;
    }
}

static void wait_for_work(struct recorder *recorder)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
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
    free(recorder);
}

enum status recorder_create(const struct recorder_settings *settings, struct recorder **out)
{
    struct recorder *made = heap_alloc(1, sizeof *made);

    if (made == NULL)
        return STATUS_OUT_OF_MEMORY;
    made->settings = *settings;
    if (made->settings.rebuild_seconds <= 0)
        made->settings.rebuild_seconds = 5;
    made->is_dirty = true; /* results.h5 exists from the start */
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->has_work, NULL);
    made->states = heap_alloc(settings->n_runs, sizeof *made->states);
    if (made->states == NULL) {
        made->settings.journal = NULL; /* still the caller's */
        made->settings.results = NULL;
        recorder_release(made);
        return STATUS_OUT_OF_MEMORY;
    }
    memcpy(made->states, settings->states, (size_t)settings->n_runs * sizeof *made->states);
    int code = pthread_create(&made->thread, NULL, recorder_main, made);
    if (code != 0) {
        made->settings.journal = NULL;
        made->settings.results = NULL;
        recorder_release(made);
        return fail(STATUS_DEVICE, "cannot start the recorder's thread: %s", strerror(code));
    }
    *out = made;
    return STATUS_OK;
}

enum status recorder_push(struct recorder *recorder, const struct journal_event *event)
{
    struct queued *item = heap_alloc(1, sizeof *item);

    if (item == NULL)
        return STATUS_OUT_OF_MEMORY;
    item->event = *event;
    pthread_mutex_lock(&recorder->lock);
    if (recorder->last != NULL)
        recorder->last->next = item;
    else
        recorder->first = item;
    recorder->last = item;
    pthread_cond_signal(&recorder->has_work);
    pthread_mutex_unlock(&recorder->lock);
    return STATUS_OK;
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
