/* Two threads: this process's first one trains, the other talks. */
#include "trainer/session.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "dispatch/talk/message.h"
#include "dispatch/talk/record.h"
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

struct session {
    struct trainer_session_settings settings;
    int wake_fd;                /* ends the talking thread's wait */
    pthread_mutex_t write_lock; /* one record at a time */
    pthread_mutex_t lock;       /* what follows */
    pthread_cond_t changed;
    cJSON *assignment; /* waits for the training thread */
    bool is_closed;    /* the rank is gone */
    bool is_busy;
    int64_t ticks; /* signs of life of the run */
    struct run_progress progress;
    /* end of what the lock guards */
    atomic_bool wants_stop;
    struct verdict_box verdicts;
    /* the training thread's */
    double last_progress;
    bool has_left; /* its run paused or stopped at a rung */
    struct trainer_log run_log;
    struct text summary; /* of its run; owned */
    struct stat results; /* the results folder of its first run; inode 0: none yet */
    /* kept from run to run; owned */
    struct warm_trainer warm;
};

static enum status send_record(struct session *session, const cJSON *body)
{
    pthread_mutex_lock(&session->write_lock);
    enum status status = record_write(session->settings.out_fd, body, write_deadline_seconds);
    pthread_mutex_unlock(&session->write_lock);
    return status;
}

static double cpu_seconds(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

/* A heartbeat or progress: the same members, the rank shows only the latter. */
static enum status send_state(struct session *session, const char *kind)
{
    cJSON *body = record_create(kind);

    pthread_mutex_lock(&session->lock);
    struct run_progress now = session->progress;
    int64_t ticks = session->ticks;
    pthread_mutex_unlock(&session->lock);
    cJSON_AddNumberToObject(body, "ticks", (double)ticks);
    cJSON_AddNumberToObject(body, "cpu_seconds", cpu_seconds());
    cJSON_AddStringToObject(body, "phase", now.phase);
    cJSON_AddNumberToObject(body, "epoch", (double)now.epoch);
    cJSON_AddNumberToObject(body, "n_epochs", (double)now.n_epochs);
    cJSON_AddNumberToObject(body, "step", (double)now.step);
    cJSON_AddNumberToObject(body, "n_steps", (double)now.n_steps);
    cJSON_AddNumberToObject(body, "loss", now.loss);
    cJSON_AddNumberToObject(body, "images_per_second", now.images_per_second);
    enum status status = send_record(session, body);
    cJSON_Delete(body);
    return status;
}

/* ---- the talking thread ---- */

static void hear(struct session *session, cJSON *body)
{
    if (record_is(body, "assign")) {
        atomic_store(&session->wants_stop, false); /* a stop from now on means this run */
        verdict_box_begin(&session->verdicts, record_integer(body, "run_number"),
                          record_integer(body, "attempt"));
        pthread_mutex_lock(&session->lock);
        cJSON_Delete(session->assignment);
        session->assignment = body;
        pthread_cond_signal(&session->changed);
        pthread_mutex_unlock(&session->lock);
        return;
    }
    if (record_is(body, "stop")) {
        atomic_store(&session->wants_stop, true);
        verdict_box_cancel(&session->verdicts);
    }
    if (record_is(body, "verdict"))
        verdict_box_put(&session->verdicts, body);
    cJSON_Delete(body);
}

static enum status listen_once(struct session *session, struct record_reader *reader)
{
    enum status status = STATUS_OK;
    struct pollfd fds[] = {{.fd = session->settings.in_fd, .events = POLLIN},
                           {.fd = session->wake_fd, .events = POLLIN}};

    if (poll(fds, 2, (int)(heartbeat_every_seconds * 1e3)) < 0 && errno != EINTR)
        TRY(fail(STATUS_COMM, "cannot wait for the rank: %s", strerror(errno)));
    if (fds[1].revents != 0)
        TRY(fail(STATUS_CANCELLED, "this trainer ends"));
    TRY(record_fill(reader, session->settings.in_fd));
    for (;;) {
        cJSON *body = NULL;
        TRY(record_next(reader, &body));
        if (body == NULL)
            break;
        hear(session, body);
    }
    if (reader->is_closed)
        TRY(fail(STATUS_COMM, "the rank has closed the pipe"));
done:
    return status;
}

static void *talk(void *context)
{
    struct session *session = context;
    struct record_reader reader = {0};
    double last = 0;

    while (listen_once(session, &reader) == STATUS_OK) {
        pthread_mutex_lock(&session->lock);
        bool is_busy = session->is_busy;
        pthread_mutex_unlock(&session->lock);
        if (!is_busy || clock_seconds() - last < heartbeat_every_seconds * 0.9)
            continue;
        last = clock_seconds();
        if (send_state(session, "heartbeat") != STATUS_OK)
            break;
    }
    atomic_store(&session->wants_stop, true);
    verdict_box_cancel(&session->verdicts);
    pthread_mutex_lock(&session->lock);
    session->is_closed = true;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
    record_reader_release(&reader);
    return NULL;
}

/* ---- the training thread ---- */

static void observe(void *context, const struct train_progress *progress)
{
    struct session *session = context;
    double now = clock_seconds();

    pthread_mutex_lock(&session->lock);
    bool is_new_phase = strcmp(session->progress.phase, progress->phase) != 0;
    session->ticks++;
    session->progress = (struct run_progress){
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
    if (send_state(session, "progress") != STATUS_OK)
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
    cJSON *body = verdict_box_question(&session->verdicts, rung);

    if (send_record(session, body) == STATUS_OK)
        verdict = verdict_box_wait(&session->verdicts, next_epoch);
    cJSON_Delete(body);
    session->has_left = verdict == TRAIN_PAUSE || verdict == TRAIN_STOP;
    log_info("after %" PRId64 " epochs, with %g, the run %s", rung->epoch, rung->value,
             train_verdict_words(verdict));
    return verdict;
}

static enum status read_passed_rungs(const cJSON *assignment, struct arena *arena,
                                     struct train_job *job)
{
    enum status status = STATUS_OK;
    const cJSON *item = NULL, *list = cJSON_GetObjectItemCaseSensitive(assignment, "passed_rungs");
    int64_t *epochs = NULL, n = 0;

    TRY_ALLOC(epochs, ARENA_ARRAY(arena, cJSON_GetArraySize(list), int64_t));
    cJSON_ArrayForEach(item, list) epochs[n++] =
        cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
    job->passed_rungs = epochs;
    job->n_passed_rungs = n;
done:
    return status;
}

static enum status execute(struct session *session, const cJSON *assignment, struct arena *arena)
{
    enum status status = STATUS_OK;
    struct settings settings;
    struct trainer *trainer = NULL;
    struct train_job job = {
        .settings = &settings,
        .id = record_text(assignment, "run"),
        .name = record_text(assignment, "name"),
        .attempt = record_integer(assignment, "attempt"),
        .folder = record_text(assignment, "folder"),
        .rung_epoch = record_integer(assignment, "rung_epoch"),
        .metric =
            cJSON_HasObjectItem(assignment, "metric") ? record_text(assignment, "metric") : NULL,
        .contents = {record_text(assignment, "split_hash"),
                     record_text(assignment, "weights_hash")},
        .observer = {session, observe, stop_asked, reach},
        .summary = &session->summary,
    };

    TRY(read_passed_rungs(assignment, arena, &job));
    TRY(settings_from_json(record_text(assignment, "settings"), arena, &settings));
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
    char reason[MESSAGE_TEXT_BYTES];

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

/* As text, which keeps every bit; and what is shown of it. */
static void add_summary(cJSON *body, const char *summary)
{
    cJSON *parsed = cJSON_Parse(summary), *scores = cJSON_AddObjectToObject(body, "scores");
    const cJSON *measures = cJSON_GetObjectItemCaseSensitive(parsed, "measures");

    for (int i = 0; i < N_SCORES; i++)
        cJSON_AddNumberToObject(scores, measure_score(i)->name,
                                record_number(measures, measure_score(i)->name));
    cJSON_AddStringToObject(body, "summary", summary);
    cJSON_Delete(parsed);
}

static enum status answer(struct session *session, const cJSON *assignment, enum status outcome)
{
    bool has_left = outcome == STATUS_OK && session->has_left;
    cJSON *body = record_create(has_left ? "paused" : outcome == STATUS_OK ? "done" : "failed");

    cJSON_AddNumberToObject(body, "run_number", (double)record_integer(assignment, "run_number"));
    cJSON_AddNumberToObject(body, "attempt", (double)record_integer(assignment, "attempt"));
    if (outcome != STATUS_OK) {
        cJSON_AddNumberToObject(body, "status", outcome);
        cJSON_AddStringToObject(body, "message", status_message());
    } else if (!has_left) {
        add_summary(body, text_value(&session->summary));
    }
    enum status status = send_record(session, body);
    cJSON_Delete(body);
    return status;
}

/* A library or device that failed once is not asked again in this process. */
static bool is_unfit(enum status outcome)
{
    return outcome == STATUS_DEVICE || outcome == STATUS_OUT_OF_MEMORY;
}

static enum status work(struct session *session, const cJSON *assignment, bool *is_over)
{
    enum status status = STATUS_OK, outcome = STATUS_OK;
    struct arena *arena = NULL;
    const char *folder = record_text(assignment, "folder");

    TRY(arena_create(&arena));
    session->has_left = false;
    session->summary.length = 0;
    log_info("run %s begins; its output: %s/log.txt", record_text(assignment, "name"), folder);
    outcome = begin_log(session, folder, arena);
    if (outcome == STATUS_OK)
        outcome = without_folder(folder, execute(session, assignment, arena));
    if (outcome != STATUS_OK)
        log_error("%s (%s)", status_message(), status_origin());
    trainer_log_end(&session->run_log);
    log_info("run %s ends: %s", record_text(assignment, "name"),
             outcome != STATUS_OK ? status_message()
             : session->has_left  ? "at a rung of early_terminate"
                                  : "done");
    pthread_mutex_lock(&session->lock);
    session->is_busy = false;
    pthread_mutex_unlock(&session->lock);
    TRY(answer(session, assignment, outcome));
    *is_over = is_unfit(outcome);
    if (!*is_over) {
        cJSON *ready = record_create("ready");
        status = send_record(session, ready);
        cJSON_Delete(ready);
    }
done:
    arena_destroy(arena);
    return status;
}

static cJSON *next_assignment(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    while (session->assignment == NULL && !session->is_closed)
        pthread_cond_wait(&session->changed, &session->lock);
    cJSON *assignment = session->is_closed ? NULL : session->assignment;
    if (assignment != NULL) {
        session->assignment = NULL;
        session->is_busy = true;
        session->ticks = 0;
        session->progress = (struct run_progress){.loss = NAN};
    }
    pthread_mutex_unlock(&session->lock);
    return assignment;
}

static void wake_talker(struct session *session)
{
    const uint64_t one = 1;
    if (write(session->wake_fd, &one, sizeof one) < 0)
        log_warning("cannot wake the talking thread: %s", strerror(errno));
}

static enum status say_hello(struct session *session, int n_devices)
{
    cJSON *body = record_create("hello");

    cJSON_AddNumberToObject(body, "pid", (double)getpid());
    cJSON_AddNumberToObject(body, "threads", session->settings.n_threads);
    cJSON_AddStringToObject(body, "device", session->settings.device);
    cJSON_AddNumberToObject(body, "n_devices", n_devices);
    enum status status = send_record(session, body);
    cJSON_Delete(body);
    return status;
}

/* Whether this trainer's device is there is asked before the first run: a rank without one must
 * not take runs from those that have. */
static enum status look_for_device(struct session *session, int *n_devices)
{
    enum status status =
        backend_choice_look(session->settings.device, session->settings.device_index, n_devices);

    if (status == STATUS_OK)
        return STATUS_OK;
    cJSON *body = record_create("unable");
    cJSON_AddStringToObject(body, "message", status_message());
    enum status sent = send_record(session, body);
    cJSON_Delete(body);
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
        return fail(STATUS_COMM, "--in=%d is no pipe: %s", settings->in_fd, strerror(errno));
    session.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (session.wake_fd < 0)
        return fail(STATUS_COMM, "cannot make an eventfd: %s", strerror(errno));
    if (pthread_create(&thread, NULL, talk, &session) != 0)
        return fail(STATUS_DEVICE, "cannot start the thread that talks to the rank");
    TRY(look_for_device(&session, &n_devices));
    TRY(say_hello(&session, n_devices));
    while (!is_over) {
        cJSON *assignment = next_assignment(&session);
        if (assignment == NULL)
            break;
        status = work(&session, assignment, &is_over);
        cJSON_Delete(assignment);
        if (status != STATUS_OK)
            break;
    }
done:
    wake_talker(&session);
    pthread_join(thread, NULL);
    close(session.wake_fd);
    warm_trainer_release(&session.warm);
    text_release(&session.summary);
    cJSON_Delete(session.assignment);
    return status;
}
