/* Ranks that fall silent, cannot work, or come back. */
#include "dispatch/lead/coordination.h"

#include "base/log.h"

#include <stdio.h>

static const double shutdown_deadline_seconds = 15.0;

static void lose(struct coordinator *coordinator, int rank)
{
    coordination_note(coordinator, "rank %d on %s is silent and given up", rank,
                      coordinator->ranks.items[rank].host[0] != '\0'
                          ? coordinator->ranks.items[rank].host
                          : "its host");
    coordinator->start.transport->has_lost_peer = true;
    coordinator->ranks.items[rank].is_lost = true;
    rank_table_move(&coordinator->ranks, rank, RANK_GONE);
}

static enum status lose_rank(struct coordinator *coordinator, int rank, double silent)
{
    struct known_rank *known = &coordinator->ranks.items[rank];
    struct event crash = {.kind = EVENT_CRASHED, .run = known->run, .attempt = known->attempt};
    bool was_busy = known->phase == RANK_BUSY;

    lose(coordinator, rank);
    if (!was_busy)
        return STATUS_OK;
    coordinator->n_busy--;
    snprintf(crash.text, sizeof crash.text, "rank %d on %s was lost: silent for %.0f s", rank,
             known->host, silent);
    enum status status = coordination_crash(coordinator, rank, &crash);
    return status == STATUS_OK ? coordination_deal(coordinator) : status;
}

enum status coordination_useless(struct coordinator *coordinator, int rank, const char *why)
{
    struct known_rank *known = &coordinator->ranks.items[rank];
    const struct event untaken = {.run = known->run, .attempt = known->attempt};
    bool was_busy = known->phase == RANK_BUSY;

    rank_table_move(&coordinator->ranks, rank, RANK_USELESS);
    copy_text(coordinator->useless_reason, sizeof coordinator->useless_reason, why);
    coordination_note(coordinator, "rank %d on %s takes no runs: %s", rank, known->host, why);
    if (!was_busy)
        return STATUS_OK;
    coordinator->n_busy--; /* no trainer ever took the run: nothing to charge it with */
    coordination_happen(coordinator, JOURNAL_INTERRUPTED, rank, &untaken);
    run_queue_push_first(&coordinator->queue, untaken.run);
    return coordination_deal(coordinator);
}

enum status coordination_watch(struct coordinator *coordinator, double now)
{
    enum status status = STATUS_OK;

    for (int i = 1; i < coordinator->ranks.n; i++) {
        struct known_rank *known = &coordinator->ranks.items[i];
        double silent = now - known->last_heard;
        if (known->phase == RANK_GONE)
            continue;
        if (silent > coordinator->start.settings.dead_seconds) {
            TRY(lose_rank(coordinator, i, silent));
        } else if (silent > coordinator->start.settings.dead_seconds / 3 && !known->is_suspect) {
            known->is_suspect = true;
            log_warning("rank %d on %s has been silent for %.0f s", i, known->host, silent);
        }
    }
done:
    return status;
}

/* A rank that was given up and speaks: it was suspended, or its network was. Its run was given to
 * others, and what it says of it counts no more; with a new trainer it is as good as any. */
enum status coordination_welcome(struct coordinator *coordinator, int rank,
                                 const struct event *said)
{
    struct known_rank *known = &coordinator->ranks.items[rank];
    bool is_leaving = said->kind == EVENT_BYE, has_lost = false;

    if (!known->is_lost)
        return STATUS_OK;
    known->is_lost = false;
    for (int i = 0; i < coordinator->ranks.n; i++)
        has_lost = has_lost || coordinator->ranks.items[i].is_lost;
    coordinator->start.transport->has_lost_peer = has_lost;
    coordination_note(coordinator, "rank %d on %s is heard again%s", rank, known->host,
                      is_leaving ? "" : "; it gets a new trainer");
    if (is_leaving)
        return STATUS_OK;
    rank_table_move(&coordinator->ranks, rank, RANK_THERE);
    return coordination_order(coordinator, rank,
                              coordinator->shutdown_at > 0 ? ORDER_SHUTDOWN : ORDER_RESTART);
}

enum status coordination_end_shutdown(struct coordinator *coordinator, double now)
{
    if (now - coordinator->shutdown_at < shutdown_deadline_seconds)
        return STATUS_OK;
    for (int i = 0; i < coordinator->ranks.n; i++)
        if (coordinator->ranks.items[i].phase != RANK_GONE)
            lose(coordinator, i);
    return STATUS_OK;
}
