/* Messages are handed to the coordinator one by one; its orders are taken from the queues. */
#include "stage.h"

#include "base/clock.h"
#include "mpi/made_sweep.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

static void keep_event(void *context, const struct journal_event *event)
{
    struct stage *stage = context;
    assert_true(stage->n_events < MAX_EVENTS);
    stage->events[stage->n_events++] = *event;
}

static void count_heard(void *context, int rank, const struct event *said)
{
    (void)rank;
    (void)said;
    ((struct stage *)context)->n_heard++;
}

static void keep_note(void *context, const char *text)
{
    copy_text(((struct stage *)context)->note, 1024, text);
}

void stage_start(struct stage *stage, struct coordinator_settings settings)
{
    struct coordinator_start begin = {.sweep = stage->sweep,
                                      .states = stage->states,
                                      .transport = stage->ranks[0],
                                      .settings = settings,
                                      .sink = {stage, keep_event, count_heard, keep_note}};
    assert_int_equal(rungs_create(stage->sweep, &begin.rungs), STATUS_OK);
    assert_int_equal(rungs_begin(begin.rungs, stage->states), STATUS_OK);
    stage->rungs = begin.rungs;
    assert_int_equal(coordinator_create(&begin, &stage->coordinator), STATUS_OK);
}

int stage_set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);

    assert_non_null(stage);
    stage->sweep = made_sweep_create(N_RUNS);
    assert_non_null(stage->sweep);
    assert_int_equal(arena_create(&stage->arena), STATUS_OK);
    assert_int_equal(transport_open_queues(N_RANKS, stage->ranks), STATUS_OK);
    *state = stage;
    return 0;
}

int stage_tear_down(void **state)
{
    struct stage *stage = *state;

    coordinator_destroy(stage->coordinator);
    rungs_destroy(stage->rungs);
    for (int i = 0; i < N_RANKS; i++)
        transport_close(stage->ranks[i]);
    sweep_destroy(stage->sweep);
    arena_destroy(stage->arena);
    free(stage);
    return 0;
}

enum status stage_send(struct stage *stage, int rank, struct event event)
{
    copy_text(event.host, sizeof event.host, "played");
    return coordinator_receive(stage->coordinator, rank, &event);
}

void stage_say(struct stage *stage, int rank, enum event_kind kind)
{
    assert_int_equal(stage_send(stage, rank, (struct event){.kind = kind}), STATUS_OK);
}

/* The next order for the rank; heartbeats are passed over. False when there is none. */
bool stage_next_order(struct stage *stage, int rank, struct order *order)
{
    struct mail mail;

    do {
        assert_int_equal(mail_receive(stage->ranks[rank], stage->arena, &mail), STATUS_OK);
    } while (mail.from >= 0 && mail.order.kind == ORDER_HEARTBEAT);
    *order = mail.order;
    return mail.from >= 0;
}

struct assigned_run stage_expect_run(struct stage *stage, int rank, int64_t run, int64_t attempt)
{
    struct order order;

    assert_true(stage_next_order(stage, rank, &order));
    assert_int_equal(order.kind, ORDER_ASSIGN);
    assert_int_equal(order.assignment.n_lanes, 1);
    assert_int_equal(order.assignment.lanes[0].n_runs, 1);
    struct assigned_run assigned = order.assignment.lanes[0].runs[0];
    assert_int_equal(assigned.run, run);
    assert_int_equal(assigned.attempt, attempt);
    return assigned;
}

void stage_expect_order(struct stage *stage, int rank, enum order_kind kind)
{
    struct order order;

    assert_true(stage_next_order(stage, rank, &order));
    assert_int_equal(order.kind, kind);
}

void stage_expect_silence(struct stage *stage, int rank)
{
    struct order order;
    assert_false(stage_next_order(stage, rank, &order));
}

void stage_end_run(struct stage *stage, int rank, enum event_kind kind,
                   const struct assigned_run *assigned)
{
    struct event event = {.kind = kind, .run = assigned->run, .attempt = assigned->attempt};

    copy_text(event.text, sizeof event.text, "played trouble");
    if (kind == EVENT_FAILED)
        event.status = STATUS_DIVERGED;
    if (kind == EVENT_CRASHED)
        event.signal = 11;
    assert_int_equal(stage_send(stage, rank, event), STATUS_OK);
}

void stage_finish(struct stage *stage)
{
    assert_int_equal(coordinator_tick(stage->coordinator, clock_seconds()), STATUS_OK);
    for (int i = 0; i < N_RANKS; i++) {
        assert_false(coordinator_is_finished(stage->coordinator));
        stage_expect_order(stage, i, ORDER_SHUTDOWN);
        stage_say(stage, i, EVENT_BYE);
    }
    assert_true(coordinator_is_finished(stage->coordinator));
}

void stage_begin_all(struct stage *stage, struct assigned_run runs[N_RANKS])
{
    for (int i = 0; i < N_RANKS; i++) {
        stage_say(stage, i, EVENT_HELLO);
        stage_say(stage, i, EVENT_READY);
        runs[i] = stage_expect_run(stage, i, i, 1);
    }
}
