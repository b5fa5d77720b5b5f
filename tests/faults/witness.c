/* The rules, event by event. */
#include "faults/witness.h"

#include "base/arena.h"
#include "base/clock.h"
#include "support/cmocka.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void witness_open(struct witness *witness, uint64_t seed, int64_t n_runs)
{
    *witness = (struct witness){.seed = seed, .n_runs = n_runs};
    witness->runs = heap_alloc(n_runs, sizeof *witness->runs);
    assert_non_null(witness->runs);
}

void witness_close(struct witness *witness)
{
    free(witness->runs);
}

void witness_forget(struct witness *witness)
{
    memset(witness->runs, 0, (size_t)witness->n_runs * sizeof *witness->runs);
    witness->n_events = 0;
}

void breach(const struct witness *witness, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("seed %" PRIu64 ", start %" PRId64 " after %.4f days, event %" PRId64 ": %s\n",
                witness->seed, witness->n_starts, clock_seconds() / 86400, witness->n_events, text);
    _fail(__FILE__, __LINE__);
    abort(); /* CMocka has jumped away */
}

void witness_begin(struct witness *witness)
{
    for (int64_t i = 0; i < witness->n_runs; i++) {
        witness->runs[i].is_under_way = false;
        witness->runs[i].has_just_crashed = false;
    }
}

static void check_order(const struct witness *witness, const struct journal_event *event)
{
    const struct witnessed_run *run = &witness->runs[event->run];
    bool is_end = journal_kind_is_attempt(event->kind) && event->kind != JOURNAL_ASSIGNED;
    bool is_set_aside = event->kind == JOURNAL_FAILED && run->has_just_crashed;

    if (run->ended_as != RUN_PENDING)
        breach(witness, "run %" PRId64 " was %s with attempt %" PRId64 ", then comes event %d",
               event->run, run_phase_name(run->ended_as), run->attempt, (int)event->kind);
    if (event->attempt < run->attempt)
        breach(witness, "event %d of run %" PRId64 " is of attempt %" PRId64 " after %" PRId64,
               (int)event->kind, event->run, event->attempt, run->attempt);
    if (event->kind == JOURNAL_ASSIGNED && (run->is_under_way || event->attempt <= run->attempt))
        breach(witness, "run %" PRId64 " begins attempt %" PRId64 ", its last is %" PRId64 "%s",
               event->run, event->attempt, run->attempt, run->is_under_way ? " and under way" : "");
    if (is_end && !is_set_aside && (!run->is_under_way || event->attempt != run->attempt))
        breach(witness,
               "run %" PRId64 " ends attempt %" PRId64 " by event %d, its last is %" PRId64 "%s",
               event->run, event->attempt, (int)event->kind, run->attempt,
               run->is_under_way ? "" : " and not under way");
}

static void end_at_rung(struct witnessed_run *run)
{
    if (run->is_paused && run->is_stopped)
        run->ended_as = RUN_STOPPED;
}

static void apply(struct witnessed_run *run, const struct journal_event *event)
{
    run->attempt = event->attempt;
    if (journal_kind_is_attempt(event->kind)) {
        run->is_under_way = event->kind == JOURNAL_ASSIGNED;
        run->is_paused = event->kind == JOURNAL_PAUSED;
        run->has_just_crashed = event->kind == JOURNAL_CRASHED;
    }
    if (event->kind == JOURNAL_DONE || event->kind == JOURNAL_FAILED)
        run->ended_as = event->kind == JOURNAL_DONE ? RUN_DONE : RUN_FAILED;
    if (event->kind == JOURNAL_REACHED)
        run->is_stopped = false;
    if (event->kind == JOURNAL_PROMOTED)
        run->is_stopped = run->is_paused = false;
    if (event->kind == JOURNAL_STOPPED)
        run->is_stopped = true;
    end_at_rung(run);
}

void witness_see(struct witness *witness, const struct journal_event *event)
{
    witness->n_events++;
    if (event->run < 0)
        return;
    check_order(witness, event);
    apply(&witness->runs[event->run], event);
}

static bool may_be(const struct witnessed_run *run, enum run_phase phase)
{
    if (run->ended_as != RUN_PENDING)
        return phase == run->ended_as;
    return phase == RUN_PENDING || (phase == RUN_RUNNING && run->is_under_way) ||
           (phase == RUN_PAUSED && run->is_paused);
}

void witness_compare(const struct witness *witness, const struct run_state *states)
{
    for (int64_t i = 0; i < witness->n_runs; i++) {
        const struct witnessed_run *run = &witness->runs[i];
        if (!may_be(run, states[i].phase))
            breach(witness, "run %" PRId64 " is held to be %s; it %s", i,
                   run_phase_name(states[i].phase),
                   run->ended_as == RUN_PENDING ? "has not ended" : run_phase_name(run->ended_as));
        if (states[i].attempt < run->attempt ||
            (run->ended_as != RUN_PENDING && states[i].attempt != run->attempt))
            breach(witness, "run %" PRId64 " is held to be at attempt %" PRId64 ", wanted %" PRId64,
                   i, states[i].attempt, run->attempt);
    }
}
