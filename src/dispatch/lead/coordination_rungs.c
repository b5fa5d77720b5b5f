/* Between the rungs' decisions and the ranks: every arrival is answered at once, with what is known
 * by then. */
#include "dispatch/lead/coordination.h"

#include <math.h>
#include <string.h>

static enum status answer(struct coordinator *coordinator, int rank, enum run_verdict verdict)
{
    const struct known_rank *known = &coordinator->ranks.items[rank];
    const struct order order = {
        .kind = ORDER_VERDICT,
        .verdict = {known->run, known->attempt, verdict,
                    rungs_next_epoch(coordinator->start.rungs, known->run)},
    };
    return mail_order(coordinator->start.transport, rank, &order);
}

static void record_decision(struct coordinator *coordinator, int rank,
                            const struct rung_decision *decision)
{
    bool goes_on = decision->verdict == VERDICT_GO_ON;
    struct journal_event event = {
        .kind = goes_on ? JOURNAL_PROMOTED : JOURNAL_STOPPED,
        .run = decision->run,
        .attempt = coordinator->start.states[decision->run].attempt,
        .epoch = decision->epoch,
        .value = decision->value,
        .threshold = decision->threshold,
    };

    copy_text(event.text, sizeof event.text, decision->text);
    coordination_record(coordinator, rank, &event);
}

/* *verdict becomes the one on `waiting`, the run whose trainer waits for it; −1: none does. */
static void apply(struct coordinator *coordinator, int rank, int64_t waiting,
                  enum run_verdict *verdict)
{
    struct rung_decision decision;

    while (rungs_take(coordinator->start.rungs, &decision)) {
        const struct run_state *state = &coordinator->start.states[decision.run];
        bool was_paused = state->phase == RUN_PAUSED;
        record_decision(coordinator, rank, &decision);
        if (was_paused && state->phase == RUN_PENDING)
            run_queue_push(&coordinator->queue, decision.run);
        if (decision.run == waiting)
            *verdict = decision.verdict;
    }
}

void coordination_apply(struct coordinator *coordinator, int rank)
{
    enum run_verdict unused = VERDICT_NONE;
    apply(coordinator, rank, -1, &unused);
}

static enum status arrive(struct coordinator *coordinator, int rank, const struct event *said,
                          enum run_verdict *verdict)
{
    enum status status = STATUS_OK;
    struct rungs *rungs = coordinator->start.rungs;
    bool is_new = false;
    struct journal_event event = {
        .kind = JOURNAL_REACHED,
        .run = said->run,
        .attempt = said->attempt,
        .epoch = said->epoch,
        .value = said->value,
        .threshold = NAN,
    };

    TRY(rungs_reach(rungs, said->run, said->value, &is_new));
    copy_text(event.text, sizeof event.text, coordinator->start.sweep->early.metric);
    if (is_new)
        coordination_record(coordinator, rank, &event);
    *verdict = rungs_verdict(rungs, said->run);
    apply(coordinator, rank, said->run, verdict);
done:
    return status;
}

enum status coordination_reach(struct coordinator *coordinator, int rank, const struct event *said)
{
    enum status status = STATUS_OK;
    enum run_verdict verdict = VERDICT_GO_ON; /* decided since it was told where to ask */

    if (said->epoch == rungs_next_epoch(coordinator->start.rungs, said->run))
        TRY(arrive(coordinator, rank, said, &verdict));
    TRY(answer(coordinator, rank, verdict));
    TRY(coordination_deal(coordinator));
done:
    return status;
}

void coordination_pause(struct coordinator *coordinator, int rank, const struct event *said)
{
    struct journal_event event = {
        .kind = JOURNAL_PAUSED, .run = said->run, .attempt = said->attempt};

    coordination_record(coordinator, rank, &event);
    if (coordinator->start.states[said->run].phase == RUN_PENDING)
        run_queue_push(&coordinator->queue, said->run);
}

enum status coordination_lose_run(struct coordinator *coordinator, int rank, int64_t run)
{
    enum status status = rungs_fail(coordinator->start.rungs, run);

    if (status == STATUS_OK)
        coordination_apply(coordinator, rank);
    return status;
}

enum status coordination_settle(struct coordinator *coordinator)
{
    enum status status = STATUS_OK;

    TRY(rungs_settle(coordinator->start.rungs));
    coordination_apply(coordinator, 0);
    TRY(coordination_deal(coordinator));
done:
    return status;
}
