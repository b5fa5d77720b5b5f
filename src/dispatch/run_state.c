/* The effect of each event on a run. */
#include "dispatch/run_state.h"

#include <string.h>

static void set_trouble(struct run_state *state, const struct journal_event *event)
{
    state->status = event->status;
    state->exit_signal = event->signal;
    copy_text(state->message, sizeof state->message, event->text);
}

void run_state_apply(struct run_state *state, const struct journal_event *event)
{
    if (event->attempt > state->attempt || event->kind == JOURNAL_DONE)
        state->attempt = event->attempt;
    switch (event->kind) {
    case JOURNAL_ASSIGNED:
        state->phase = RUN_RUNNING;
        state->rank = event->rank;
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
    default:
        break;
    }
}

void run_states_count(const struct run_state *states, int64_t n, struct dispatch_outcome *counts)
{
    counts->n_runs = n;
    counts->n_done = counts->n_failed = counts->n_skipped = counts->n_pending = 0;
    counts->n_held = 0;
    for (int64_t i = 0; i < n; i++) {
        counts->n_done += states[i].phase == RUN_DONE;
        counts->n_failed += states[i].phase == RUN_FAILED;
        counts->n_skipped += states[i].phase == RUN_DONE && states[i].was_done_before;
        bool is_open = states[i].phase == RUN_PENDING || states[i].phase == RUN_RUNNING;
        counts->n_pending += is_open && !states[i].is_held;
        counts->n_held += is_open && states[i].is_held;
    }
}

const char *run_phase_name(enum run_phase phase)
{
    static const char *const names[] = {"pending", "running", "done", "failed"};
    return names[phase];
}
