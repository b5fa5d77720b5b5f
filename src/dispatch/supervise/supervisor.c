/* The life of a trainer as a small state machine, driven by what it says (supervision.c), its death
 * and the clock. */
#include "dispatch/supervise/supervision.h"

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

static enum status send_order(struct supervisor *supervisor, const struct order *order)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    TRY(order_encode(order, &text));
    TRY(frame_write(supervisor->process.to_fd, text.data, text.length, SUPERVISION_WRITE_SECONDS));
done:
    text_release(&text);
    return status;
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
        supervision_kill(supervisor, reason);
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
    supervision_listen(supervisor, event);
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
        supervision_deliver(supervisor);
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
        supervision_kill(supervisor, "trainer did not take the verdict on its rung, killed");
}

void supervisor_stop(struct supervisor *supervisor)
{
    const struct order order = {.kind = ORDER_STOP};

    supervisor->is_withdrawn = supervision_has_assignment(supervisor);
    if (supervisor->state == TRAINER_BUSY && send_order(supervisor, &order) != STATUS_OK)
        supervision_kill(supervisor, "trainer did not take the request to stop, killed");
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
