/* What a trainer says, as a change of its state and as at most one event for rank 0 at a time. */
#include "dispatch/supervise/supervision.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"

#include <stdio.h>
#include <string.h>

void supervision_kill(struct supervisor *supervisor, const char *reason)
{
    if (supervisor->kill_reason[0] == '\0')
        copy_text(supervisor->kill_reason, sizeof supervisor->kill_reason, reason);
    if (!supervisor->is_dead)
        process_kill(supervisor->process.pid);
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

bool supervision_has_assignment(const struct supervisor *supervisor)
{
    return supervisor->assignment.length > 0;
}

void supervision_deliver(struct supervisor *supervisor)
{
    char reason[EVENT_TEXT_BYTES];
    enum status status = frame_write(supervisor->process.to_fd, supervisor->assignment.data,
                                     supervisor->assignment.length, SUPERVISION_WRITE_SECONDS);

    supervisor->last_event = supervisor->last_tick = clock_seconds();
    if (status != STATUS_OK) {
        supervisor->state = TRAINER_STARTING;
        snprintf(reason, sizeof reason, "trainer did not take its run, killed: %.400s",
                 status_message());
        supervision_kill(supervisor, reason);
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
        supervision_kill(supervisor, supervisor->last_words);
        return;
    }
    supervisor->state = TRAINER_IDLE;
    warn_of_idle_devices(supervisor, hello->n_devices);
    if (supervision_has_assignment(supervisor)) {
        supervision_deliver(supervisor);
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

static enum status next_event(struct supervisor *supervisor, struct event *said)
{
    const char *bytes = NULL;
    int64_t n = 0;
    enum status status = frame_next(&supervisor->reader, &bytes, &n);

    said->kind = EVENT_NONE;
    return status != STATUS_OK || bytes == NULL ? status : event_decode(bytes, n, said);
}

void supervision_listen(struct supervisor *supervisor, struct event *event)
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
        supervision_kill(supervisor, reason);
    }
}
