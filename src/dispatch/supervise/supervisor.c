/* The life of a trainer as a small state machine, driven by its records, its death and the clock.
 */
#include "dispatch/supervise/supervisor.h"

#include "dispatch/supervise/cores.h"
#include "dispatch/supervise/spawn.h"
#include "dispatch/supervise/step_clock.h"
#include "dispatch/supervise/trainer_cores.h"
#include "dispatch/talk/record.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_START_FAILURES = 3 };
static const double hello_deadline_seconds = 120.0; /* a cold program on a slow file system */
static const double close_deadline_seconds = 5.0;
static const double write_deadline_seconds = 2.0;

enum supervisor_state {
    TRAINER_DOWN,
    TRAINER_STARTING, /* no hello yet, or its first run was not taken */
    TRAINER_IDLE,
    TRAINER_BUSY,
    TRAINER_GIVEN_UP
};

struct supervisor {
    struct supervisor_settings settings;
    struct cores cores;
    char cores_text[CORES_TEXT_BYTES];
    enum supervisor_state state;
    struct spawned process;              /* SPAWNED_NONE between two */
    cJSON *assignment;                   /* owned: of a run that waits for a trainer, or NULL */
    bool is_withdrawn;                   /* it was asked to stop before it began */
    char last_words[MESSAGE_TEXT_BYTES]; /* why it cannot start: another one could not either */
    bool is_dead; /* reaped with wait_status; its last records may not be read yet */
    int wait_status;
    struct record_reader reader;
    int64_t run, attempt; /* while busy */
    int n_start_failures;
    bool has_warned; /* of GPUs that nobody computes on */
    double restart_at;
    double last_record, last_tick; /* when anything was heard, when the run moved */
    int64_t ticks;
    double cpu_seconds; /* of the trainer, as it last said */
    bool is_stepping;   /* between two steps of one phase */
    struct step_clock steps;
    struct trainer_cores used;
    char *summary;                        /* owned: of the run that ended last, or NULL */
    char kill_reason[MESSAGE_TEXT_BYTES]; /* why we killed it, "" when we did not */
};

static double or_default(double value, double fallback)
{
    return value > 0 ? value : fallback;
}

enum status supervisor_create(const struct supervisor_settings *settings, struct supervisor **out)
{
    enum status status = STATUS_OK;
    struct supervisor *made = NULL;
    struct cores node;

    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    made->settings = *settings;
    made->process = SPAWNED_NONE;
    made->settings.heartbeat_seconds = or_default(settings->heartbeat_seconds, 30);
    made->settings.step_seconds = or_default(settings->step_seconds, 60);
    made->settings.phase_seconds = or_default(settings->phase_seconds, 600);
    cores_of_node(&node);
    made->settings.n_threads = cores_threads(&node, settings->node_size, settings->n_threads);
    cores_slice(&node, settings->node_rank, settings->node_size, made->settings.n_threads,
                &made->cores);
    TRY(cores_to_text(&made->cores, made->cores_text));
    *out = made;
    made = NULL;
done:
    free(made);
    return status;
}

static void forget_process(struct supervisor *supervisor)
{
    close(supervisor->process.to_fd);
    close(supervisor->process.from_fd);
    supervisor->process = SPAWNED_NONE;
    supervisor->is_dead = false;
    record_reader_release(&supervisor->reader);
    supervisor->kill_reason[0] = '\0';
    supervisor->state = TRAINER_DOWN;
}

static void kill_trainer(struct supervisor *supervisor, const char *reason)
{
    if (supervisor->kill_reason[0] == '\0')
        copy_text(supervisor->kill_reason, sizeof supervisor->kill_reason, reason);
    if (!supervisor->is_dead)
        process_kill(supervisor->process.pid);
}

static void give_up(struct supervisor *supervisor, const char *why, struct supervisor_event *event)
{
    supervisor->state = TRAINER_GIVEN_UP;
    event->kind = SUPERVISOR_GAVE_UP;
    copy_text(event->text, sizeof event->text, why);
}

static void start(struct supervisor *supervisor, struct supervisor_event *event)
{
    struct spawn_settings settings = {.program = supervisor->settings.program,
                                      .device = supervisor->settings.device,
                                      .device_index = supervisor->settings.node_rank,
                                      .n_threads = supervisor->settings.n_threads,
                                      .cores = supervisor->cores_text,
                                      .log = supervisor->settings.log};

    if (spawn_trainer(&settings, &supervisor->process) != STATUS_OK) {
        give_up(supervisor, status_message(), event);
        return;
    }
    supervisor->state = TRAINER_STARTING;
    supervisor->last_record = supervisor->last_tick = clock_seconds();
}

/* Once per machine, by its first rank. */
static void warn_of_idle_devices(struct supervisor *supervisor, int64_t n_devices)
{
    const struct supervisor_settings *settings = &supervisor->settings;

    if (settings->node_rank != 0 || n_devices <= settings->node_size || supervisor->has_warned)
        return;
    supervisor->has_warned = true;
    log_warning("%lld of the %lld GPUs of this machine stay idle: %d rank%s here, and each takes "
                "one; start %lld per machine",
                (long long)(n_devices - settings->node_size), (long long)n_devices,
                settings->node_size, settings->node_size == 1 ? " runs" : "s run",
                (long long)n_devices);
}

static void read_progress(const cJSON *body, struct run_progress *out)
{
    out->epoch = record_integer(body, "epoch");
    out->n_epochs = record_integer(body, "n_epochs");
    out->step = record_integer(body, "step");
    out->n_steps = record_integer(body, "n_steps");
    out->loss = record_number(body, "loss");
    out->images_per_second = record_number(body, "images_per_second");
    copy_text(out->phase, sizeof out->phase, record_text(body, "phase"));
}

static void see_tick(struct supervisor *supervisor, const cJSON *body)
{
    int64_t ticks = record_integer(body, "ticks");
    double cpu_seconds = record_number(body, "cpu_seconds");

    trainer_cores_see(&supervisor->used, cpu_seconds, supervisor->last_record);
    /* Loading and evaluating have no steps: there, processor time spent counts as moving. */
    if (!supervisor->is_stepping && cpu_seconds > supervisor->cpu_seconds + 0.2) {
        supervisor->cpu_seconds = cpu_seconds;
        supervisor->last_tick = supervisor->last_record;
    }
    if (ticks == supervisor->ticks)
        return;
    supervisor->ticks = ticks;
    supervisor->last_tick = supervisor->last_record;
    int64_t step = record_integer(body, "step");
    supervisor->is_stepping = strcmp(record_text(body, "phase"), "train") == 0 && step > 0 &&
                              step < record_integer(body, "n_steps");
    step_clock_see(&supervisor->steps, step, supervisor->last_record);
}

static void reach_rung(struct supervisor *supervisor, const cJSON *body,
                       struct supervisor_event *event)
{
    see_tick(supervisor, body);
    event->kind = SUPERVISOR_RUNG;
    event->run = supervisor->run;
    event->attempt = supervisor->attempt;
    event->rung_epoch = record_integer(body, "epoch");
    event->value = record_number(body, "value");
}

static void end_run(struct supervisor *supervisor, const cJSON *body,
                    struct supervisor_event *event)
{
    event->kind = record_is(body, "done")     ? SUPERVISOR_DONE
                  : record_is(body, "paused") ? SUPERVISOR_PAUSED
                                              : SUPERVISOR_FAILED;
    event->run = supervisor->run;
    event->attempt = supervisor->attempt;
    for (int i = 0; i < N_SCORES; i++)
        event->scores[i] =
            record_number(cJSON_GetObjectItemCaseSensitive(body, "scores"), measure_score(i)->name);
    free(supervisor->summary);
    supervisor->summary = strdup(record_text(body, "summary"));
    if (supervisor->summary != NULL) /* without it, rank 0 reads run.h5 */
        event->summary = supervisor->summary;
    event->status = (enum status)record_integer(body, "status");
    copy_text(event->text, sizeof event->text, record_text(body, "message"));
    supervisor->state = TRAINER_IDLE;
}

/* The waiting run to the idle trainer. One that does not take it never began it: it counts among
 * those that did not start, and the run goes on waiting. */
static void deliver(struct supervisor *supervisor)
{
    char reason[MESSAGE_TEXT_BYTES];
    enum status status =
        record_write(supervisor->process.to_fd, supervisor->assignment, write_deadline_seconds);

    supervisor->last_record = supervisor->last_tick = clock_seconds();
    if (status != STATUS_OK) {
        supervisor->state = TRAINER_STARTING;
        snprintf(reason, sizeof reason, "trainer did not take its run, killed: %.400s",
                 status_message());
        kill_trainer(supervisor, reason);
        return;
    }
    supervisor->state = TRAINER_BUSY;
    supervisor->ticks = -1;
    supervisor->cpu_seconds = 0;
    supervisor->is_stepping = false;
    supervisor->steps = (struct step_clock){0};
    trainer_cores_begin(&supervisor->used);
    cJSON_Delete(supervisor->assignment);
    supervisor->assignment = NULL;
}

static void greet(struct supervisor *supervisor, const cJSON *body, struct supervisor_event *event)
{
    supervisor->state = TRAINER_IDLE;
    warn_of_idle_devices(supervisor, record_integer(body, "n_devices"));
    if (supervisor->assignment != NULL) {
        deliver(supervisor);
        return;
    }
    supervisor->n_start_failures = 0;
    event->kind = SUPERVISOR_READY;
}

/* A record → at most one event. */
static void handle_record(struct supervisor *supervisor, const cJSON *body,
                          struct supervisor_event *event)
{
    bool is_busy = supervisor->state == TRAINER_BUSY;
    bool is_ours = record_integer(body, "attempt") == supervisor->attempt &&
                   record_integer(body, "run_number") == supervisor->run;

    supervisor->last_record = clock_seconds();
    if (is_busy)
        supervisor->n_start_failures = 0;
    if (record_is(body, "hello") && supervisor->state == TRAINER_STARTING) {
        greet(supervisor, body, event);
    } else if (record_is(body, "unable") && supervisor->state == TRAINER_STARTING) {
        copy_text(supervisor->last_words, sizeof supervisor->last_words,
                  record_text(body, "message"));
    } else if (record_is(body, "heartbeat") && is_busy) {
        see_tick(supervisor, body);
    } else if (record_is(body, "progress") && is_busy) {
        see_tick(supervisor, body);
        event->kind = SUPERVISOR_PROGRESS;
        event->run = supervisor->run;
        event->attempt = supervisor->attempt;
        read_progress(body, &event->progress);
        event->progress.cores = supervisor->used.busy;
        event->progress.n_cores = supervisor->settings.n_threads;
    } else if (record_is(body, "rung") && is_busy && is_ours) {
        reach_rung(supervisor, body, event);
    } else if ((record_is(body, "done") || record_is(body, "paused") ||
                record_is(body, "failed")) &&
               is_busy && is_ours) {
        end_run(supervisor, body, event);
    } else if (record_is(body, "ready") && supervisor->state == TRAINER_IDLE) {
        event->kind = SUPERVISOR_READY;
    }
}

static void describe_death(const struct supervisor *supervisor, int wait_status,
                           struct supervisor_event *event)
{
    char how[96];

    event->signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    if (event->signal == SIGKILL)
        snprintf(how, sizeof how, "trainer was killed by SIGKILL (out of memory, or by hand)");
    else if (event->signal != 0)
        snprintf(how, sizeof how, "trainer died of SIG%s (%s)", sigabbrev_np(event->signal),
                 sigdescr_np(event->signal));
    else
        snprintf(how, sizeof how, "trainer ended by itself with exit code %d",
                 WEXITSTATUS(wait_status));
    copy_text(event->text, sizeof event->text,
              supervisor->kill_reason[0] != '\0' ? supervisor->kill_reason : how);
}

static void handle_death(struct supervisor *supervisor, int wait_status,
                         struct supervisor_event *event)
{
    enum supervisor_state before = supervisor->state;

    describe_death(supervisor, wait_status, event);
    event->run = supervisor->run;
    event->attempt = supervisor->attempt;
    forget_process(supervisor);
    supervisor->restart_at = clock_seconds();
    if (before == TRAINER_BUSY) {
        event->kind = SUPERVISOR_CRASHED;
    } else if (before == TRAINER_STARTING && supervisor->last_words[0] != '\0') {
        give_up(supervisor, supervisor->last_words, event);
    } else if (before == TRAINER_STARTING) {
        supervisor->restart_at += 0.2 * ++supervisor->n_start_failures;
        if (supervisor->n_start_failures >= MAX_START_FAILURES) {
            char why[MESSAGE_TEXT_BYTES];
            snprintf(why, sizeof why, "%d trainers in a row did not start: %.400s",
                     supervisor->n_start_failures, event->text);
            give_up(supervisor, why, event);
        }
    } else {
        log_info("idle %s, another one is started", event->text);
    }
}

static void check_deadlines(struct supervisor *supervisor)
{
    const struct supervisor_settings *limits = &supervisor->settings;
    char reason[160];
    double now = clock_seconds(), silent = now - supervisor->last_record;

    reason[0] = '\0';
    if (supervisor->state == TRAINER_STARTING && silent > hello_deadline_seconds)
        snprintf(reason, sizeof reason, "trainer did not say hello within %.0f s, killed", silent);
    if (supervisor->state == TRAINER_BUSY && silent > limits->heartbeat_seconds)
        snprintf(reason, sizeof reason, "trainer sent no heartbeat for %.0f s, killed", silent);
    else if (supervisor->state == TRAINER_BUSY) {
        double limit = supervisor->is_stepping
                           ? step_clock_deadline(&supervisor->steps, limits->step_seconds)
                           : limits->phase_seconds;
        if (now - supervisor->last_tick > limit)
            snprintf(reason, sizeof reason,
                     "trainer made no step for %.0f s (limit %.0f s), killed",
                     now - supervisor->last_tick, limit);
    }
    if (reason[0] != '\0')
        kill_trainer(supervisor, reason);
}

static void read_records(struct supervisor *supervisor, struct supervisor_event *event)
{
    enum status status = record_fill(&supervisor->reader, supervisor->process.from_fd);

    while (status == STATUS_OK && event->kind == SUPERVISOR_NOTHING) {
        cJSON *body = NULL;
        status = record_next(&supervisor->reader, &body);
        if (body == NULL)
            break;
        handle_record(supervisor, body, event);
        cJSON_Delete(body);
    }
    if (status != STATUS_OK) {
        char reason[MESSAGE_TEXT_BYTES];
        snprintf(reason, sizeof reason, "trainer is not understood, killed: %.400s",
                 status_message());
        record_reader_release(&supervisor->reader);
        kill_trainer(supervisor, reason);
    }
}

static void withdraw(struct supervisor *supervisor, struct supervisor_event *event)
{
    event->kind = SUPERVISOR_FAILED;
    event->run = supervisor->run;
    event->attempt = supervisor->attempt;
    event->status = STATUS_CANCELLED;
    copy_text(event->text, sizeof event->text, "stopped on request before it began");
    cJSON_Delete(supervisor->assignment);
    supervisor->assignment = NULL;
    supervisor->is_withdrawn = false;
}

void supervisor_poll(struct supervisor *supervisor, struct supervisor_event *event)
{
    *event = (struct supervisor_event){.kind = SUPERVISOR_NOTHING, .summary = ""};
    if (supervisor->is_withdrawn) {
        withdraw(supervisor, event);
        return;
    }
    if (supervisor->state == TRAINER_DOWN && clock_seconds() >= supervisor->restart_at)
        start(supervisor, event);
    if (supervisor->process.pid == NO_PROCESS)
        return;
    /* Death is asked for first and acted on last: what the trainer said before it died counts. */
    if (!supervisor->is_dead)
        supervisor->is_dead = waitpid(supervisor->process.pid, &supervisor->wait_status, WNOHANG) ==
                              supervisor->process.pid;
    bool was_dead = supervisor->is_dead;
    read_records(supervisor, event);
    if (event->kind != SUPERVISOR_NOTHING)
        return;
    if (was_dead)
        handle_death(supervisor, supervisor->wait_status, event);
    else
        check_deadlines(supervisor);
}

enum status supervisor_assign(struct supervisor *supervisor, const struct supervisor_job *job)
{
    cJSON *assignment = order_assign(job);

    if (assignment == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory assigning run %s", job->name);
    cJSON_Delete(supervisor->assignment);
    supervisor->assignment = assignment;
    supervisor->is_withdrawn = false;
    supervisor->run = job->run;
    supervisor->attempt = job->attempt;
    if (supervisor->state == TRAINER_IDLE)
        deliver(supervisor);
    return STATUS_OK;
}

void supervisor_verdict(struct supervisor *supervisor, const struct message *verdict)
{
    if (supervisor->state != TRAINER_BUSY || verdict->run != supervisor->run ||
        verdict->attempt != supervisor->attempt)
        return; /* its trainer died meanwhile, or was told to stop */
    cJSON *body = order_verdict(verdict);
    if (record_write(supervisor->process.to_fd, body, write_deadline_seconds) != STATUS_OK)
        kill_trainer(supervisor, "trainer did not take the verdict on its rung, killed");
    cJSON_Delete(body);
}

void supervisor_stop(struct supervisor *supervisor)
{
    supervisor->is_withdrawn = supervisor->assignment != NULL;
    if (supervisor->state != TRAINER_BUSY)
        return;
    cJSON *body = record_create("stop");
    if (record_write(supervisor->process.to_fd, body, write_deadline_seconds) != STATUS_OK)
        kill_trainer(supervisor, "trainer did not take the request to stop, killed");
    cJSON_Delete(body);
}

struct pollfd supervisor_pollfd(const struct supervisor *supervisor)
{
    bool has_trainer = supervisor->process.pid != NO_PROCESS && !supervisor->reader.is_closed;
    return (struct pollfd){.fd = has_trainer ? supervisor->process.from_fd : -1, .events = POLLIN};
}

void supervisor_destroy(struct supervisor *supervisor)
{
    if (supervisor == NULL)
        return;
    if (supervisor->process.pid != NO_PROCESS) {
        double deadline = clock_seconds() + close_deadline_seconds;
        pid_t pid = supervisor->process.pid;
        bool is_busy = supervisor->state == TRAINER_BUSY, is_dead = supervisor->is_dead;
        forget_process(supervisor); /* it reads the end of its pipe and leaves */
        if (is_busy && !is_dead)
            process_kill(pid);
        while (!is_dead && waitpid(pid, NULL, WNOHANG) == 0) {
            if (clock_seconds() > deadline)
                process_kill(pid);
            clock_sleep(0.002);
        }
    }
    cJSON_Delete(supervisor->assignment);
    free(supervisor->summary);
    free(supervisor);
}
