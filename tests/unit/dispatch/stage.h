/* The coordinator against ranks that a test plays by hand over the in-process transport. */
#ifndef TESTS_DISPATCH_STAGE_H
#define TESTS_DISPATCH_STAGE_H

#include "dispatch/lead/coordination.h"
#include "dispatch/talk/mail.h"

enum { N_RANKS = 3, N_RUNS = 5, MAX_EVENTS = 64 };

struct stage {
    struct sweep *sweep;
    struct run_state states[N_RUNS];
    struct transport *ranks[N_RANKS];
    struct coordinator *coordinator;
    struct rungs *rungs;
    struct arena *arena; /* of all orders that were read */
    struct journal_event events[MAX_EVENTS];
    int n_events, n_heard;
    char note[1024];
};

/* For cmocka: a stage of its own for each test. */
void stage_start(struct stage *stage, struct coordinator_settings settings);
int stage_set_up(void **state);
int stage_tear_down(void **state);
enum status stage_send(struct stage *stage, int rank, struct event event);
void stage_say(struct stage *stage, int rank, enum event_kind kind);
bool stage_next_order(struct stage *stage, int rank, struct order *order);
struct assigned_run stage_expect_run(struct stage *stage, int rank, int64_t run, int64_t attempt);
void stage_expect_order(struct stage *stage, int rank, enum order_kind kind);
void stage_expect_silence(struct stage *stage, int rank);
void stage_end_run(struct stage *stage, int rank, enum event_kind kind,
                   const struct assigned_run *assigned);
void stage_finish(struct stage *stage);
void stage_begin_all(struct stage *stage, struct assigned_run runs[N_RANKS]);

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

#endif
