/* The life of a trainer as a small state machine, driven by what it says, its death and the clock.
 */
#include "dispatch/supervise/supervisor.h"

#include "dispatch/supervise/cores.h"
#include "dispatch/supervise/spawn.h"
#include "dispatch/supervise/step_clock.h"
#include "dispatch/supervise/trainer_cores.h"
#include "protocol/frame.h"

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
    struct spawned process;            /* SPAWNED_NONE between two */
    struct text assignment;            /* owned: an order that waits for a trainer, or "" */
    bool is_withdrawn;                 /* it was asked to stop before it began */
    char last_words[EVENT_TEXT_BYTES]; /* why it cannot start: another one could not either */
    bool is_dead; /* reaped with wait_status; its last words may not be read yet */
    int wait_status;
    struct frame_reader reader;
    int64_t run, attempt; /* while busy */
    int n_start_failures;
    bool has_warned; /* of GPUs that nobody computes on */
    double restart_at;
    double last_event, last_tick; /* when anything was heard, when the run moved */
    int64_t ticks;
    double cpu_seconds; /* of the trainer, as it last said */
    bool is_stepping;   /* between two steps of one phase */
    struct step_clock steps;
    struct trainer_cores used;
    char kill_reason[EVENT_TEXT_BYTES]; /* why we killed it, "" when we did not */
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
    frame_reader_release(&supervisor->reader);
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

static void give_up(struct supervisor *supervisor, const char *why, struct event *event)
{
    supervisor->state = TRAINER_GIVEN_UP;
    event->kind = EVENT_GAVE_UP;
    copy_text(event->text, sizeof event->text, why);
}

static void start(struct supervisor *supervisor, struct event *event)
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
    supervisor->last_event = supervisor->last_tick = clock_seconds();
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

static void see_tick(struct supervisor *supervisor, const struct run_progress *now)
{
    trainer_cores_see(&supervisor->used, now->cpu_seconds, supervisor->last_event);
    /* Loading and evaluating have no steps: there, processor time spent counts as moving. */
    if (!supervisor->is_stepping && now->cpu_seconds > supervisor->cpu_seconds + 0.2) {
        supervisor->cpu_seconds = now->cpu_seconds;
        supervisor->last_tick = supervisor->last_event;
    }
    if (now->ticks == supervisor->ticks)
        return;
    supervisor->ticks = now->ticks;
    supervisor->last_tick = supervisor->last_event;
    supervisor->is_stepping =
        strcmp(now->phase, "train") == 0 && now->step > 0 && now->step < now->n_steps;
    step_clock_see(&supervisor->steps, now->step, supervisor->last_event);
}

static bool has_assignment(const struct supervisor *supervisor)
{
    return supervisor->assignment.length > 0;
}

static enum status send_order(struct supervisor *supervisor, const struct order *order)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    TRY(order_encode(order, &text));
    TRY(frame_write(supervisor->process.to_fd, text.data, text.length, write_deadline_seconds));
done:
    text_release(&text);
    return status;
}

/* The waiting run to the idle trainer. One that does not take it never began it: it counts among
 * those that did not start, and the run goes on waiting. */
static void deliver(struct supervisor *supervisor)
{
    char reason[EVENT_TEXT_BYTES];
    enum status status = frame_write(supervisor->process.to_fd, supervisor->assignment.data,
                                     supervisor->assignment.length, write_deadline_seconds);

    supervisor->last_event = supervisor->last_tick = clock_seconds();
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
    text_release(&supervisor->assignment);
}

/* Its file was replaced while the sweep ran: what it computes may not fit to what was computed. */
static bool is_other_build(struct supervisor *supervisor, const struct event *hello)
{
    if (strcmp(hello->build, build_name()) == 0)
        return false;
    snprintf(supervisor->last_words, sizeof supervisor->last_words,
             "'%.200s' was replaced while the sweep ran: it is %s now, the sweep was started by "
             "%s; start the sweep again",
             supervisor->settings.program, hello->build, build_name());
    return true;
}

static void greet(struct supervisor *supervisor, const struct event *hello, struct event *event)
{
    if (is_other_build(supervisor, hello)) {
        kill_trainer(supervisor, supervisor->last_words);
        return;
    }
    supervisor->state = TRAINER_IDLE;
    warn_of_idle_devices(supervisor, hello->n_devices);
    if (has_assignment(supervisor)) {
        deliver(supervisor);
        return;
    }
    supervisor->n_start_failures = 0;
    event->kind = EVENT_READY;
}

/* What a trainer says of the run that it was given. */
static void hear_of_run(struct supervisor *supervisor, const struct event *said,
                        struct event *event)
{
    if (said->attempt != supervisor->attempt || said->run != supervisor->run)
        return;
    supervisor->n_start_failures = 0;
    switch (said->kind) {
    case EVENT_HEARTBEAT:
        see_tick(supervisor, &said->progress);
        break;
    case EVENT_PROGRESS:
    case EVENT_RUNG:
        see_tick(supervisor, &said->progress);
        *event = *said;
        event->progress.cores = supervisor->used.busy;
        event->progress.n_cores = supervisor->settings.n_threads;
        break;
    case EVENT_DONE:
    case EVENT_PAUSED:
    case EVENT_FAILED:
        *event = *said;
        supervisor->state = TRAINER_IDLE;
        break;
    default:
        break;
    }
}

/* At most one event for rank 0 comes of it. */
static void hear(struct supervisor *supervisor, const struct event *said, struct event *event)
{
    supervisor->last_event = clock_seconds();
    if (supervisor->state == TRAINER_BUSY)
        hear_of_run(supervisor, said, event);
    else if (said->kind == EVENT_HELLO && supervisor->state == TRAINER_STARTING)
        greet(supervisor, said, event);
    else if (said->kind == EVENT_UNABLE && supervisor->state == TRAINER_STARTING)
        copy_text(supervisor->last_words, sizeof supervisor->last_words, said->text);
    else if (said->kind == EVENT_READY && supervisor->state == TRAINER_IDLE)
        event->kind = EVENT_READY;
}

static void describe_death(const struct supervisor *supervisor, int wait_status,
                           struct event *event)
{
    char how[96];
    int number = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;

    event->signal = number;
    if (number == SIGKILL)
        snprintf(how, sizeof how, "trainer was killed by SIGKILL (out of memory, or by hand)");
    else if (number != 0)
        snprintf(how, sizeof how, "trainer died of SIG%s (%s)", sigabbrev_np(number),
                 sigdescr_np(number));
    else
        snprintf(how, sizeof how, "trainer ended by itself with exit code %d",
                 WEXITSTATUS(wait_status));
    copy_text(event->text, sizeof event->text,
              supervisor->kill_reason[0] != '\0' ? supervisor->kill_reason : how);
}

static void handle_death(struct supervisor *supervisor, int wait_status, struct event *event)
{
    enum supervisor_state before = supervisor->state;

    describe_death(supervisor, wait_status, event);
    event->run = supervisor->run;
    event->attempt = supervisor->attempt;
    forget_process(supervisor);
    supervisor->restart_at = clock_seconds();
    if (before == TRAINER_BUSY) {
        event->kind = EVENT_CRASHED;
    } else if (before == TRAINER_STARTING && supervisor->last_words[0] != '\0') {
        give_up(supervisor, supervisor->last_words, event);
    } else if (before == TRAINER_STARTING) {
        supervisor->restart_at += 0.2 * ++supervisor->n_start_failures;
        if (supervisor->n_start_failures >= MAX_START_FAILURES) {
            char why[EVENT_TEXT_BYTES];
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
    double now = clock_seconds(), silent = now - supervisor->last_event;

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

static enum status next_event(struct supervisor *supervisor, struct event *said)
{
    const char *bytes = NULL;
    int64_t n = 0;
    enum status status = frame_next(&supervisor->reader, &bytes, &n);

    said->kind = EVENT_NONE;
    return status != STATUS_OK || bytes == NULL ? status : event_decode(bytes, n, said);
}

static void listen_to(struct supervisor *supervisor, struct event *event)
{
    enum status status = frame_fill(&supervisor->reader, supervisor->process.from_fd);

    while (status == STATUS_OK && event->kind == EVENT_NONE) {
        struct event said;
        status = next_event(supervisor, &said);
        if (status == STATUS_OK && said.kind == EVENT_NONE)
            break;
        if (status == STATUS_OK)
            hear(supervisor, &said, event);
    }
    if (status != STATUS_OK) {
        char reason[EVENT_TEXT_BYTES];
        snprintf(reason, sizeof reason, "trainer is not understood, killed: %.400s",
                 status_message());
        frame_reader_release(&supervisor->reader);
        kill_trainer(supervisor, reason);
    }
}

static void withdraw(struct supervisor *supervisor, struct event *event)
{
    event->kind = EVENT_FAILED;
    event->run = supervisor->run;
    event->attempt = supervisor->attempt;
    event->status = STATUS_CANCELLED;
    copy_text(event->text, sizeof event->text, "stopped on request before it began");
    text_release(&supervisor->assignment);
    supervisor->is_withdrawn = false;
}

void supervisor_poll(struct supervisor *supervisor, struct event *event)
{
    *event = (struct event){.kind = EVENT_NONE};
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
    listen_to(supervisor, event);
    if (event->kind != EVENT_NONE)
        return;
    if (was_dead)
        handle_death(supervisor, supervisor->wait_status, event);
    else
        check_deadlines(supervisor);
}

enum status supervisor_assign(struct supervisor *supervisor, const struct assignment *assignment)
{
    enum status status = STATUS_OK;
    const struct order order = {.kind = ORDER_ASSIGN, .assignment = *assignment};
    struct text text = {0};

    if (assignment->n_lanes != 1 || assignment->lanes[0].n_runs != 1)
        TRY(fail(STATUS_UNSUPPORTED, "a trainer takes one run at a time"));
    TRY(order_encode(&order, &text));
    text_release(&supervisor->assignment);
    supervisor->assignment = text;
    text = (struct text){0};
    supervisor->is_withdrawn = false;
    supervisor->run = assignment->lanes[0].runs[0].run;
    supervisor->attempt = assignment->lanes[0].runs[0].attempt;
    if (supervisor->state == TRAINER_IDLE)
        deliver(supervisor);
done:
    text_release(&text);
    return status;
}

void supervisor_verdict(struct supervisor *supervisor, const struct verdict *verdict)
{
    const struct order order = {.kind = ORDER_VERDICT, .verdict = *verdict};

    if (supervisor->state != TRAINER_BUSY || verdict->run != supervisor->run ||
        verdict->attempt != supervisor->attempt)
        return; /* its trainer died meanwhile, or was told to stop */
    if (send_order(supervisor, &order) != STATUS_OK)
        kill_trainer(supervisor, "trainer did not take the verdict on its rung, killed");
}

void supervisor_stop(struct supervisor *supervisor)
{
    const struct order order = {.kind = ORDER_STOP};

    supervisor->is_withdrawn = has_assignment(supervisor);
    if (supervisor->state == TRAINER_BUSY && send_order(supervisor, &order) != STATUS_OK)
        kill_trainer(supervisor, "trainer did not take the request to stop, killed");
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
    text_release(&supervisor->assignment);
    free(supervisor);
}
