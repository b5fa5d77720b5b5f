/* Time is read from the virtual clock; what the trainer did while its rank slept is said when the
 * rank wakes, as from a pipe. */
#include "faults/simulated_rank.h"

#include "base/clock.h"
#include "support/cmocka.h"

static const double heartbeat_every_seconds = 2, coordinator_deadline_seconds = 30;
static const double trainer_start_seconds = 1.5, suspended_seconds = 5;

double training_metric(int64_t run, int64_t epoch)
{
    return (double)((run * 37 + epoch * epoch * 11 + run * run * epoch) % 23) / 23; /* with ties */
}

void rank_say(struct simulated_rank *rank, struct event event)
{
    copy_text(event.host, sizeof event.host, "simulated");
    assert_int_equal(mail_event(rank->transport, &event), STATUS_OK);
    rank->last_heartbeat = clock_seconds();
}

void rank_begin(struct simulated_rank *rank, struct rank_world *world, struct transport *transport)
{
    double now = clock_seconds();

    *rank = (struct simulated_rank){.world = world,
                                    .transport = transport,
                                    .number = transport->rank,
                                    .last_heard = now,
                                    .last_act = now,
                                    .ready_at = now + trainer_start_seconds};
    rank_say(rank, (struct event){.kind = EVENT_HELLO});
}

static void start_trainer(struct simulated_rank *rank)
{
    rank->is_busy = rank->is_ready = rank->waits = false;
    rank->ready_at = clock_seconds() + trainer_start_seconds;
}

/* ---- a run ---- */

static void save_checkpoint(const struct simulated_rank *rank)
{
    int64_t *saved = &rank->world->checkpoints[rank->run];

    if (rank->epoch > *saved)
        *saved = rank->epoch;
}

static void end_attempt(struct simulated_rank *rank, struct event end)
{
    bool is_written = end.kind == EVENT_DONE || end.kind == EVENT_PAUSED;

    end.run = rank->run;
    end.attempt = rank->attempt;
    if (is_written)
        disk_write_result(rank->world->disk, rank->world->sweep->runs[rank->run].id, rank->attempt);
    if (is_written || end.status == STATUS_CANCELLED)
        save_checkpoint(rank);
    rank->last = end;
    rank->fate.kind = EVENT_NONE;
    rank_say(rank, end);
    start_trainer(rank);
    if (end.kind != EVENT_CRASHED) /* the same trainer goes on */
        rank->ready_at = clock_seconds() + 0.01;
}

static void begin_run(struct simulated_rank *rank, const struct assigned_run *run)
{
    struct rank_world *world = rank->world;

    rank->waiting.attempt = 0;
    rank->is_busy = true;
    rank->waits = rank->wants_stop = false;
    rank->fate.kind = EVENT_NONE;
    rank->run = run->run;
    rank->attempt = run->attempt;
    rank->epoch = world->checkpoints[run->run];
    rank->rung_epoch = run->rung_epoch;
    rank->next_epoch_at = clock_seconds() + world->trainings[run->run].epoch_seconds;
    disk_make_attempt(world->disk, world->sweep->runs[run->run].id, run->attempt);
}

static void take_run(struct simulated_rank *rank, const struct assigned_run *run)
{
    if (rank->is_busy || rank->waiting.attempt != 0)
        breach(rank->world->disk->witness, "rank %d is given run %lld while it has %lld",
               rank->number, (long long)run->run, (long long)rank->run);
    if (rank->is_ready)
        begin_run(rank, run);
    else
        rank->waiting = *run; /* its trainer was replaced meanwhile, or never starts */
}

/* Its run is another rank's: the trainer is killed, and a new one starts. */
static void restart(struct simulated_rank *rank)
{
    rank->waiting.attempt = 0;
    if (rank->is_useless)
        rank_say(rank, (struct event){.kind = EVENT_GAVE_UP, .text = "simulated"});
    else
        start_trainer(rank);
}

/* Before it began: no folder was made. */
static void withdraw(struct simulated_rank *rank)
{
    struct event end = {.kind = EVENT_FAILED,
                        .status = STATUS_CANCELLED,
                        .run = rank->waiting.run,
                        .attempt = rank->waiting.attempt};

    rank->waiting.attempt = 0;
    rank_say(rank, end);
}

static void obey_verdict(struct simulated_rank *rank, const struct verdict *verdict)
{
    if (!rank->waits || verdict->run != rank->run || verdict->attempt != rank->attempt)
        return;
    rank->waits = false;
    rank->rung_epoch = verdict->rung_epoch;
    if (verdict->verdict == VERDICT_GO_ON)
        rank->next_epoch_at = clock_seconds() + rank->world->trainings[rank->run].epoch_seconds;
    else
        end_attempt(rank, (struct event){.kind = EVENT_PAUSED});
}

void rank_obey(struct simulated_rank *rank, const struct order *order)
{
    rank->last_heard = clock_seconds();
    if (order->kind == ORDER_ASSIGN) {
        take_run(rank, &order->assignment.lanes[0].runs[0]);
    } else if (order->kind == ORDER_RESTART) {
        restart(rank);
    } else if (order->kind == ORDER_STOP && rank->waiting.attempt != 0) {
        withdraw(rank);
    } else if (order->kind == ORDER_VERDICT) {
        obey_verdict(rank, &order->verdict);
    } else if (order->kind == ORDER_STOP) {
        rank->wants_stop = true;
    } else if (order->kind == ORDER_SHUTDOWN) {
        rank_say(rank, (struct event){.kind = EVENT_BYE});
        rank->is_gone = true;
    }
    arena_reset(rank->world->arena);
}

static void ask(struct simulated_rank *rank)
{
    rank->waits = true;
    rank_say(rank, (struct event){.kind = EVENT_RUNG,
                                  .run = rank->run,
                                  .attempt = rank->attempt,
                                  .epoch = rank->rung_epoch,
                                  .value = training_metric(rank->run, rank->rung_epoch)});
}

static void train_epoch(struct simulated_rank *rank)
{
    const struct training *training = &rank->world->trainings[rank->run];

    rank->epoch++;
    rank->next_epoch_at += training->epoch_seconds;
    if (rank->epoch == training->diverges_at)
        end_attempt(rank, (struct event){.kind = EVENT_FAILED, .status = STATUS_DIVERGED});
    else if (stream_below(rank->world->dice, 2) == 0)
        save_checkpoint(rank); /* a timed one */
}

static void go_on(struct simulated_rank *rank)
{
    const struct training *training = &rank->world->trainings[rank->run];
    double now = clock_seconds();

    while (rank->is_busy && !rank->is_gone) {
        bool is_trained = rank->epoch >= training->n_epochs;
        if (rank->fate.kind != EVENT_NONE)
            end_attempt(rank, rank->fate);
        else if (rank->wants_stop)
            end_attempt(rank, (struct event){.kind = EVENT_FAILED, .status = STATUS_CANCELLED});
        else if (rank->waits)
            break;
        else if (rank->rung_epoch > 0 && rank->epoch >= rank->rung_epoch)
            ask(rank);
        else if (is_trained)
            end_attempt(rank, (struct event){.kind = EVENT_DONE});
        else if (now < rank->next_epoch_at)
            break;
        else
            train_epoch(rank);
    }
}

/* ---- the rank ---- */

static void read_orders(struct simulated_rank *rank)
{
    struct mail mail;

    while (rank->number != 0 && !rank->is_gone) {
        assert_int_equal(mail_receive(rank->transport, rank->world->arena, &mail), STATUS_OK);
        if (mail.from < 0)
            break;
        rank_obey(rank, &mail.order);
    }
}

void rank_act(struct simulated_rank *rank)
{
    double now = clock_seconds();

    if (rank->is_gone || now < rank->asleep_until)
        return;
    if (now - rank->last_act > suspended_seconds) /* which says nothing of rank 0 */
        rank->last_heard = now;
    rank->last_act = now;
    read_orders(rank);
    if (rank->is_gone)
        return;
    if (rank->number != 0 && now - rank->last_heard > coordinator_deadline_seconds) {
        rank->is_gone = true; /* "rank 0 has been silent for …" */
        return;
    }
    go_on(rank);
    if (rank->ready_at > 0 && now >= rank->ready_at) {
        rank->ready_at = 0;
        rank->is_ready = true;
        struct assigned_run waiting = rank->waiting;
        if (waiting.attempt != 0)
            begin_run(rank, &waiting);
        else
            rank_say(rank, (struct event){.kind = EVENT_READY});
    }
    if (now - rank->last_heartbeat > heartbeat_every_seconds)
        rank_say(rank, (struct event){.kind = EVENT_HEARTBEAT});
}

void rank_sleep(struct simulated_rank *rank, double seconds, bool with_trainer)
{
    rank->asleep_until = clock_seconds() + seconds;
    if (with_trainer)
        rank->next_epoch_at += seconds;
}
