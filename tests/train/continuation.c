/* A run that was stopped and continued has the same bits as one that was not, for every method. */
#include "train/fixture.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "unlearn/method.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open(&fixture, "cpu");
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

struct stopper {
    int64_t step;    /* steps done so far in this attempt */
    int64_t stop_at; /* ask to stop after that many; −1: never */
    int64_t first;   /* number of the first step this attempt did */
};

static void count_steps(void *context, const struct train_progress *progress)
{
    struct stopper *stopper = context;

    if (strcmp(progress->phase, "train") != 0)
        return;
    if (stopper->step++ == 0)
        stopper->first = progress->step;
}

static bool wants_stop(void *context)
{
    struct stopper *stopper = context;

    return stopper->stop_at >= 0 && stopper->step >= stopper->stop_at;
}

static enum status execute(const struct settings *settings, const char *name, const char *resume,
                           struct stopper *stopper)
{
    struct fixture_run run = {
        .name = name, .resume = resume, .observer = {stopper, count_steps, wants_stop, NULL}};

    return fixture_execute(&fixture, settings, &run);
}

static void check_method(const char *method, bool is_augmented, int64_t stop_at)
{
    struct settings settings = fixture_settings(&fixture, method);
    struct stopper never = {.stop_at = -1}, once = {0}, after = {.stop_at = -1};
    char whole[64], first[64], second[64];

    settings.train.augment = settings.base_train.augment =
        is_augmented ? AUGMENT_CROP_FLIP : AUGMENT_NONE;
    snprintf(whole, sizeof whole, "%s-%d-whole", method, is_augmented);
    snprintf(first, sizeof first, "%s-%d-a1", method, is_augmented);
    snprintf(second, sizeof second, "%s-%d-a2", method, is_augmented);
    ok(execute(&settings, whole, NULL, &never));
    once.stop_at = 1 + (stop_at - 1) % (never.step - 1); /* some have few steps */
    assert_int_equal(execute(&settings, first, NULL, &once), STATUS_CANCELLED);
    ok(execute(&settings, second, first, &after));
    assert_int_equal(after.first, once.stop_at + 1); /* nothing was done twice */
    assert_same_result(&fixture, whole, second);
}

static void every_method_continues_exactly(void **state)
{
    (void)state;
    for (int i = 0; method_at(i) != NULL; i++) {
        if (method_phase(method_at(i)) == NULL)
            continue;
        check_method(method_at(i)->name, false, 1 + i % 5);
    }
    check_method("retrain", true, 4); /* with crops and flips */
}

/* A base recipe with everything that a step can depend on. 90 images stay: 3 steps an epoch. */
static struct recipe whole_recipe(enum optimizer_kind optimizer)
{
    return (struct recipe){.epochs = 2,
                           .batch_size = 32,
                           .optimizer = optimizer,
                           .lr = 0.01,
                           .momentum = 0.9,
                           .nesterov = true,
                           .weight_decay = 0.1,
                           .decay_on = DECAY_WEIGHTS,
                           .clip_norm = 0.5,
                           .schedule = SCHEDULE_COSINE,
                           .schedule_unit = SCHEDULE_PER_STEP,
                           .warmup = 3,
                           .augment = AUGMENT_CROP_FLIP,
                           .cutout = 8,
                           .mixup = 0.2,
                           .label_smoothing = 0.1};
}

/* On a tiny network, stopped after every step that there is. */
static void a_whole_recipe_continues_exactly(void **state)
{
    struct settings settings = fixture_settings(&fixture, "retrain");
    struct stopper never = {.stop_at = -1};
    char whole[64], first[64], second[64];

    (void)state;
    settings.model.arch = "simple_vit";
    settings.model.vit =
        (struct vit_shape){.patch = 8, .layers = 1, .heads = 2, .width = 8, .mlp = 8};
    for (int kind = OPTIMIZER_SGD; kind <= OPTIMIZER_ADAMW; kind++) {
        settings.base_train = whole_recipe((enum optimizer_kind)kind);
        snprintf(whole, sizeof whole, "recipe-%d-whole", kind);
        ok(execute(&settings, whole, NULL, &never));
        for (int64_t stop_at = 1; stop_at < 6; stop_at++) {
            struct stopper once = {.stop_at = stop_at}, after = {.stop_at = -1};
            snprintf(first, sizeof first, "recipe-%d-%d-a1", kind, (int)stop_at);
            snprintf(second, sizeof second, "recipe-%d-%d-a2", kind, (int)stop_at);
            assert_int_equal(execute(&settings, first, NULL, &once), STATUS_CANCELLED);
            ok(execute(&settings, second, first, &after));
            assert_int_equal(after.first, stop_at + 1);
            assert_same_result(&fixture, whole, second);
        }
    }
}

static void flip_byte(const char *path)
{
    FILE *file = fopen(path, "r+b");

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long end = ftell(file);
    assert_int_equal(fseek(file, end / 2, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, end / 2, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x40, file), byte ^ 0x40);
    fclose(file);
}

static void a_damaged_checkpoint_falls_back(void **state)
{
    struct settings settings = fixture_settings(&fixture, "finetune");
    struct stopper never = {.stop_at = -1}, once = {.stop_at = 4}, after = {.stop_at = -1};
    char path[160];

    (void)state;
    settings.checkpoint.every_seconds = 0; /* before every step */
    ok(execute(&settings, "damage-whole", NULL, &never));
    assert_int_equal(execute(&settings, "damage-a1", NULL, &once), STATUS_CANCELLED);
    snprintf(path, sizeof path, "%s/damage-a1/ckpt/step-4.h5", fixture.folder);
    flip_byte(path);
    ok(execute(&settings, "damage-a2", "damage-a1", &after));
    assert_int_equal(after.first, 4); /* from the checkpoint before: after step 3 */
    assert_same_result(&fixture, "damage-whole", "damage-a2");
}

static void finished_runs_keep_no_checkpoints(void **state)
{
    char path[160];

    (void)state;
    snprintf(path, sizeof path, "%s/damage-a2/ckpt", fixture.folder);
    assert_null(opendir(path));
    snprintf(path, sizeof path, "%s/damage-a1/ckpt", fixture.folder);
    assert_null(opendir(path));
}

static void put_file(const char *name, const char *bytes)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", fixture.folder, name);
    ok(file_write(path, bytes, strlen(bytes)));
}

/* Attempt 2 was killed while it wrote: one checkpoint is cut short, another has no name yet. */
static void the_best_of_all_attempts_counts(void **state)
{
    struct settings settings = fixture_settings(&fixture, "finetune");
    struct stopper never = {.stop_at = -1}, once = {.stop_at = 4}, after = {.stop_at = -1};
    char path[160];

    (void)state;
    ok(execute(&settings, "many-whole", NULL, &never));
    assert_int_equal(execute(&settings, "many-a1", NULL, &once), STATUS_CANCELLED);
    snprintf(path, sizeof path, "%s/many-a2/ckpt", fixture.folder);
    ok(folder_create(path));
    put_file("many-a2/ckpt/step-5.h5", "cut short");
    put_file("many-a2/ckpt/step-6.h5.4242.tmp", "cut");
    put_file("many-a2/run.h5.4242.tmp", "cut");
    put_file("many-a2/my.notes.tmp", "a user's own");
    struct fixture_run third = {.name = "many-a3",
                                .resume = "many-a2",
                                .before = "many-a1",
                                .observer = {&after, count_steps, wants_stop, NULL}};
    ok(fixture_execute(&fixture, &settings, &third));
    assert_int_equal(after.first, 5);
    assert_same_result(&fixture, "many-whole", "many-a3");
    for (int i = 1; i <= 3; i++) {
        snprintf(path, sizeof path, "%s/many-a%d/ckpt", fixture.folder, i);
        assert_false(file_exists(path));
    }
    snprintf(path, sizeof path, "%s/many-a2/run.h5.4242.tmp", fixture.folder);
    assert_false(file_exists(path));
    snprintf(path, sizeof path, "%s/many-a2/my.notes.tmp", fixture.folder);
    assert_true(file_exists(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_continues_exactly),
        cmocka_unit_test(a_whole_recipe_continues_exactly),
        cmocka_unit_test(a_damaged_checkpoint_falls_back),
        cmocka_unit_test(finished_runs_keep_no_checkpoints),
        cmocka_unit_test(the_best_of_all_attempts_counts),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
