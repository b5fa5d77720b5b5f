/* What `status --watch` shows, byte for byte: screens/NAME.txt. A screen that is meant to change is
 * written anew with WRITE_SCREENS=1 in the environment, and then looked at. */
#include "cli/status/watch_screen.h"

#include "base/clock.h"
#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANKS = 64, NAME_BYTES = 160 };

struct scene {
    struct status_view view;
    struct rank_status ranks[MAX_RANKS];
    char names[MAX_RANKS][NAME_BYTES];
};

static void make_rank(struct scene *scene, int i, const char *suffix)
{
    static const char *const methods[] = {"prune_lora-c3-s0.5-r8", "finetune-c7", "retrain-c3"};
    struct rank_status *rank = &scene->ranks[i];

    snprintf(scene->names[i], NAME_BYTES, "%04d-%s-seed%d%s", 40 + i, methods[i % 3], i % 5,
             suffix);
    *rank = (struct rank_status){.is_busy = i % 7 != 6,
                                 .attempt = i % 5 == 4 ? 2 : 1,
                                 .run_id = "0123456789abcdef",
                                 .name = scene->names[i],
                                 .progress = {.epoch = i % 4,
                                              .n_epochs = 5,
                                              .step = 391 * (i % 4) + 6 * i,
                                              .n_steps = 1955,
                                              .loss = 2.3 / (1 + i),
                                              .images_per_second = 930 + 7 * i,
                                              .cores = 0.97,
                                              .n_cores = 1}};
    snprintf(rank->host, sizeof rank->host, "node%02d", i / 8);
    snprintf(rank->progress.phase, sizeof rank->progress.phase, "%s",
             i % 11 == 10 ? "evaluate" : "train");
    while (rank->losses.n * rank->progress.n_steps < rank->progress.step * LOSS_CURVE_CELLS) {
        int n = rank->losses.n++;
        rank->losses.at[n] = 2.3F / (float)(1 + n) + (n % 3 == 2 ? 0.3F : 0);
    }
}

static void make_scene(struct scene *scene, int n_ranks, const char *suffix)
{
    memset(scene, 0, sizeof *scene);
    for (int i = 0; i < n_ranks; i++)
        make_rank(scene, i, suffix);
    scene->view = (struct status_view){
        .folder = "results/demo",
        .sweep = {.state = "running",
                  .exit_code = -1,
                  .message = "",
                  .name = "demo",
                  .command = "prunelora sweep sweeps/demo.yaml",
                  .started = "2026-01-01T12:00:00.000Z",
                  .updated = "2026-01-01T12:10:00.000Z",
                  .host = "node00",
                  .pid = 4711,
                  .counts = {.n_runs = 755, .n_done = 210, .n_failed = 0, .n_pending = 545},
                  .seconds_left = 1502,
                  .ranks = scene->ranks,
                  .n_ranks = n_ranks},
        .is_alive = true,
        .age_seconds = 2,
        .now = clock_from_timestamp("2026-01-01T12:10:02.000Z"),
        .has_plan = true,
    };
    pace_begin(&scene->view.pace, clock_from_timestamp("2026-01-01T12:00:00.000Z"));
    for (int i = 0; i < 210; i++)
        pace_see(&scene->view.pace, scene->view.pace.start + 40 + 2.6 * i + 12 * sin(0.2 * i));
}

static void add_trouble(struct scene *scene, enum journal_kind kind, const char *text)
{
    struct status_view *view = &scene->view;
    struct journal_event event = {.kind = kind, .attempt = 1 + view->n_troubles % 3};

    snprintf(event.run_id, sizeof event.run_id, "%016" PRIx64, 0xabcdef00 + view->n_troubles);
    snprintf(event.time, sizeof event.time, "2026-01-01T12:%02" PRId64 ":31.000Z",
             view->n_troubles % 60);
    copy_text(event.text, sizeof event.text, text);
    view->troubles[view->n_troubles++ % N_TROUBLES] = event;
}

static void add_troubles(struct scene *scene)
{
    for (int i = 0; i < 9; i++)
        add_trouble(scene, JOURNAL_RETRIED, "an older one");
    add_trouble(scene, JOURNAL_CRASHED,
                "trainer was killed by SIGKILL (out of memory, or by hand); its last words: "
                "cannot allocate 12884901888 bytes for activations of 512 images");
    add_trouble(scene, JOURNAL_FAILED, "loss is NaN at step 311 of 1955 (epoch 1)");
    scene->view.sweep.counts.n_failed = 1;
}

static void write_screen(const char *path, const struct text *text)
{
    ok(file_write(path, text->data, (size_t)text->length));
    print_message("wrote %s\n", path);
}

/* Every row ends with '|', so that blanks count. */
static void compare(const struct screen *screen, const char *name)
{
    struct text got = {0};
    char path[512], *wanted = NULL;
    int64_t n = 0;

    for (int row = 0; row < screen->rows; row++) {
        struct text line = {0};
        screen_append_lines(screen, row, 1, false, &line);
        text_append(&got, "%.*s|\n", (int)line.length - 1, text_value(&line));
        text_release(&line);
    }
    snprintf(path, sizeof path, "%s/%s.txt", SCREENS, name);
    if (getenv("WRITE_SCREENS") != NULL)
        write_screen(path, &got);
    ok(file_read(path, &wanted, &n));
    assert_string_equal(text_value(&got), wanted);
    free(wanted);
    text_release(&got);
}

static void check(const struct scene *scene, int columns, int rows, bool has_utf8, const char *name)
{
    struct screen *screen = NULL;

    ok(screen_create(rows, columns, has_utf8, &screen));
    watch_screen_draw(screen, &scene->view, 0);
    compare(screen, name);
    screen_destroy(screen);
}

static void four_trainers(void **unused)
{
    struct scene scene;

    (void)unused;
    make_scene(&scene, 4, "");
    check(&scene, 80, 24, true, "four_80x24");
    check(&scene, 80, 24, false, "four_80x24_ascii");
    check(&scene, 200, 50, true, "four_200x50");
    check(&scene, 40, 10, true, "four_40x10");
}

static void troubles(void **unused)
{
    struct scene scene;

    (void)unused;
    make_scene(&scene, 4, "");
    add_troubles(&scene);
    check(&scene, 80, 24, true, "troubles_80x24");
    check(&scene, 200, 50, true, "troubles_200x50");
    check(&scene, 40, 10, false, "troubles_40x10");
}

static void many_trainers_with_long_names(void **unused)
{
    struct scene scene;

    (void)unused;
    make_scene(&scene, MAX_RANKS, "-lr0.0001-wd0.0005-a-suffix-nobody-needs-but-somebody-has");
    add_troubles(&scene);
    check(&scene, 80, 24, true, "many_80x24");
    check(&scene, 200, 50, true, "many_200x50");
    check(&scene, 40, 10, true, "many_40x10");
}

static void scrolled_to_the_end(void **unused)
{
    struct scene scene;
    struct screen *screen = NULL;

    (void)unused;
    make_scene(&scene, MAX_RANKS, "");
    ok(screen_create(24, 80, true, &screen));
    int n = watch_screen_n_ranks(screen, &scene.view);
    assert_int_equal(n, 17); /* 24 rows less six of head and titles and one of keys */
    watch_screen_draw(screen, &scene.view, MAX_RANKS - n);
    compare(screen, "scrolled_80x24");
    screen_destroy(screen);
}

static void stopping_and_killed(void **unused)
{
    struct scene scene;

    (void)unused;
    make_scene(&scene, 2, "");
    scene.view.sweep.state = "stopping";
    scene.view.sweep.message = "prunelora stop on host node00";
    check(&scene, 80, 24, true, "stopping_80x24");
    scene.view.is_alive = false;
    scene.view.age_seconds = 95;
    check(&scene, 80, 24, true, "killed_80x24");
}

/* Nothing is known yet: before the first run, without steps, without a name. */
static void hardly_anything(void **unused)
{
    struct scene scene;

    (void)unused;
    make_scene(&scene, 2, "");
    scene.view.pace = (struct pace){0};
    scene.view.sweep.seconds_left = NAN;
    scene.view.sweep.name = "";
    scene.ranks[0] = (struct rank_status){
        .is_busy = true, .run_id = "", .name = "", .progress = {.loss = NAN, .cores = NAN}};
    scene.ranks[1] = (struct rank_status){0};
    check(&scene, 80, 24, true, "early_80x24");
}

/* Any size at all: nothing is drawn outside, and nothing crashes. */
static void every_size(void **unused)
{
    struct scene scene;

    (void)unused;
    make_scene(&scene, MAX_RANKS, "-long-long-long-long-long-long");
    add_troubles(&scene);
    for (int rows = 1; rows < 60; rows++)
        for (int columns = 7; columns < 250; columns += 11) {
            struct screen *screen = NULL;
            ok(screen_create(rows, columns, true, &screen));
            int n = watch_screen_n_ranks(screen, &scene.view);
            assert_true(n >= 0 && n <= 3 * rows);
            watch_screen_draw(screen, &scene.view, 5);
            assert_true(screen->cells[0].character == 'd'); /* of demo */
            screen_destroy(screen);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_trainers),
        cmocka_unit_test(troubles),
        cmocka_unit_test(many_trainers_with_long_names),
        cmocka_unit_test(scrolled_to_the_end),
        cmocka_unit_test(stopping_and_killed),
        cmocka_unit_test(hardly_anything),
        cmocka_unit_test(every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
