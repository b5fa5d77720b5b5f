/* Two threads: this process's first one trains, the other talks. */
#include "trainer/session.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "protocol/event.h"
#include "protocol/frame.h"
#include "protocol/order.h"
#include "store/results/run_paths.h"
#include "train/train.h"
#include "trainer/backend_choice.h"
#include "trainer/earlier_attempts.h"
#include "trainer/log.h"
#include "trainer/verdict_box.h"
#include "trainer/warm_trainer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const double heartbeat_every_seconds = 2.0, progress_every_seconds = 0.5;
static const double write_deadline_seconds = 60.0;

/* A run that this trainer was given; lies in its own arena, with all of it. */
struct given {
    struct arena *arena;
    const struct assigned_run *run;
};

struct session {
    struct trainer_session_settings settings;
    int wake_fd;                /* ends the talking thread's wait */
    pthread_mutex_t write_lock; /* one event at a time */
    pthread_mutex_t lock;       /* what follows */
    pthread_cond_t changed;
    struct given *given; /* waits for the training thread; owned */
    bool is_closed;      /* the rank is gone */
    bool is_busy;
    int64_t run, attempt;         /* under way */
    struct run_progress progress; /* of it */
    /* end of what the lock guards */
    atomic_bool wants_stop;
    struct verdict_box verdicts;
    /* the training thread's */
    double last_progress;
    bool has_left; /* its run paused or stopped at a rung */
    struct trainer_log run_log;
    struct text summary; /* of its run; owned */
    double scores[N_SCORES];
    struct stat results; /* the results folder of its first run; inode 0: none yet */
    /* kept from run to run; owned */
    struct warm_trainer warm;
};

static enum status send_event(struct session *session, const struct event *event)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    TRY(event_encode(event, &text));
    pthread_mutex_lock(&session->write_lock);
    status = frame_write(session->settings.out_fd, text.data, text.length, write_deadline_seconds);
    pthread_mutex_unlock(&session->write_lock);
done:
    text_release(&text);
    return status;
}

static double cpu_seconds(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

/* Of the run under way, with how far it is. */
static enum status send_state(struct session *session, struct event event)
{
    pthread_mutex_lock(&session->lock);
    event.run = session->run;
    event.attempt = session->attempt;
    event.progress = session->progress;
    pthread_mutex_unlock(&session->lock);
    event.progress.cpu_seconds = cpu_seconds();
    return send_event(session, &event);
}

/* ---- the talking thread ---- */

static void forget_given(struct given *given)
{
    if (given != NULL)
        arena_destroy(given->arena);
}

/* The order lies in the arena of `given`, which passes to the training thread. */
static enum status take_assignment(struct session *session, const struct assignment *assignment,
                                   struct arena *arena)
{
    enum status status = STATUS_OK;
    struct given *given = NULL;

    if (assignment->n_lanes != 1 || assignment->lanes[0].n_runs != 1)
        TRY(fail(STATUS_COMM, "a trainer takes one run at a time"));
    TRY_ALLOC(given, ARENA_NEW(arena, struct given));
    *given = (struct given){arena, &assignment->lanes[0].runs[0]};
    atomic_store(&session->wants_stop, false); /* a stop from now on means this run */
    verdict_box_begin(&session->verdicts, given->run->run, given->run->attempt);
    pthread_mutex_lock(&session->lock);
    forget_given(session->given);
    session->given = given;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
done:
    return status;
}

static enum status hear(struct session *session, const char *bytes, int64_t n)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct order order;

    TRY(arena_create(&arena));
    TRY(order_decode(bytes, n, arena, &order));
    if (order.kind == ORDER_ASSIGN) {
        TRY(take_assignment(session, &order.assignment, arena));
        arena = NULL;
    } else if (order.kind == ORDER_STOP) {
        atomic_store(&session->wants_stop, true);
        verdict_box_cancel(&session->verdicts);
    } else if (order.kind == ORDER_VERDICT) {
        verdict_box_put(&session->verdicts, &order.verdict);
    }
done:
    arena_destroy(arena);
    return status;
}

static enum status listen_once(struct session *session, struct frame_reader *reader)
{
    enum status status = STATUS_OK;
    struct pollfd fds[] = {{.fd = session->settings.in_fd, .events = POLLIN},
                           {.fd = session->wake_fd, .events = POLLIN}};

    if (poll(fds, 2, (int)(heartbeat_every_seconds * 1e3)) < 0 && errno != EINTR)
        TRY(fail(STATUS_COMM, "cannot wait for the rank: %s", strerror(errno)));
    if (fds[1].revents != 0)
        TRY(fail(STATUS_CANCELLED, "this trainer is shutting down"));
    TRY(frame_fill(reader, session->settings.in_fd));
    for (;;) {
        const char *bytes = NULL;
        int64_t n = 0;
        TRY(frame_next(reader, &bytes, &n));
        if (bytes == NULL)
            break;
        TRY(hear(session, bytes, n));
    }
    if (reader->is_closed)
        TRY(fail(STATUS_COMM, "the rank has closed the pipe"));
done:
    return status;
}

static void *talk(void *context)
{
    struct session *session = context;
    struct frame_reader reader = {0};
    double last = 0;

    while (listen_once(session, &reader) == STATUS_OK) {
        pthread_mutex_lock(&session->lock);
        bool is_busy = session->is_busy;
        pthread_mutex_unlock(&session->lock);
        if (!is_busy || clock_seconds() - last < heartbeat_every_seconds * 0.9)
            continue;
        last = clock_seconds();
        if (send_state(session, (struct event){.kind = EVENT_HEARTBEAT}) != STATUS_OK)
            break;
    }
    atomic_store(&session->wants_stop, true);
    verdict_box_cancel(&session->verdicts);
    pthread_mutex_lock(&session->lock);
    session->is_closed = true;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
    frame_reader_release(&reader);
    return NULL;
}

/* ---- the training thread ---- */

static void observe(void *context, const struct train_progress *progress)
{
    struct session *session = context;
    double now = clock_seconds();

    pthread_mutex_lock(&session->lock);
    bool is_new_phase = strcmp(session->progress.phase, progress->phase) != 0;
    session->progress = (struct run_progress){
        .ticks = session->progress.ticks + 1,
        .epoch = progress->epoch,
        .n_epochs = progress->n_epochs,
        .step = progress->step,
        .n_steps = progress->n_steps,
        .loss = progress->loss,
        .images_per_second = progress->images_per_second,
    };
    copy_text(session->progress.phase, sizeof session->progress.phase, progress->phase);
    pthread_mutex_unlock(&session->lock);
    if (!is_new_phase && now - session->last_progress < progress_every_seconds)
        return;
    session->last_progress = now;
    if (send_state(session, (struct event){.kind = EVENT_PROGRESS}) != STATUS_OK)
        atomic_store(&session->wants_stop, true); /* nobody is left to train for */
}

static bool stop_asked(void *context)
{
    return atomic_load(&((struct session *)context)->wants_stop);
}

static enum train_verdict reach(void *context, const struct train_rung *rung, int64_t *next_epoch)
{
    struct session *session = context;
    enum train_verdict verdict = TRAIN_CANCEL;
    struct event question = {.kind = EVENT_RUNG, .epoch = rung->epoch, .value = rung->value};

    if (send_state(session, question) == STATUS_OK)
        verdict = verdict_box_wait(&session->verdicts, next_epoch);
    session->has_left = verdict == TRAIN_PAUSE || verdict == TRAIN_STOP;
    log_info("after %" PRId64 " epochs, with %g, the run %s", rung->epoch, rung->value,
             train_verdict_words(verdict));
    return verdict;
}

static enum status execute(struct session *session, const struct assigned_run *run,
                           struct arena *arena)
{
    enum status status = STATUS_OK;
    struct settings settings;
    struct trainer *trainer = NULL;
    struct train_job job = {
        .settings = &settings,
        .id = run->id,
        .name = run->name,
        .attempt = run->attempt,
        .folder = run->folder,
        .rung_epoch = run->rung_epoch,
        .metric = run->metric[0] != '\0' ? run->metric : NULL,
        .passed_rungs = run->passed_rungs,
        .n_passed_rungs = run->n_passed_rungs,
        .contents = {run->split_hash, run->weights_hash},
        .observer = {session, observe, stop_asked, reach},
        .summary = &session->summary,
        .scores = session->scores,
    };

    TRY(settings_from_json(run->settings, arena, &settings));
    TRY(warm_trainer_for(&session->warm, &session->settings, &settings, &trainer));
    TRY(earlier_attempts_find(arena, &job));
    log_info("run %s attempt %" PRId64, job.name, job.attempt);
    TRY(trainer_execute(trainer, &job));
done:
    return status;
}

static bool is_same_folder(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* "<results>/runs/<id>/a<n>" is made here; <results> itself never, were it gone, and nothing in
 * another one that has taken its place. */
static enum status check_results_folder(struct session *session, const char *folder,
                                        struct arena *arena)
{
    enum status status = STATUS_OK;
    const char *results = NULL;
    struct stat found;

    TRY_ALLOC(results, run_results_of(arena, folder));
    if (!folder_exists(results) || stat(results, &found) != 0)
        TRY(fail(STATUS_STORAGE, "the results folder '%s' is gone", results));
    if (session->results.st_ino == 0)
        session->results = found;
    if (!is_same_folder(&session->results, &found))
        TRY(fail(STATUS_STORAGE, "the results folder '%s' was replaced by another one", results));
done:
    return status;
}

/* Whatever an attempt failed by: without its folder every other one would fail as well. */
static enum status without_folder(const char *folder, enum status outcome)
{
    char reason[EVENT_TEXT_BYTES];

    if (outcome == STATUS_OK || outcome == STATUS_STORAGE || folder_exists(folder))
        return outcome;
    copy_text(reason, sizeof reason, status_message());
    return fail(STATUS_STORAGE, "the folder '%s' is gone: %s", folder, reason);
}

static enum status begin_log(struct session *session, const char *folder, struct arena *arena)
{
    enum status status = STATUS_OK;
    char *path = NULL;

    TRY(check_results_folder(session, folder, arena));
    TRY_ALLOC(path, path_join(arena, folder, RUN_LOG_NAME));
    TRY(trainer_log_begin(&session->run_log, path));
done:
    return status;
}

static enum status answer(struct session *session, const struct assigned_run *run,
                          enum status outcome)
{
    struct event event = {.kind = EVENT_DONE, .run = run->run, .attempt = run->attempt};

    if (outcome != STATUS_OK) {
        event.kind = EVENT_FAILED;
        event.status = outcome;
        copy_text(event.text, sizeof event.text, status_message());
    } else if (session->has_left) {
        event.kind = EVENT_PAUSED;
    } else {
        event.summary = text_value(&session->summary);
        memcpy(event.scores, session->scores, sizeof event.scores);
    }
    return send_event(session, &event);
}

/* A library or device that failed once is not asked again in this process. */
static bool is_unfit(enum status outcome)
{
    return outcome == STATUS_DEVICE || outcome == STATUS_OUT_OF_MEMORY;
}

static enum status work(struct session *session, const struct given *given, bool *is_over)
{
    enum status status = STATUS_OK, outcome = STATUS_OK;
    const struct assigned_run *run = given->run;
    const struct event ready = {.kind = EVENT_READY};

    session->has_left = false;
    session->summary.length = 0;
    log_info("run %s begins; its output: %s/log.txt", run->name, run->folder);
    outcome = begin_log(session, run->folder, given->arena);
    if (outcome == STATUS_OK)
        outcome = without_folder(run->folder, execute(session, run, given->arena));
    if (outcome != STATUS_OK)
        log_error("%s (%s)", status_message(), status_origin());
    trainer_log_end(&session->run_log);
    log_info("run %s ends: %s", run->name,
             outcome != STATUS_OK ? status_message()
             : session->has_left  ? "at a rung of early_terminate"
                                  : "done");
    pthread_mutex_lock(&session->lock);
    session->is_busy = false;
    pthread_mutex_unlock(&session->lock);
    TRY(answer(session, run, outcome));
    *is_over = is_unfit(outcome);
    if (!*is_over)
        TRY(send_event(session, &ready));
done:
    return status;
}

/* NULL at the end; else forget_given it. */
static struct given *next_given(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    while (session->given == NULL && !session->is_closed)
        pthread_cond_wait(&session->changed, &session->lock);
    struct given *given = session->is_closed ? NULL : session->given;
    if (given != NULL) {
        session->given = NULL;
        session->is_busy = true;
        session->run = given->run->run;
        session->attempt = given->run->attempt;
        session->progress = (struct run_progress){.loss = NAN};
    }
    pthread_mutex_unlock(&session->lock);
    return given;
}

static void wake_talker(struct session *session)
{
    const uint64_t one = 1;
    if (write(session->wake_fd, &one, sizeof one) < 0)
        log_warning("cannot wake the talking thread: %s", strerror(errno));
}

static enum status say_hello(struct session *session, int n_devices)
{
    struct event hello = {.kind = EVENT_HELLO, .n_devices = n_devices};

    copy_text(hello.build, sizeof hello.build, build_name());
    return send_event(session, &hello);
}

/* Whether this trainer's device is there is asked before the first run: a rank without one must
 * not take runs from those that have. */
static enum status look_for_device(struct session *session, int *n_devices)
{
    struct event unable = {.kind = EVENT_UNABLE};
    enum status status =
        backend_choice_look(session->settings.device, session->settings.device_index, n_devices);

    if (status == STATUS_OK)
        return STATUS_OK;
    copy_text(unable.text, sizeof unable.text, status_message());
    enum status sent = send_event(session, &unable);
    return sent == STATUS_OK ? status : sent;
}

enum status trainer_session_run(const struct trainer_session_settings *settings)
{
    enum status status = STATUS_OK;
    struct session session = {.settings = *settings};
    pthread_t thread;
    bool is_over = false;
    int n_devices = 0;

    pthread_mutex_init(&session.write_lock, NULL);
    pthread_mutex_init(&session.lock, NULL);
    pthread_cond_init(&session.changed, NULL);
    verdict_box_init(&session.verdicts);
    if (fcntl(settings->in_fd, F_SETFL, O_NONBLOCK) != 0)
        return fail(STATUS_COMM, "--in=%d is not a pipe: %s", settings->in_fd, strerror(errno));
    session.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (session.wake_fd < 0)
        return fail(STATUS_COMM, "cannot make an eventfd: %s", strerror(errno));
    if (pthread_create(&thread, NULL, talk, &session) != 0)
        return fail(STATUS_DEVICE, "cannot start the thread that talks to the rank");
    TRY(look_for_device(&session, &n_devices));
    TRY(say_hello(&session, n_devices));
    while (!is_over) {
        struct given *given = next_given(&session);
        if (given == NULL)
            break;
        status = work(&session, given, &is_over);
        forget_given(given);
        if (status != STATUS_OK)
            break;
    }
done:
    wake_talker(&session);
    pthread_join(thread, NULL);
    close(session.wake_fd);
    warm_trainer_release(&session.warm);
    text_release(&session.summary);
    forget_given(session.given);
    return status;
}
