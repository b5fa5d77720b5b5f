/* What people see of a running sweep, in a log and on a terminal; and what is told of a trainer. */
#include "dispatch/view/progress.h"

#include "base/clock.h"
#include "dispatch/folder/loss_curve.h"
#include "dispatch/supervise/trainer_cores.h"
#include "mpi/made_sweep.h"
#include "support/cmocka.h"

#include <math.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_RUNS = 3, OUTPUT_BYTES = 8192 };

static void curve_is_coarse(void **unused)
{
    struct loss_curve curve = {.n = 0};
    struct run_progress progress = {.n_steps = 240};

    (void)unused;
    loss_curve_see(&curve, &progress); /* before the first step */
    assert_int_equal(curve.n, 0);
    for (int step = 1; step <= 50; step++) {
        progress.step = step;
        progress.loss = 100 - step;
        loss_curve_see(&curve, &progress);
    }
    assert_int_equal(curve.n, 5);
    assert_true(curve.at[0] == 90 && curve.at[4] == 50);
    progress.step = 240; /* nobody told of the steps between */
    progress.loss = 1;
    loss_curve_see(&curve, &progress);
    assert_int_equal(curve.n, LOSS_CURVE_CELLS);
    assert_true(curve.at[22] == 50 && curve.at[23] == 1);
    progress.step = 241; /* no such step */
    loss_curve_see(&curve, &progress);
    assert_int_equal(curve.n, LOSS_CURVE_CELLS);
}

static void continued_run_has_no_beginning(void **unused)
{
    struct loss_curve curve = {.n = 0};
    struct run_progress progress = {.step = 121, .n_steps = 240, .loss = NAN};

    (void)unused;
    loss_curve_see(&curve, &progress);
    assert_int_equal(curve.n, 0);
    progress.loss = 0.5;
    loss_curve_see(&curve, &progress);
    assert_int_equal(curve.n, 13);
    assert_true(isnan(curve.at[0]) && isnan(curve.at[11]) && curve.at[12] == 0.5F);
}

static void cores_are_time_over_time(void **unused)
{
    struct trainer_cores cores;

    (void)unused;
    trainer_cores_begin(&cores);
    trainer_cores_see(&cores, 10, 100);
    assert_true(isnan(cores.busy));
    trainer_cores_see(&cores, 10.5, 100.5); /* too soon to tell */
    assert_true(isnan(cores.busy));
    trainer_cores_see(&cores, 13, 102);
    assert_true(cores.busy == 1.5);
    trainer_cores_see(&cores, 13, 104);
    assert_true(cores.busy == 0);
}

/* ---- lines ---- */

struct stage {
    struct sweep *sweep;
    struct progress *progress;
    int read_fd, write_fd;
};

static void start_progress(struct stage *stage)
{
    stage->sweep = made_sweep_create(N_RUNS);
    assert_non_null(stage->sweep);
    struct progress_settings settings = {
        .sweep = stage->sweep, .n_ranks = 2, .fd = stage->write_fd};
    assert_int_equal(progress_create(&settings, &stage->progress), STATUS_OK);
}

static void play(struct stage *stage, enum journal_kind kind, int64_t run, int rank)
{
    struct journal_event event = {.kind = kind, .run = run, .attempt = 1, .rank = rank};

    copy_text(event.host, sizeof event.host, "here");
    copy_text(event.text, sizeof event.text, kind == JOURNAL_FAILED ? "loss is NaN" : "");
    progress_event(stage->progress, &event);
}

static void tell_progress(struct stage *stage, int64_t run, int rank)
{
    struct event event = {.kind = EVENT_PROGRESS, .run = run};

    event.progress = (struct run_progress){.epoch = 1,
                                           .n_epochs = 4,
                                           .step = 60,
                                           .n_steps = 240,
                                           .loss = 0.25,
                                           .images_per_second = 930,
                                           .phase = "train",
                                           .cores = 1,
                                           .n_cores = 1};
    progress_heard(stage->progress, rank, &event);
}

static void play_all(struct stage *stage)
{
    struct event done = {.kind = EVENT_DONE, .run = 0, .scores = {1, 0.5, 0.25, NAN}};

    play(stage, JOURNAL_ASSIGNED, 0, 0);
    play(stage, JOURNAL_ASSIGNED, 1, 1);
    tell_progress(stage, 0, 0);
    progress_tick(stage->progress, clock_seconds() + 1);
    play(stage, JOURNAL_DONE, 0, 0);
    progress_heard(stage->progress, 0, &done);
    play(stage, JOURNAL_FAILED, 1, 1);
    progress_tick(stage->progress, clock_seconds() + 2);
}

/* Ends the writer: what comes in pieces is all there then. */
static void end_and_read(struct stage *stage, char out[OUTPUT_BYTES])
{
    size_t length = 0;
    ssize_t n = 0;

    progress_destroy(stage->progress);
    sweep_destroy(stage->sweep);
    close(stage->write_fd);
    while ((n = read(stage->read_fd, out + length, OUTPUT_BYTES - 1 - length)) > 0)
        length += (size_t)n;
    close(stage->read_fd);
    out[length] = '\0';
    assert_true(length > 0 && length < OUTPUT_BYTES - 1);
}

static void log_has_a_line_per_event(void **unused)
{
    struct stage stage;
    int ends[2];
    char out[OUTPUT_BYTES];

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    stage.read_fd = ends[0];
    stage.write_fd = ends[1];
    start_progress(&stage);
    play_all(&stage);
    end_and_read(&stage, out);
    assert_null(strchr(out, '\033'));
    assert_non_null(strstr(out, "[0/3] started "));
    assert_non_null(strstr(out, "[1/3] done "));
    assert_non_null(strstr(out, ": UA 1.0000  RA 0.5000  TA 0.2500\n"));
    assert_non_null(strstr(out, "(attempt 1, rank 1): loss is NaN\n"));
}

static void expect_in_order(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        const char *found = strstr(text, *words);
        if (found == NULL)
            fail_msg("'%s' does not come in\n%s", *words, text);
        text = found + strlen(*words);
    }
}

static void terminal_has_a_line_per_trainer(void **unused)
{
    static const char *const utf8[] = {"rank run",
                                       "epoch images/s     loss",
                                       "\r\n   0 ",
                                       "██░░░░░░",
                                       "2/4      930     0.25",
                                       "\r\n   1 ",
                                       "0/3 done, 0 failed, 2 running, 1 left, ",
                                       " to go\r\n",
                                       "\033[4A\r\033[J",
                                       "[1/3] done ",
                                       "   0 idle",
                                       "1/3 done, 1 failed, 0 running, 1 left",
                                       NULL};
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    struct stage stage;
    char out[OUTPUT_BYTES];

    (void)unused;
    assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    assert_int_equal(setenv("LC_ALL", "C.UTF-8", 1), 0);
    assert_int_equal(openpty(&stage.read_fd, &stage.write_fd, NULL, NULL, &size), 0);
    start_progress(&stage);
    play_all(&stage);
    end_and_read(&stage, out);
    expect_in_order(out, utf8);
    assert_null(strstr(out, "started"));
    assert_null(strstr(out, "\033[3"));
}

/* As under mpirun. */
static void terminal_without_a_size_is_a_log(void **unused)
{
    struct stage stage;
    char out[OUTPUT_BYTES];

    (void)unused;
    assert_int_equal(openpty(&stage.read_fd, &stage.write_fd, NULL, NULL, NULL), 0);
    start_progress(&stage);
    play_all(&stage);
    end_and_read(&stage, out);
    assert_null(strchr(out, '\033'));
    assert_non_null(strstr(out, "[0/3] started "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve_is_coarse),
        cmocka_unit_test(continued_run_has_no_beginning),
        cmocka_unit_test(cores_are_time_over_time),
        cmocka_unit_test(log_has_a_line_per_event),
        cmocka_unit_test(terminal_has_a_line_per_trainer),
        cmocka_unit_test(terminal_without_a_size_is_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
