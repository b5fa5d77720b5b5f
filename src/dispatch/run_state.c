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

const char *run_phase_name(enum run_phase phase)
{
    static const char *const names[] = {"pending", "running", "done", "failed"};
    return names[phase];
}
