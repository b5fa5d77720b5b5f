/* Validation between epochs: which weights a run ends with, when it stops by itself, that training
 * does not notice, and that an interruption changes none of it. */
#include "train/fixture.h"

#include "base/file.h"
#include "kernels/cuda/host/host_gpu.h"
#include "support/outcome.h"
#include "train/trainer.h"

#include "support/cmocka.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* 100 images: 40 set aside, four of each class; 54 retained, of which the last 6 make a step. */
enum { N_VALIDATION = 40, N_KEPT = 36, EPOCHS = 5, BATCH = 16, STEPS = 4 };

static struct fixture fixture;
static int64_t seed = 1; /* with which the best epoch is neither the first nor the last */

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

static struct settings selecting(const char *method)
{
    struct settings settings = fixture_settings(&fixture, method);

    settings.data.validation = N_VALIDATION;
    settings.train.epochs = settings.base_train.epochs = EPOCHS;
    settings.train.batch_size = settings.base_train.batch_size = BATCH;
    settings.train.lr = 2e-3;
    settings.seed = seed;
    settings.train.select = settings.base_train.select = SELECT_BEST;
    return settings;
}

static void run_ok(const struct settings *settings, const char *name)
{
    struct fixture_run run = {.name = name};

    if (fixture_execute(&fixture, settings, &run) != STATUS_OK)
        fail_msg("%s: %s", name, status_message());
}

static const double *column(const struct run_file *run, const char *name, int64_t *n)
{
    for (int64_t i = 0; i < run->n_history; i++)
        if (strcmp(run->history[i].name, name) == 0) {
            *n = run->history[i].n;
            return run->history[i].values;
        }
    fail_msg("run.h5 has no history '%s'", name);
    return NULL;
}

/* From 1; ties the earlier; NaN never. */
static int64_t highest(const double *values, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 0; i < n; i++)
        if (!isnan(values[i]) && (best == 0 || values[i] > values[best - 1]))
            best = i + 1;
    return best;
}

static void assert_same_files(const char *a, const char *b)
{
    struct weights *u = fixture_weights(&fixture, a), *v = fixture_weights(&fixture, b);

    assert_same_weights(u, v);
    weights_destroy(u);
    weights_destroy(v);
}

/* Roundings of another machine may lead elsewhere. */
static void a_seed_shows_something(void **state)
{
    struct arena *arena = NULL;
    int64_t best = 0, n = 0;

    (void)state;
    ok(arena_create(&arena));
    for (seed = 1; seed < 9; seed++) {
        struct settings settings = selecting("finetune");
        settings.checkpoint.keep = KEEP_ALL;
        run_ok(&settings, "best");
        struct run_file run = fixture_result(&fixture, "best", arena);
        best = highest(column(&run, "validation_accuracy", &n), n);
        if (best > 1 && best < EPOCHS)
            break;
    }
    arena_destroy(arena);
    assert_in_range(best, 2, EPOCHS - 1);
}

static void the_best_epoch_is_evaluated_and_saved(void **state)
{
    struct settings settings = selecting("finetune");
    struct arena *arena = NULL;
    char path[64];
    int64_t n = 0;

    (void)state;
    ok(arena_create(&arena));
    struct run_file run = fixture_result(&fixture, "best", arena);
    const double *accuracy = column(&run, "validation_accuracy", &n);
    assert_int_equal(n, EPOCHS);
    int64_t best = highest(accuracy, n);
    assert_true(fixture_value(&run, "best_epoch") == (double)best);
    for (int64_t i = 0; i < n; i++) /* without class 3: to forget it is no mistake */
        assert_true(fabs(accuracy[i] * N_KEPT - round(accuracy[i] * N_KEPT)) < 1e-9);
    assert_true(fixture_value(&run, "validation_accuracy") == accuracy[best - 1]);
    snprintf(path, sizeof path, "best/ckpt/epoch-%04lld.h5", (long long)best);
    assert_same_files("best/weights.h5", path);
    settings.train.select = SELECT_LAST;
    run_ok(&settings, "last");
    struct run_file last = fixture_result(&fixture, "last", arena);
    assert_true(fixture_value(&last, "best_epoch") == (double)best);
    assert_true(fixture_value(&last, "validation_accuracy") == accuracy[n - 1]);
    snprintf(path, sizeof path, "best/ckpt/epoch-%04d.h5", EPOCHS);
    assert_same_files("last/weights.h5", path);
    arena_destroy(arena);
}

static void training_does_not_notice(void **state)
{
    struct settings settings = selecting("lora"); /* batch norm, dropout, frozen weights */
    struct arena *arena = NULL;
    int64_t n = 0;

    (void)state;
    ok(arena_create(&arena));
    settings.train.select = SELECT_LAST;
    run_ok(&settings, "often");
    settings.train.validate_every = 3;
    run_ok(&settings, "seldom");
    assert_same_files("often/weights.h5", "seldom/weights.h5");
    struct run_file run = fixture_result(&fixture, "seldom", arena);
    const double *loss = column(&run, "validation_loss", &n);
    assert_int_equal(n, EPOCHS);
    for (int64_t i = 0; i < n; i++) /* epoch 3, and the last */
        assert_int_equal(isnan(loss[i]) != 0, i != 2 && i != EPOCHS - 1);
    arena_destroy(arena);
}

/* Steps are recorded and repeated there; the arena is lent. */
static void training_does_not_notice_on_a_gpu(void **state)
{
    const struct device_settings device = {.n_threads = 2};
    struct fixture small;
    struct settings settings;
    struct fixture_run often = {.name = "often"}, seldom = {.name = "seldom"};

    (void)state;
    host_gpu_reset();
    fixture_open_sized(&small, "cpu", 12, 10);
    trainer_destroy(small.trainer);
    ok(trainer_create(backend_find("cuda_host"), &device, &small.trainer));
    settings = fixture_settings(&small, "lora");
    settings.data.validation = 3;
    settings.train.epochs = 2;
    settings.train.batch_size = 3;
    ok(fixture_execute(&small, &settings, &often));
    settings.train.validate_every = 2;
    ok(fixture_execute(&small, &settings, &seldom));
    struct weights *a = fixture_weights(&small, "often/weights.h5");
    struct weights *b = fixture_weights(&small, "seldom/weights.h5");
    assert_same_weights(a, b);
    weights_destroy(a);
    weights_destroy(b);
    fixture_close(&small);
    host_gpu_reset();
}

/* ---- patience ---- */

static void patience_ends_training(void **state)
{
    struct settings settings = selecting("finetune");
    struct arena *arena = NULL;
    int64_t n = 0, n_epochs = 0;

    (void)state;
    ok(arena_create(&arena));
    settings.train.patience = 1;
    settings.train.epochs = 20;
    run_ok(&settings, "patient");
    struct run_file run = fixture_result(&fixture, "patient", arena);
    const double *accuracy = column(&run, "validation_accuracy", &n);
    (void)column(&run, "loss", &n_epochs);
    assert_true(n_epochs < 20);
    assert_int_equal(highest(accuracy, n), n - 1); /* one epoch after the best */
    assert_string_equal(run.state, "done");
    assert_true(fixture_value(&run, "validation_accuracy") == accuracy[n - 2]);
    arena_destroy(arena);
}

struct judge { /* who says at every rung that the run goes on */
    int64_t n_asked;
    double values[8];
};

static enum train_verdict go_on(void *context, const struct train_rung *rung, int64_t *next_epoch)
{
    struct judge *judge = context;

    judge->values[judge->n_asked++] = rung->value;
    *next_epoch = rung->epoch < 16 ? 2 * rung->epoch : 0;
    return TRAIN_GO_ON;
}

/* It would strand its peers otherwise. */
static void a_run_that_ended_still_answers_at_rungs(void **state)
{
    struct settings settings = selecting("finetune");
    struct judge judge = {0};
    struct arena *arena = NULL;
    char folder[160];
    int64_t n = 0;

    (void)state;
    ok(arena_create(&arena));
    settings.train.patience = 1;
    settings.train.epochs = 20;
    snprintf(folder, sizeof folder, "%s/rungs", fixture.folder);
    struct train_job job = {.settings = &settings,
                            .id = "0123456789abcdef",
                            .name = "rungs",
                            .attempt = 1,
                            .folder = folder,
                            .rung_epoch = 1,
                            .metric = "validation_accuracy",
                            .observer = {&judge, NULL, NULL, go_on}};
    ok(trainer_execute(fixture.trainer, &job));
    assert_int_equal(judge.n_asked, 5); /* 1, 2, 4, 8, 16 */
    struct run_file run = fixture_result(&fixture, "rungs", arena);
    const double *accuracy = column(&run, "validation_accuracy", &n);
    assert_true(n < 16);
    assert_true(judge.values[0] == accuracy[0]);
    assert_true(judge.values[4] == accuracy[n - 1]);
    assert_same_files("patient/weights.h5", "rungs/weights.h5");
    arena_destroy(arena);
}

static void without_images_it_is_refused(void **state)
{
    struct settings settings = selecting("finetune");
    struct fixture_run run = {.name = "none"};

    (void)state;
    settings.data.validation = 0;
    assert_int_equal(fixture_execute(&fixture, &settings, &run), STATUS_BAD_DATA);
    assert_string_equal(status_message(),
                        "selecting an epoch needs validation images of retained classes; there "
                        "are none: set data.validation");
}

/* ---- interrupted ---- */

struct stopper {
    int64_t step, stop_at; /* −1: never */
};

static void count_steps(void *context, const struct train_progress *progress)
{
    ((struct stopper *)context)->step += strcmp(progress->phase, "train") == 0;
}

static bool wants_stop(void *context)
{
    const struct stopper *stopper = context;

    return stopper->stop_at >= 0 && stopper->step >= stopper->stop_at;
}

static enum status execute(const struct settings *settings, const char *name, const char *resume,
                           int64_t stop_at)
{
    struct stopper stopper = {.stop_at = stop_at};
    struct fixture_run run = {
        .name = name, .resume = resume, .observer = {&stopper, count_steps, wants_stop, NULL}};

    return fixture_execute(&fixture, settings, &run);
}

static void assert_same_choice(const char *a, const char *b)
{
    static const char *const columns[] = {"loss", "validation_accuracy", "validation_loss"};
    static const char *const names[] = {"UA",        "RA", "TA", "MIA", "validation_accuracy",
                                        "best_epoch"};
    struct arena *arena = NULL;
    char u[64], v[64];
    int64_t n = 0, m = 0;

    ok(arena_create(&arena));
    struct run_file x = fixture_result(&fixture, a, arena), y = fixture_result(&fixture, b, arena);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(fixture_value(&x, names[i]) == fixture_value(&y, names[i]));
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const double *p = column(&x, columns[i], &n), *q = column(&y, columns[i], &m);
        assert_int_equal(n, m);
        assert_memory_equal(p, q, (size_t)n * sizeof *p);
    }
    snprintf(u, sizeof u, "%s/weights.h5", a);
    snprintf(v, sizeof v, "%s/weights.h5", b);
    assert_same_files(u, v);
    arena_destroy(arena);
}

static void interrupt(const struct settings *settings, const char *whole, int64_t step)
{
    char first[64], second[64];

    print_message("%s interrupted after step %lld\n", whole, (long long)step);
    snprintf(first, sizeof first, "%s-%lld-a1", whole, (long long)step);
    snprintf(second, sizeof second, "%s-%lld-a2", whole, (long long)step);
    assert_int_equal(execute(settings, first, NULL, step), STATUS_CANCELLED);
    if (execute(settings, second, first, -1) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_same_choice(whole, second);
}

static void interruptions_change_nothing(void **state)
{
    struct settings finetune = selecting("finetune"), lora = selecting("prune_lora");
    struct timespec now;

    (void)state;
    clock_gettime(CLOCK_REALTIME, &now);
    finetune.checkpoint.every_seconds = 0;
    ok(execute(&finetune, "whole", NULL, -1));
    int64_t best = fixture_best_epoch(&fixture, "whole");
    assert_true(best < EPOCHS);
    interrupt(&finetune, "whole", STEPS * best);     /* right after the best epoch */
    interrupt(&finetune, "whole", STEPS * best + 1); /* in the middle of the next */
    ok(execute(&lora, "whole-lora", NULL, -1));
    interrupt(&lora, "whole-lora", 1 + now.tv_nsec / 1000 % (STEPS * EPOCHS - 2));
}

/* Twice interrupted, the second time before another checkpoint was due: the best weights have to
 * move from folder to folder. */
static void the_best_weights_move_along(void **state)
{
    struct settings settings = selecting("finetune");
    int64_t best = fixture_best_epoch(&fixture, "whole"), n_done = STEPS * best + 1;
    char path[160];

    (void)state;
    assert_int_equal(execute(&settings, "moved-a1", NULL, n_done), STATUS_CANCELLED);
    snprintf(path, sizeof path, "%s/moved-a1/ckpt/best-%lld.h5", fixture.folder, (long long)best);
    assert_true(file_exists(path));
    assert_int_equal(execute(&settings, "moved-a2", "moved-a1", 1), STATUS_CANCELLED);
    snprintf(path, sizeof path, "%s/moved-a2/ckpt/best-%lld.h5", fixture.folder, (long long)best);
    assert_true(file_exists(path));
    ok(execute(&settings, "moved-a3", "moved-a2", -1));
    assert_same_choice("whole", "moved-a3");
    snprintf(path, sizeof path, "%s/moved-a2/ckpt", fixture.folder);
    assert_false(folder_exists(path)); /* nothing is left of a run that is done */
}

static void flip_byte(const char *path)
{
    char *bytes = NULL;
    int64_t n = 0;

    ok(file_read(path, &bytes, &n));
    bytes[n / 2] ^= 0x40;
    ok(file_write(path, bytes, (size_t)n));
    free(bytes);
}

static void damaged_best_weights_fall_back(void **state)
{
    struct settings settings = selecting("finetune");
    int64_t best = fixture_best_epoch(&fixture, "whole");
    char path[160];

    (void)state;
    settings.checkpoint.every_seconds = 0; /* before every step */
    assert_int_equal(execute(&settings, "hurt-a1", NULL, STEPS * best + 2), STATUS_CANCELLED);
    snprintf(path, sizeof path, "%s/hurt-a1/ckpt/best-%lld.h5", fixture.folder, (long long)best);
    flip_byte(path);
    if (execute(&settings, "hurt-a2", "hurt-a1", -1) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_same_choice("whole", "hurt-a2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_shows_something),
        cmocka_unit_test(the_best_epoch_is_evaluated_and_saved),
        cmocka_unit_test(training_does_not_notice),
        cmocka_unit_test(training_does_not_notice_on_a_gpu),
        cmocka_unit_test(patience_ends_training),
        cmocka_unit_test(a_run_that_ended_still_answers_at_rungs),
        cmocka_unit_test(without_images_it_is_refused),
        cmocka_unit_test(interruptions_change_nothing),
        cmocka_unit_test(the_best_weights_move_along),
        cmocka_unit_test(damaged_best_weights_fall_back),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
