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

static void count_message(void *context, int rank, const struct message *message)
{
    (void)rank;
    (void)message;
    ((struct stage *)context)->n_messages++;
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
                                      .sink = {stage, keep_event, count_message, keep_note}};
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
    free(stage);
    return 0;
}

enum status stage_send(struct stage *stage, int rank, struct message message)
{
    copy_text(message.host, sizeof message.host, "played");
    return coordinator_receive(stage->coordinator, rank, &message);
}

void stage_say(struct stage *stage, int rank, enum message_kind kind)
{
    assert_int_equal(stage_send(stage, rank, (struct message){.kind = (int32_t)kind}), STATUS_OK);
}

/* The next order of that kind for the rank; heartbeats are passed over. False when there is none.
 */
bool stage_next_order(struct stage *stage, int rank, struct message *message)
{
    int from = -1;

    do {
        assert_int_equal(message_receive(stage->ranks[rank], &from, message), STATUS_OK);
    } while (from >= 0 && message->kind == MESSAGE_HEARTBEAT);
    return from >= 0;
}

struct message stage_expect_run(struct stage *stage, int rank, int64_t run, int64_t attempt)
{
    struct message message;

    assert_true(stage_next_order(stage, rank, &message));
    assert_int_equal(message.kind, MESSAGE_ASSIGN);
    assert_int_equal(message.run, run);
    assert_int_equal(message.attempt, attempt);
    assert_string_equal(message.run_id, stage->sweep->runs[run].id);
    return message;
}

void stage_expect_order(struct stage *stage, int rank, enum message_kind kind)
{
    struct message message;

    assert_true(stage_next_order(stage, rank, &message));
    assert_int_equal(message.kind, kind);
}

void stage_expect_silence(struct stage *stage, int rank)
{
    struct message message;
    assert_false(stage_next_order(stage, rank, &message));
}

void stage_end_run(struct stage *stage, int rank, enum message_kind kind,
                   const struct message *assigned)
{
    struct message message = {
        .kind = (int32_t)kind, .run = assigned->run, .attempt = assigned->attempt};

    copy_text(message.text, sizeof message.text, "played trouble");
    if (kind == MESSAGE_FAILED)
        message.status = STATUS_DIVERGED;
    if (kind == MESSAGE_CRASHED)
        message.signal = 11;
    assert_int_equal(stage_send(stage, rank, message), STATUS_OK);
}

void stage_finish(struct stage *stage)
{
    assert_int_equal(coordinator_tick(stage->coordinator, clock_seconds()), STATUS_OK);
    for (int i = 0; i < N_RANKS; i++) {
        assert_false(coordinator_is_finished(stage->coordinator));
        stage_expect_order(stage, i, MESSAGE_SHUTDOWN);
        stage_say(stage, i, MESSAGE_BYE);
    }
    assert_true(coordinator_is_finished(stage->coordinator));
}

void stage_begin_all(struct stage *stage, struct message runs[N_RANKS])
{
    for (int i = 0; i < N_RANKS; i++) {
        stage_say(stage, i, MESSAGE_HELLO);
        stage_say(stage, i, MESSAGE_READY);
        runs[i] = stage_expect_run(stage, i, i, 1);
    }
}
