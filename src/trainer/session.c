/* This process's first thread trains; another one talks (rank_link.c). */
#include "trainer/session.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "store/results/run_paths.h"
#include "train/train.h"
#include "trainer/backend_choice.h"
#include "trainer/earlier_attempts.h"
#include "trainer/log.h"
#include "trainer/rank_link.h"
#include "trainer/warm_trainer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const double progress_every_seconds = 0.5;

struct session {
    struct trainer_session_settings settings;
    struct rank_link link;
    double last_progress;
    bool has_left; /* its run paused or stopped at a rung */
    struct trainer_log run_log;
    struct text summary; /* of its run; owned */
    double scores[N_SCORES];
    struct stat results; /* the results folder of its first run; inode 0: none yet */
    /* kept from run to run; owned */
    struct warm_trainer warm;
};

static void observe(void *context, const struct train_progress *progress)
{
    struct session *session = context;
    double now = clock_seconds();
    struct run_progress shown = {
        .epoch = progress->epoch,
        .n_epochs = progress->n_epochs,
        .step = progress->step,
        .n_steps = progress->n_steps,
        .loss = progress->loss,
        .images_per_second = progress->images_per_second,
    };

    copy_text(shown.phase, sizeof shown.phase, progress->phase);
    bool is_new_phase = rank_link_progress(&session->link, &shown);
    if (!is_new_phase && now - session->last_progress < progress_every_seconds)
        return;
    session->last_progress = now;
    if (rank_link_send_state(&session->link, (struct event){.kind = EVENT_PROGRESS}) != STATUS_OK)
        atomic_store(&session->link.wants_stop, true); /* nobody is left to train for */
}

static bool stop_asked(void *context)
{
    return atomic_load(&((struct session *)context)->link.wants_stop);
}

static enum train_verdict reach(void *context, const struct train_rung *rung, int64_t *next_epoch)
{
    struct session *session = context;
    enum train_verdict verdict = TRAIN_CANCEL;
    struct event question = {.kind = EVENT_RUNG, .epoch = rung->epoch, .value = rung->value};

    if (rank_link_send_state(&session->link, question) == STATUS_OK)
        verdict = verdict_box_wait(&session->link.verdicts, next_epoch);
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
    return rank_link_send(&session->link, &event);
}

/* A library or device that failed once is not asked again in this process. */
static bool is_unfit(enum status outcome)
{
    return outcome == STATUS_DEVICE || outcome == STATUS_OUT_OF_MEMORY;
}

static enum status work(struct session *session, const struct given_run *given, bool *is_over)
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
    rank_link_rest(&session->link);
    TRY(answer(session, run, outcome));
    *is_over = is_unfit(outcome);
    if (!*is_over)
        TRY(rank_link_send(&session->link, &ready));
done:
    return status;
}

static enum status say_hello(struct session *session, int n_devices)
{
    struct event hello = {.kind = EVENT_HELLO, .n_devices = n_devices};

    copy_text(hello.build, sizeof hello.build, build_name());
    return rank_link_send(&session->link, &hello);
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
    enum status sent = rank_link_send(&session->link, &unable);
    return sent == STATUS_OK ? status : sent;
}

enum status trainer_session_run(const struct trainer_session_settings *settings)
{
    enum status status = STATUS_OK;
    struct session session = {.settings = *settings};
    bool is_over = false;
    int n_devices = 0;

    status = rank_link_open(settings->in_fd, settings->out_fd, &session.link);
    if (status != STATUS_OK)
        return status;
    TRY(look_for_device(&session, &n_devices));
    TRY(say_hello(&session, n_devices));
    while (!is_over) {
        struct given_run *given = rank_link_next(&session.link);
        if (given == NULL)
            break;
        status = work(&session, given, &is_over);
        given_run_release(given);
        if (status != STATUS_OK)
            break;
    }
done:
    rank_link_close(&session.link);
    warm_trainer_release(&session.warm);
    text_release(&session.summary);
    return status;
}
