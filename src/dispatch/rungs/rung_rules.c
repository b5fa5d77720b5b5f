/* sha decides a whole rung when its last peer has come; asha (Li et al., arXiv:1810.05934,
 * algorithm 2) promotes whoever is among the best 1/eta so far; median (Golovin et al., Google
 * Vizier, section 3.2.2, over the runs that reached the rung) decides at once. */
#include "dispatch/rungs/rung_rules.h"

#include "base/arena.h"

#include <math.h>

void rung_rules_go_on(struct rungs *rungs, int64_t run)
{
    struct track *track = &rungs->tracks[run];

    rungs->items[track->rung].n_gone_on++;
    track->has_arrived = false;
    if (track->rung + 1 < track->n_own)
        rungs->items[++track->rung].n_peers++;
    else
        track->rung = rungs->n_rungs;
}

static enum status decide(struct rungs *rungs, const struct waiting_decision *decision)
{
    enum status status = STATUS_OK;

    TRY(heap_grow(&rungs->decisions, &rungs->capacity, rungs->n_decisions + 1,
                  sizeof *rungs->decisions));
    rungs->decisions[rungs->n_decisions++] = *decision;
    if (decision->verdict == VERDICT_GO_ON)
        rung_rules_go_on(rungs, decision->run);
    else
        rungs->tracks[decision->run].is_stopped = true;
done:
    return status;
}

static bool is_waiting(const struct rungs *rungs, int64_t run, int64_t k)
{
    const struct track *track = &rungs->tracks[run];
    return track->rung == k && track->has_arrived && !track->is_stopped;
}

/* On the arrival at `place` of rung k. */
static enum status decide_place(struct rungs *rungs, int64_t k, int64_t place, int64_t quota,
                                enum run_verdict verdict)
{
    const struct rung *rung = &rungs->items[k];
    struct arrival arrival = rung_at(rung, place);

    return decide(rungs, &(struct waiting_decision){.run = arrival.run,
                                                    .rung = k,
                                                    .verdict = verdict,
                                                    .value = arrival.value,
                                                    .threshold = rung_threshold(rung, quota),
                                                    .place = place,
                                                    .quota = quota,
                                                    .n = rung->n});
}

/* ---- sha ---- */

static enum status decide_sha_rung(struct rungs *rungs, int64_t k)
{
    enum status status = STATUS_OK;
    struct rung *rung = &rungs->items[k];
    int64_t quota = rung->n / rungs->early.eta;

    quota = quota < 1 ? 1 : quota;
    if (rung->n_settled == rung->n)
        return STATUS_OK;
    rung->n_settled = rung->n;
    for (int64_t i = 0; i < rung->n; i++) {
        struct arrival arrival = rung_at(rung, i);
        bool is_good = i < quota && !isnan(arrival.value);
        if (is_waiting(rungs, arrival.run, k))
            TRY(decide_place(rungs, k, i, quota, is_good ? VERDICT_GO_ON : VERDICT_STOP));
    }
done:
    return status;
}

/* Rungs are decided in order: only then is it known how many peers the next one has. */
static enum status decide_sha(struct rungs *rungs)
{
    enum status status = STATUS_OK;

    for (int64_t k = 0; k < rungs->n_rungs && rungs->items[k].n == rungs->items[k].n_peers; k++)
        TRY(decide_sha_rung(rungs, k));
done:
    return status;
}

/* ---- asha ---- */

static enum status promote_if_good(struct rungs *rungs, int64_t k, int64_t place, int64_t quota)
{
    struct arrival arrival = rung_at(&rungs->items[k], place);

    if (isnan(arrival.value) || !is_waiting(rungs, arrival.run, k))
        return STATUS_OK;
    return decide_place(rungs, k, place, quota, VERDICT_GO_ON);
}

/* One arrival moves at most two into the best 1/eta: itself, and the one at the end of a longer
 * list. */
static enum status decide_asha(struct rungs *rungs, int64_t k, const struct arrival *arrival)
{
    enum status status = STATUS_OK;
    struct rung *rung = &rungs->items[k];
    int64_t quota = rung->n / rungs->early.eta, place = rung_place(rung, arrival);

    if (place < quota)
        TRY(promote_if_good(rungs, k, place, quota));
    if (quota > 0)
        TRY(promote_if_good(rungs, k, quota - 1, quota));
done:
    return status;
}

static enum status decide_all_asha(struct rungs *rungs)
{
    enum status status = STATUS_OK;

    for (int64_t k = 0; k < rungs->n_rungs; k++)
        for (int64_t i = 0; i < rungs->items[k].n / rungs->early.eta; i++)
            TRY(promote_if_good(rungs, k, i, rungs->items[k].n / rungs->early.eta));
done:
    return status;
}

static enum status stop_waiting(struct rungs *rungs, int64_t k)
{
    enum status status = STATUS_OK;
    int64_t n = rungs->items[k].n, quota = n / rungs->early.eta;

    for (int64_t i = 0; i < n; i++)
        if (is_waiting(rungs, rung_at(&rungs->items[k], i).run, k))
            TRY(decide_place(rungs, k, i, quota, VERDICT_STOP));
done:
    return status;
}

enum status rung_rules_settle(struct rungs *rungs)
{
    enum status status = STATUS_OK;
    int64_t n_before = rungs->n_decisions;

    if (rungs->early.type != EARLY_ASHA)
        return STATUS_OK; /* sha has decided when its last peer came; median never waits */
    for (int64_t k = 0; k < rungs->n_rungs; k++)
        if (rungs->items[k].n > 0 && rungs->items[k].n_gone_on == 0)
            TRY(promote_if_good(rungs, k, 0, 1)); /* fewer than eta came: the best, as in sha */
    bool goes_further = rungs->n_decisions > n_before;
    for (int64_t k = 0; k < rungs->n_rungs && !goes_further; k++)
        TRY(stop_waiting(rungs, k));
done:
    return status;
}

/* ---- median ---- */

double track_mean(const struct track *track)
{
    return track->n_values > 0 ? track->sum / (double)track->n_values : NAN;
}

static enum status decide_median(struct rungs *rungs, int64_t run)
{
    const struct track *track = &rungs->tracks[run];
    const struct rung *rung = &rungs->items[track->rung];
    const struct arrival own = {track_mean(track), run};
    double median = rung_median_of_others(rung, &own, rungs->early.min_runs);
    bool is_worse = !isnan(median) && rung_is_better(rung, median, track->best);

    return decide(rungs, &(struct waiting_decision){
                             .run = run,
                             .rung = track->rung,
                             .verdict = is_worse ? VERDICT_STOP : VERDICT_GO_ON,
                             .value = track->best,
                             .threshold = median,
                         });
}

/* ---- all ---- */

enum status rung_rules_see(struct rungs *rungs, int64_t run, const struct arrival *arrival)
{
    if (rungs->early.type == EARLY_SHA)
        return decide_sha(rungs);
    if (rungs->early.type == EARLY_ASHA)
        return decide_asha(rungs, rungs->tracks[run].rung, arrival);
    return decide_median(rungs, run);
}

static enum status decide_all_median(struct rungs *rungs)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < rungs->sweep->n_runs; i++)
        if (rungs->tracks[i].rung < rungs->n_rungs && is_waiting(rungs, i, rungs->tracks[i].rung))
            TRY(decide_median(rungs, i));
done:
    return status;
}

enum status rung_rules_see_all(struct rungs *rungs)
{
    if (rungs->early.type == EARLY_SHA)
        return decide_sha(rungs);
    if (rungs->early.type == EARLY_ASHA)
        return decide_all_asha(rungs);
    return decide_all_median(rungs);
}
