/* The coordinator against ranks that a test plays by hand over the in-process transport. */
#ifndef TESTS_DISPATCH_STAGE_H
#define TESTS_DISPATCH_STAGE_H

#include "dispatch/lead/coordination.h"

enum { N_RANKS = 3, N_RUNS = 5, MAX_EVENTS = 64 };

struct stage {
    struct sweep *sweep;
    struct run_state states[N_RUNS];
    struct transport *ranks[N_RANKS];
    struct coordinator *coordinator;
    struct rungs *rungs;
    struct journal_event events[MAX_EVENTS];
    int n_events, n_messages;
    char note[1024];
};

/* For cmocka: a stage of its own for each test. */
void stage_start(struct stage *stage, struct coordinator_settings settings);
int stage_set_up(void **state);
int stage_tear_down(void **state);
enum status stage_send(struct stage *stage, int rank, struct message message);
void stage_say(struct stage *stage, int rank, enum message_kind kind);
bool stage_next_order(struct stage *stage, int rank, struct message *message);
struct message stage_expect_run(struct stage *stage, int rank, int64_t run, int64_t attempt);
void stage_expect_order(struct stage *stage, int rank, enum message_kind kind);
void stage_expect_silence(struct stage *stage, int rank);
void stage_end_run(struct stage *stage, int rank, enum message_kind kind,
                   const struct message *assigned);
void stage_finish(struct stage *stage);
void stage_begin_all(struct stage *stage, struct message runs[N_RANKS]);

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

#endif
