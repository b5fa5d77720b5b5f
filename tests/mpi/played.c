/* Ranks act one at a time: read what rank 0 sent, then train one epoch or end. */
#include "mpi/played.h"

#include "base/arena.h"
#include "base/clock.h"
#include "support/cmocka.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void play_open(struct play *play, const struct play_settings *settings)
{
    int64_t n = settings->sweep->n_runs;

    *play = (struct play){.settings = *settings, .stream = random_stream_at(settings->seed, 7)};
    play->states = heap_alloc(n, sizeof *play->states);
    play->checkpoints = heap_alloc(n, sizeof *play->checkpoints);
    play->ranks = heap_alloc(settings->n_ranks, sizeof *play->ranks);
    assert_int_equal(arena_create(&play->arena), STATUS_OK);
    assert_true(play->states != NULL && play->checkpoints != NULL && play->ranks != NULL);
}

void play_close(struct play *play)
{
    free(play->states);
    free(play->checkpoints);
    free(play->journal);
    free(play->ranks);
    arena_destroy(play->arena);
}

/* ---- rank 0's sink ---- */

static void keep_event(void *context, const struct journal_event *event)
{
    struct play *play = context;

    if (play->settings.forgets)
        return;
    assert_int_equal(
        heap_grow(&play->journal, &play->capacity, play->n_events + 1, sizeof *play->journal),
        STATUS_OK);
    play->journal[play->n_events++] = *event;
}

static void drop_heard(void *context, int rank, const struct event *said)
{
    (void)context;
    (void)rank;
    (void)said;
}

static void drop_note(void *context, const char *text)
{
    (void)context;
    (void)text;
}

/* ---- ranks ---- */

static void say(struct play *play, int rank, struct event event)
{
    struct played_rank *self = &play->ranks[rank];

    event.run = self->run;
    event.attempt = self->attempt;
    copy_text(event.host, sizeof event.host, "played");
    play->n_messages++;
    assert_int_equal(mail_event(self->transport, &event), STATUS_OK);
}

static void say_kind(struct play *play, int rank, enum event_kind kind)
{
    say(play, rank, (struct event){.kind = kind});
}

static void end_attempt(struct play *play, int rank, struct event event)
{
    play->ranks[rank].is_busy = play->ranks[rank].waits = false;
    say(play, rank, event);
    say_kind(play, rank, EVENT_READY);
}

static void obey_verdict(struct play *play, int rank, const struct verdict *verdict)
{
    struct played_rank *self = &play->ranks[rank];

    if (!self->waits || verdict->run != self->run || verdict->attempt != self->attempt)
        return;
    self->waits = false;
    self->rung_epoch = verdict->rung_epoch;
    if (verdict->verdict == VERDICT_GO_ON)
        return;
    play->checkpoints[self->run] = self->epoch;
    end_attempt(play, rank, (struct event){.kind = EVENT_PAUSED});
}

static void take_run(struct play *play, int rank, const struct assigned_run *run)
{
    struct played_rank *self = &play->ranks[rank];

    assert_false(self->is_busy);
    self->is_busy = true;
    self->waits = false;
    self->run = run->run;
    self->attempt = run->attempt;
    self->epoch = play->checkpoints[run->run];
    self->rung_epoch = run->rung_epoch;
}

static void obey(struct play *play, int rank, const struct order *order)
{
    if (order->kind == ORDER_ASSIGN) {
        take_run(play, rank, &order->assignment.lanes[0].runs[0]);
    } else if (order->kind == ORDER_VERDICT) {
        obey_verdict(play, rank, &order->verdict);
    } else if (order->kind == ORDER_SHUTDOWN) {
        play->ranks[rank].is_gone = true;
        say_kind(play, rank, EVENT_BYE);
    }
    arena_reset(play->arena);
}

static void ask(struct play *play, int rank)
{
    struct played_rank *self = &play->ranks[rank];
    double value = play->settings.metric(play->settings.context, self->run, self->rung_epoch);

    self->waits = true;
    say(play, rank, (struct event){.kind = EVENT_RUNG, .epoch = self->rung_epoch, .value = value});
}

static void train_epoch(struct play *play, int rank)
{
    const struct play_settings *settings = &play->settings;
    struct played_rank *self = &play->ranks[rank];
    bool crashes = settings->crash_percent > 0 &&
                   (uint32_t)stream_below(&play->stream, 100) < settings->crash_percent;

    self->epoch++;
    play->n_epochs_trained++;
    if (settings->tells_progress)
        say_kind(play, rank, EVENT_PROGRESS);
    if (settings->diverges != NULL && settings->diverges(settings->context, self->run, self->epoch))
        end_attempt(play, rank, (struct event){.kind = EVENT_FAILED, .status = STATUS_DIVERGED});
    else if (crashes)
        end_attempt(play, rank, (struct event){.kind = EVENT_CRASHED, .signal = 9});
    else if (settings->crash_percent > 0 && stream_below(&play->stream, 2) == 0)
        play->checkpoints[self->run] = self->epoch; /* a timed one */
}

static void act(struct play *play, int rank)
{
    struct played_rank *self = &play->ranks[rank];
    int64_t epochs = 0;

    if (!self->is_busy || self->waits)
        return;
    epochs = early_run_epochs(&play->settings.sweep->runs[self->run]);
    if (self->rung_epoch > 0 && self->epoch >= self->rung_epoch)
        ask(play, rank);
    else if (self->epoch < epochs)
        train_epoch(play, rank);
    else
        end_attempt(play, rank, (struct event){.kind = EVENT_DONE});
}

static void read_orders(struct play *play, int rank)
{
    struct mail mail;

    while (rank != 0) {
        assert_int_equal(mail_receive(play->ranks[rank].transport, play->arena, &mail), STATUS_OK);
        if (mail.from < 0)
            break;
        play->n_messages++;
        obey(play, rank, &mail.order);
    }
}

static void tell(struct play *play, int from, const struct event *event)
{
    double start = clock_seconds();

    assert_int_equal(coordinator_receive(play->coordinator, from, event), STATUS_OK);
    play->coordinator_seconds += clock_seconds() - start;
}

/* Rank 0 reads for its own trainer as well. */
static void read_rank_0(struct play *play)
{
    struct mail mail;

    for (;;) {
        assert_int_equal(mail_receive(play->ranks[0].transport, play->arena, &mail), STATUS_OK);
        if (mail.from < 0)
            break;
        if (mail.is_order)
            obey(play, 0, &mail.order);
        else
            tell(play, mail.from, &mail.event);
    }
}

/* ---- a start ---- */

static void replay(struct play *play)
{
    int64_t n = play->settings.sweep->n_runs;

    memset(play->states, 0, (size_t)n * sizeof *play->states);
    assert_int_equal(rungs_create(play->settings.sweep, &play->rungs), STATUS_OK);
    for (int64_t i = 0; i < play->n_events; i++) {
        run_state_apply(&play->states[play->journal[i].run], &play->journal[i]);
        assert_int_equal(rungs_replay(play->rungs, &play->journal[i]), STATUS_OK);
    }
    assert_int_equal(rungs_begin(play->rungs, play->states), STATUS_OK);
    for (int64_t i = 0; i < n; i++)
        if (play->states[i].phase == RUN_RUNNING)
            play->states[i].phase = RUN_PENDING;
}

static void begin(struct play *play)
{
    struct transport **transports = heap_alloc(play->settings.n_ranks, sizeof(struct transport *));

    assert_non_null(transports);
    assert_int_equal(transport_open_queues(play->settings.n_ranks, transports), STATUS_OK);
    replay(play);
    play->n_starts++;
    for (int i = 0; i < play->settings.n_ranks; i++)
        play->ranks[i] = (struct played_rank){.transport = transports[i]};
    struct coordinator_start start = {.transport = transports[0],
                                      .sweep = play->settings.sweep,
                                      .states = play->states,
                                      .rungs = play->rungs,
                                      .settings = {.crash_limit = 0},
                                      .sink = {play, keep_event, drop_heard, drop_note}};
    assert_int_equal(coordinator_create(&start, &play->coordinator), STATUS_OK);
    free(transports);
    for (int i = 0; i < play->settings.n_ranks; i++) {
        say_kind(play, i, EVENT_HELLO);
        say_kind(play, i, EVENT_READY);
    }
}

static int next_rank(struct play *play)
{
    int n = play->settings.n_ranks;

    if (!play->settings.acts_in_turn)
        return (int)stream_below(&play->stream, (uint32_t)n);
    play->next = (play->next + 1) % n;
    return play->next;
}

static void end(struct play *play)
{
    coordinator_destroy(play->coordinator);
    rungs_destroy(play->rungs);
    for (int i = 0; i < play->settings.n_ranks; i++)
        transport_close(play->ranks[i].transport);
}

bool play_start(struct play *play, int64_t most_events)
{
    bool is_over = false, is_killed = false;

    begin(play);
    while (!is_over && !is_killed) {
        int rank = next_rank(play);
        read_rank_0(play);
        read_orders(play, rank);
        if (!play->ranks[rank].is_gone)
            act(play, rank);
        read_rank_0(play);
        double start = clock_seconds();
        assert_int_equal(coordinator_tick(play->coordinator, start), STATUS_OK);
        play->coordinator_seconds += clock_seconds() - start;
        is_over = coordinator_is_finished(play->coordinator);
        is_killed = play->n_events >= most_events;
    }
    struct mallinfo2 info = mallinfo2();
    play->heap_megabytes = (double)(info.uordblks + info.hblkhd) / 1e6;
    if (is_killed && !is_over)
        play->n_events = most_events; /* what came after was not yet on disk */
    end(play);
    return is_over;
}
