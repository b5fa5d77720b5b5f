/* Events and orders come back as they were, every bit of them; what is cut or changed is refused
 * or is another event, and nothing is read beyond its end. */
#include "protocol/event.h"
#include "protocol/order.h"

#include "support/cmocka.h"
#include "support/random_stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct event sample_event(enum event_kind kind)
{
    struct event event = {.kind = kind,
                          .run = 99999,
                          .attempt = 3,
                          .status = STATUS_CHANGED_INPUT,
                          .signal = 11,
                          .n_devices = 8,
                          .progress = {.epoch = 1,
                                       .n_epochs = 2,
                                       .step = 3,
                                       .n_steps = 4,
                                       .loss = 0.1,
                                       .images_per_second = 1e300,
                                       .phase = "validate",
                                       .ticks = INT64_MAX,
                                       .cpu_seconds = 4.9e-324,
                                       .cores = 1.5,
                                       .n_cores = 2},
                          .epoch = -1,
                          .value = -0.0,
                          .scores = {0.1, INFINITY, 1, 0},
                          .summary = "{\"measures\":{}}",
                          .build = "0.1 abc",
                          .host = "node7",
                          .text = "größer"};
    return event;
}

static void expect_progress(const struct run_progress *a, const struct run_progress *b)
{
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->n_epochs, b->n_epochs);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->n_steps, b->n_steps);
    assert_memory_equal(&a->loss, &b->loss, sizeof a->loss);
    assert_memory_equal(&a->images_per_second, &b->images_per_second, sizeof a->loss);
    assert_string_equal(a->phase, b->phase);
    assert_int_equal(a->ticks, b->ticks);
    assert_memory_equal(&a->cpu_seconds, &b->cpu_seconds, sizeof a->loss);
    assert_memory_equal(&a->cores, &b->cores, sizeof a->cores);
    assert_int_equal(a->n_cores, b->n_cores);
}

static struct event send(enum event_kind kind, struct text *text)
{
    struct event sent = sample_event(kind), got;

    text->length = 0;
    assert_int_equal(event_encode(&sent, text), STATUS_OK);
    assert_int_equal(event_decode(text->data, text->length, &got), STATUS_OK);
    assert_int_equal(got.kind, sent.kind);
    assert_int_equal(got.run, sent.run);
    assert_int_equal(got.attempt, sent.attempt);
    return got;
}

/* Each with what src/protocol/event.h says belongs to it. */
static void events_come_back(void **unused)
{
    static const enum event_kind troubles[] = {EVENT_HELLO, EVENT_UNABLE, EVENT_FAILED,
                                               EVENT_CRASHED, EVENT_GAVE_UP};
    static const enum event_kind progresses[] = {EVENT_HEARTBEAT, EVENT_PROGRESS, EVENT_RUNG};
    struct text text = {0};
    const struct event sent = sample_event(EVENT_NONE);

    (void)unused;
    for (int kind = 0; kind < N_EVENT_KINDS; kind++)
        (void)send((enum event_kind)kind, &text);
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        struct event got = send(troubles[i], &text);
        assert_int_equal(got.status, sent.status);
        assert_int_equal(got.signal, sent.signal);
        assert_string_equal(got.text, sent.text);
    }
    for (size_t i = 0; i < sizeof progresses / sizeof *progresses; i++) {
        struct event got = send(progresses[i], &text);
        expect_progress(&got.progress, &sent.progress);
    }
    struct event hello = send(EVENT_HELLO, &text);
    assert_int_equal(hello.n_devices, sent.n_devices);
    assert_string_equal(hello.build, sent.build);
    assert_string_equal(hello.host, sent.host);
    struct event rung = send(EVENT_RUNG, &text);
    assert_int_equal(rung.epoch, sent.epoch);
    assert_memory_equal(&rung.value, &sent.value, sizeof sent.value);
    struct event done = send(EVENT_DONE, &text);
    assert_memory_equal(done.scores, sent.scores, sizeof sent.scores);
    assert_string_equal(done.summary, sent.summary);
    text_release(&text);
}

/* All that rank 0 says and hears of one run but its summary fits one small letter. */
static void messages_are_small(void **unused)
{
    struct text text = {0};
    struct event event = sample_event(EVENT_HELLO);
    struct assigned_run run = {.run = 99999, .attempt = 3, .rung_epoch = 5};
    struct assigned_lane lane = {&run, 1};
    const struct order order = {.kind = ORDER_ASSIGN, .assignment = {&lane, 1}};

    (void)unused;
    memset(event.text, 'x', sizeof event.text - 1);
    memset(event.host, 'x', sizeof event.host - 1);
    assert_int_equal(event_encode(&event, &text), STATUS_OK);
    assert_in_range(text.length, 1, 1000);
    text.length = 0;
    assert_int_equal(order_encode(&order, &text), STATUS_OK);
    assert_in_range(text.length, 1, 200);
    text_release(&text);
}

static void order_of_two_lanes(struct text *out)
{
    static const int64_t passed[] = {1, 3};
    struct assigned_run runs[] = {{.run = 7, .attempt = 1, .rung_epoch = 9},
                                  {.run = 8,
                                   .attempt = 2,
                                   .id = "id8",
                                   .name = "eight",
                                   .folder = "r/runs/id8/a2",
                                   .settings = "{}",
                                   .split_hash = "s",
                                   .weights_hash = "w",
                                   .metric = "UA",
                                   .passed_rungs = passed,
                                   .n_passed_rungs = 2},
                                  {.run = 9, .attempt = 3}};
    struct assigned_lane lanes[] = {{runs, 2}, {runs + 2, 1}};
    const struct order order = {.kind = ORDER_ASSIGN, .assignment = {lanes, 2}};

    assert_int_equal(order_encode(&order, out), STATUS_OK);
}

static void assignments_come_back(void **unused)
{
    struct text text = {0};
    struct arena *arena = NULL;
    struct order got;

    (void)unused;
    assert_int_equal(arena_create(&arena), STATUS_OK);
    order_of_two_lanes(&text);
    assert_int_equal(order_decode(text.data, text.length, arena, &got), STATUS_OK);
    memset(text.data, 'x', (size_t)text.length); /* nothing is borrowed from it */
    assert_int_equal(got.kind, ORDER_ASSIGN);
    assert_int_equal(got.assignment.n_lanes, 2);
    assert_int_equal(got.assignment.lanes[0].n_runs, 2);
    assert_int_equal(got.assignment.lanes[1].n_runs, 1);
    const struct assigned_run *runs = got.assignment.lanes[0].runs;
    assert_int_equal(runs[0].run, 7);
    assert_int_equal(runs[0].rung_epoch, 9);
    assert_string_equal(runs[0].id, "");
    assert_int_equal(runs[0].n_passed_rungs, 0);
    assert_int_equal(runs[1].attempt, 2);
    assert_string_equal(runs[1].id, "id8");
    assert_string_equal(runs[1].name, "eight");
    assert_string_equal(runs[1].folder, "r/runs/id8/a2");
    assert_string_equal(runs[1].settings, "{}");
    assert_string_equal(runs[1].split_hash, "s");
    assert_string_equal(runs[1].weights_hash, "w");
    assert_string_equal(runs[1].metric, "UA");
    assert_int_equal(runs[1].n_passed_rungs, 2);
    assert_int_equal(runs[1].passed_rungs[1], 3);
    assert_int_equal(got.assignment.lanes[1].runs[0].run, 9);
    arena_destroy(arena);
    text_release(&text);
}

static void verdicts_come_back(void **unused)
{
    const struct order sent = {.kind = ORDER_VERDICT, .verdict = {4, 2, VERDICT_STOP, 6}};
    struct text text = {0};
    struct order got;

    (void)unused;
    assert_int_equal(order_encode(&sent, &text), STATUS_OK);
    assert_int_equal(order_decode(text.data, text.length, NULL, &got), STATUS_OK);
    assert_int_equal(got.kind, ORDER_VERDICT);
    assert_int_equal(got.verdict.run, 4);
    assert_int_equal(got.verdict.attempt, 2);
    assert_int_equal(got.verdict.verdict, VERDICT_STOP);
    assert_int_equal(got.verdict.rung_epoch, 6);
    text_release(&text);
}

/* A copy of exactly that size, so that reading beyond it is seen. */
static char *exact_copy(const char *bytes, int64_t n)
{
    char *copy = malloc(n > 0 ? (size_t)n : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, (size_t)n);
    return copy;
}

static enum status decode_copy(const char *bytes, int64_t n, bool is_order)
{
    char *copy = exact_copy(bytes, n);
    struct arena *arena = NULL;
    struct event event;
    struct order order;

    assert_int_equal(arena_create(&arena), STATUS_OK);
    enum status status =
        is_order ? order_decode(copy, n, arena, &order) : event_decode(copy, n, &event);
    arena_destroy(arena);
    free(copy);
    return status;
}

static void cut_ones_are_refused(void **unused)
{
    struct text event = {0}, order = {0};
    struct event sample = sample_event(EVENT_HELLO);

    (void)unused;
    assert_int_equal(event_encode(&sample, &event), STATUS_OK);
    order_of_two_lanes(&order);
    for (int64_t n = 0; n < event.length; n++)
        assert_int_equal(decode_copy(event.data, n, false), STATUS_COMM);
    for (int64_t n = 0; n < order.length; n++)
        assert_int_equal(decode_copy(order.data, n, true), STATUS_COMM);
    text_append(&event, "x");
    text_append(&order, "x");
    assert_int_equal(decode_copy(event.data, event.length, false), STATUS_COMM);
    assert_int_equal(decode_copy(order.data, order.length, true), STATUS_COMM);
    text_release(&event);
    text_release(&order);
}

/* Any bytes at all are an event, an order, or COMM. */
static void changed_ones_do_no_harm(void **unused)
{
    struct random_stream stream = random_stream_at(5, 1);
    struct text event = {0}, order = {0};
    struct event sample = sample_event(EVENT_HELLO);

    (void)unused;
    assert_int_equal(event_encode(&sample, &event), STATUS_OK);
    order_of_two_lanes(&order);
    for (int i = 0; i < 20000; i++) {
        struct text *text = i % 2 == 0 ? &event : &order;
        int64_t at = stream_below(&stream, (uint32_t)text->length);
        char before = text->data[at];
        text->data[at] = (char)stream_below(&stream, 256);
        enum status status = decode_copy(text->data, text->length, i % 2 != 0);
        assert_true(status == STATUS_OK || status == STATUS_COMM);
        text->data[at] = before;
    }
    text_release(&event);
    text_release(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_back),      cmocka_unit_test(messages_are_small),
        cmocka_unit_test(assignments_come_back), cmocka_unit_test(verdicts_come_back),
        cmocka_unit_test(cut_ones_are_refused),  cmocka_unit_test(changed_ones_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
