/* Arrivals, before and after a restart; the rules decide, decisions wait here to be taken. */
#include "dispatch/rungs/rung_rules.h"

#include "base/arena.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status rungs_create(const struct sweep *sweep, struct rungs **out)
{
    enum status status = STATUS_OK;
    struct rungs *made = NULL;
    int64_t most = 0;

    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    made->sweep = sweep;
    made->early = sweep->early;
    made->is_replaying = true;
    TRY_ALLOC(made->tracks, heap_alloc(sweep->n_runs, sizeof *made->tracks));
    for (int64_t i = 0; i < sweep->n_runs && sweep->early.type != EARLY_NONE; i++) {
        int64_t epochs = early_run_epochs(&sweep->runs[i]);
        struct track *track = &made->tracks[i];
        track->best = NAN;
        while (early_rung_epoch(&made->early, track->n_own) < epochs)
            track->n_own++;
        most = track->n_own > most ? track->n_own : most;
    }
    made->n_rungs = most;
    TRY_ALLOC(made->items, heap_alloc(most, sizeof *made->items));
    for (int64_t k = 0; k < most; k++)
        made->items[k] = (struct rung){.epoch = early_rung_epoch(&made->early, k),
                                       .is_maximized = made->early.is_maximized};
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        if (made->tracks[i].n_own > 0)
            made->items[0].n_peers++;
        else
            made->tracks[i].rung = most;
    }
    *out = made;
    made = NULL;
done:
    rungs_destroy(made);
    return status;
}

void rungs_destroy(struct rungs *rungs)
{
    if (rungs == NULL)
        return;
    for (int64_t k = 0; k < rungs->n_rungs && rungs->items != NULL; k++)
        rung_release(&rungs->items[k]);
    free(rungs->items);
    free(rungs->tracks);
    free(rungs->decisions);
    free(rungs);
}

static enum status arrive(struct rungs *rungs, int64_t run, double value)
{
    enum status status = STATUS_OK;
    struct track *track = &rungs->tracks[run];
    struct rung *rung = &rungs->items[track->rung];
    struct arrival arrival = {value, run};

    track->has_arrived = true;
    if (rungs->early.type == EARLY_MEDIAN) {
        track->n_values += !isnan(value);
        track->sum += isnan(value) ? 0 : value;
        if (rung_is_better(rung, value, track->best))
            track->best = value;
        arrival.value = track_mean(track);
    }
    TRY(rung_insert(rung, &arrival));
    if (!rungs->is_replaying)
        TRY(rung_rules_see(rungs, run, &arrival));
done:
    return status;
}

enum status rungs_reach(struct rungs *rungs, int64_t run, double value, bool *is_new)
{
    struct track *track = &rungs->tracks[run];

    *is_new = track->rung < rungs->n_rungs && !track->has_arrived;
    return *is_new ? arrive(rungs, run, value) : STATUS_OK;
}

enum run_verdict rungs_verdict(const struct rungs *rungs, int64_t run)
{
    return rungs->tracks[run].is_stopped ? VERDICT_STOP : VERDICT_NONE;
}

int64_t rungs_next_epoch(const struct rungs *rungs, int64_t run)
{
    int64_t rung = rungs->tracks[run].rung;
    return rung < rungs->n_rungs ? rungs->items[rung].epoch : 0;
}

enum status rungs_settle(struct rungs *rungs)
{
    return rung_rules_settle(rungs);
}

/* A run that ended while the verdict on its rung is open: that one is its last. */
static void end_here(struct track *track)
{
    track->n_own = track->rung + 1;
}

/* A run that will never reach its next rung, and is no peer there. */
static void leave(struct rungs *rungs, int64_t run)
{
    struct track *track = &rungs->tracks[run];

    rungs->items[track->rung].n_peers--;
    track->rung = rungs->n_rungs;
}

enum status rungs_fail(struct rungs *rungs, int64_t run)
{
    enum status status = STATUS_OK;
    struct track *track = &rungs->tracks[run];

    if (track->rung == rungs->n_rungs)
        return STATUS_OK;
    if (track->has_arrived) {
        end_here(track);
        return STATUS_OK;
    }
    if (rungs->early.type == EARLY_MEDIAN) {
        leave(rungs, run);
        return STATUS_OK;
    }
    track->is_stopped = true; /* nothing more to decide about it */
    TRY(arrive(rungs, run, NAN));
done:
    return status;
}

enum status rungs_replay(struct rungs *rungs, const struct journal_event *event)
{
    struct track *track = &rungs->tracks[event->run];
    bool is_rung = event->kind == JOURNAL_REACHED || event->kind == JOURNAL_PROMOTED ||
                   event->kind == JOURNAL_STOPPED;

    if (!is_rung || track->rung == rungs->n_rungs ||
        rungs->items[track->rung].epoch != event->epoch)
        return STATUS_OK;
    if (event->kind == JOURNAL_REACHED && !track->has_arrived &&
        strcmp(event->text, rungs->early.metric) == 0)
        return arrive(rungs, event->run, event->value);
    if (track->has_arrived && event->kind == JOURNAL_PROMOTED)
        rung_rules_go_on(rungs, event->run);
    else if (track->has_arrived && event->kind == JOURNAL_STOPPED)
        track->is_stopped = true;
    return STATUS_OK;
}

static enum status join(struct rungs *rungs, int64_t run, struct run_state *state)
{
    struct track *track = &rungs->tracks[run];
    bool has_rung = track->rung < rungs->n_rungs;

    if (state->phase == RUN_PAUSED && !(has_rung && track->has_arrived))
        state->phase = RUN_PENDING;
    if (state->phase == RUN_STOPPED && rungs->early.type == EARLY_NONE)
        state->phase = RUN_PENDING;
    if (!has_rung || state->phase < RUN_DONE)
        return STATUS_OK;
    if (state->phase == RUN_FAILED)
        return rungs_fail(rungs, run);
    if (track->has_arrived)
        end_here(track);
    else
        leave(rungs, run);
    return STATUS_OK;
}

enum status rungs_begin(struct rungs *rungs, struct run_state *states)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < rungs->sweep->n_runs; i++)
        TRY(join(rungs, i, &states[i]));
    rungs->is_replaying = false;
    TRY(rung_rules_see_all(rungs));
done:
    return status;
}

static void explain(const struct rungs *rungs, const struct waiting_decision *decision,
                    char text[EVENT_TEXT_BYTES])
{
    const char *metric = rungs->early.metric;
    int64_t epoch = rungs->items[decision->rung].epoch;

    if (rungs->early.type != EARLY_MEDIAN)
        snprintf(text, EVENT_TEXT_BYTES,
                 "%s %.6g at epoch %" PRId64 " (rung %" PRId64 ") is number %" PRId64 " of %" PRId64
                 ", the best %" PRId64 " go on",
                 metric, decision->value, epoch, decision->rung + 1, decision->place + 1,
                 decision->n, decision->quota);
    else if (isnan(decision->threshold))
        snprintf(text, EVENT_TEXT_BYTES,
                 "fewer than %" PRId64 " others have reached epoch %" PRId64 " (rung %" PRId64 ")",
                 rungs->early.min_runs, epoch, decision->rung + 1);
    else
        snprintf(text, EVENT_TEXT_BYTES,
                 "%s, at best %.6g by epoch %" PRId64 " (rung %" PRId64
                 "), the median of the others' means is %.6g",
                 metric, decision->value, epoch, decision->rung + 1, decision->threshold);
}

bool rungs_take(struct rungs *rungs, struct rung_decision *out)
{
    if (rungs->first == rungs->n_decisions) {
        rungs->first = rungs->n_decisions = 0;
        return false;
    }
    const struct waiting_decision *decision = &rungs->decisions[rungs->first++];
    *out = (struct rung_decision){.run = decision->run,
                                  .epoch = rungs->items[decision->rung].epoch,
                                  .verdict = decision->verdict,
                                  .value = decision->value,
                                  .threshold = decision->threshold};
    explain(rungs, decision, out->text);
    return true;
}
