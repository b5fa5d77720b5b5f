/* The effect of each event on a run. */
#include "dispatch/journal/run_state.h"

#include <string.h>

static void set_trouble(struct run_state *state, const struct journal_event *event)
{
    state->status = event->status;
    state->exit_signal = event->signal;
    copy_text(state->message, sizeof state->message, event->text);
}

bool journal_kind_is_attempt(enum journal_kind kind)
{
    static const bool is_attempt[N_JOURNAL_KINDS] = {
        [JOURNAL_ASSIGNED] = true, [JOURNAL_DONE] = true,    [JOURNAL_FAILED] = true,
        [JOURNAL_RETRIED] = true,  [JOURNAL_CRASHED] = true, [JOURNAL_INTERRUPTED] = true,
        [JOURNAL_PAUSED] = true,
    };
    return is_attempt[kind];
}

static enum run_phase phase_after_rung(enum run_verdict verdict)
{
    static const enum run_phase phases[] = {
        [VERDICT_NONE] = RUN_PAUSED, [VERDICT_GO_ON] = RUN_PENDING, [VERDICT_STOP] = RUN_STOPPED};
    return phases[verdict];
}

/* The verdict may come before or after the attempt has ended at the rung. */
static void decide(struct run_state *state, const struct journal_event *event)
{
    state->verdict = event->kind == JOURNAL_PROMOTED ? VERDICT_GO_ON : VERDICT_STOP;
    if (event->kind == JOURNAL_STOPPED)
        copy_text(state->message, sizeof state->message, event->text);
    if (state->phase == RUN_PAUSED)
        state->phase = phase_after_rung(state->verdict);
}

void run_state_apply(struct run_state *state, const struct journal_event *event)
{
    if (event->attempt > state->attempt || event->kind == JOURNAL_DONE)
        state->attempt = event->attempt;
    if (event->numerics > 0) /* the line that told of the attempt's begin may be lost */
        state->numerics = event->numerics;
    switch (event->kind) {
    case JOURNAL_ASSIGNED:
        state->phase = RUN_RUNNING;
        state->rank = event->rank;
        state->numerics = event->numerics;
        copy_text(state->host, sizeof state->host, event->host);
        copy_text(state->started, sizeof state->started, event->time);
        break;
    case JOURNAL_DONE:
        state->phase = RUN_DONE;
        state->status = STATUS_OK;
        state->exit_signal = 0;
        state->message[0] = '\0';
        break;
    case JOURNAL_FAILED:
        state->phase = RUN_FAILED;
        set_trouble(state, event);
        break;
    case JOURNAL_CRASHED:
        state->phase = RUN_PENDING;
        state->n_crashes++;
        set_trouble(state, event);
        break;
    case JOURNAL_RETRIED:
        state->phase = RUN_PENDING;
        state->n_retries++;
        set_trouble(state, event);
        break;
    case JOURNAL_INTERRUPTED:
        state->phase = RUN_PENDING;
        break;
    case JOURNAL_REOPENED:
        state->phase = RUN_PENDING;
        state->n_crashes = state->n_retries = 0;
        state->exit_signal = 0;
        state->status = STATUS_OK;
        state->message[0] = '\0';
        break;
    case JOURNAL_REACHED:
        state->verdict = VERDICT_NONE;
        break;
    case JOURNAL_PROMOTED:
    case JOURNAL_STOPPED:
        decide(state, event);
        break;
    case JOURNAL_PAUSED:
        state->phase = phase_after_rung(state->verdict);
        break;
    default:
        break;
    }
}

void run_states_count(const struct run_state *states, int64_t n, struct dispatch_outcome *counts)
{
    counts->n_runs = n;
    counts->n_done = counts->n_failed = counts->n_stopped = 0;
    counts->n_skipped = counts->n_pending = counts->n_held = 0;
    for (int64_t i = 0; i < n; i++) {
        counts->n_done += states[i].phase == RUN_DONE;
        counts->n_failed += states[i].phase == RUN_FAILED;
        counts->n_stopped += states[i].phase == RUN_STOPPED;
        counts->n_skipped += states[i].phase >= RUN_DONE && states[i].was_done_before;
        counts->n_pending += states[i].phase < RUN_DONE && !states[i].is_held;
        counts->n_held += states[i].phase < RUN_DONE && states[i].is_held;
    }
}

int64_t runs_ended(const struct dispatch_outcome *counts)
{
    return counts->n_done + counts->n_stopped + counts->n_failed;
}

const char *run_phase_name(enum run_phase phase)
{
    static const char *const names[] = {"pending", "running",       "paused",
                                        "done",    "stopped_early", "failed"};
    return names[phase];
}
