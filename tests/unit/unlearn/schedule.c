/* Step counts and learning rates by hand, and recipes that suit no data. */
#include "unlearn/schedule.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <string.h>

static struct recipe recipe_of(int64_t epochs, int64_t batch_size)
{
    return (struct recipe){.epochs = epochs,
                           .batch_size = batch_size,
                           .lr = 1e-3,
                           .gamma = 0.1,
                           .pct_start = 0.3,
                           .div_factor = 25,
                           .final_div_factor = 1e4};
}

/* The published vision transformer's: round(50 000 · 90 / 128) steps, of which 10 000 warm up. */
static void test_published_vit(void **state)
{
    struct recipe recipe = recipe_of(90, 128);
    const double pi = 3.14159265358979323846;

    (void)state;
    recipe.drop_last = true;
    recipe.schedule = SCHEDULE_COSINE;
    recipe.schedule_unit = SCHEDULE_PER_STEP;
    recipe.warmup = 10000;
    struct schedule schedule = recipe_schedule(&recipe, 50000);
    assert_int_equal(schedule.per_epoch, 390);
    assert_int_equal(schedule.n_steps, 35156);
    assert_true(recipe_lr(&recipe, &schedule, 0) == 0);
    assert_true(recipe_lr(&recipe, &schedule, 1) == 1e-3 / 10000);
    assert_true(recipe_lr(&recipe, &schedule, 9999) == 1e-3 * 9999 / 10000);
    assert_true(recipe_lr(&recipe, &schedule, 10000) == 1e-3);
    double third = recipe_lr(&recipe, &schedule, 10003);
    assert_true(fabs(third - 0.5e-3 * (1 + cos(pi * 3 / 25156))) < 1e-18);
    double last = recipe_lr(&recipe, &schedule, 390 * 90 - 1); /* 56 fewer than scheduled */
    assert_true(fabs(last - 0.5e-3 * (1 + cos(pi * 25099 / 25156))) < 1e-18);
}

static void test_step_counts(void **state)
{
    struct recipe recipe = recipe_of(10, 128);

    (void)state;
    assert_int_equal(recipe_schedule(&recipe, 130).per_epoch, 2);
    assert_int_equal(recipe_schedule(&recipe, 130).n_steps, 20);
    assert_int_equal(recipe_schedule(&recipe, 256).n_steps, 20);
    recipe.drop_last = true;
    assert_int_equal(recipe_schedule(&recipe, 130).per_epoch, 1);
    assert_int_equal(recipe_schedule(&recipe, 130).n_steps, 10); /* of 10.16 */
    assert_int_equal(recipe_schedule(&recipe, 256).n_steps, 20);
    assert_int_equal(recipe_schedule(&recipe, 100).per_epoch, 0);
}

/* What a schedule by epochs says must not depend on how many steps an epoch has. */
static void test_by_epoch(void **state)
{
    struct recipe recipe = recipe_of(4, 10);

    (void)state;
    recipe.lr = 0.1;
    recipe.schedule = SCHEDULE_COSINE;
    for (int64_t n = 10; n < 100; n += 17) {
        struct schedule schedule = recipe_schedule(&recipe, n);
        for (int64_t step = 0; step < schedule.n_steps; step++) {
            double share = (double)(step / schedule.per_epoch) / 4;
            double wanted = 0.5 * 0.1 * (1.0 + cos(3.14159265358979323846 * share));
            assert_true(recipe_lr(&recipe, &schedule, step) == wanted);
        }
    }
    recipe.schedule = SCHEDULE_STEP;
    recipe.milestones[0] = 2;
    recipe.milestones[1] = 3;
    recipe.n_milestones = 2;
    struct schedule schedule = recipe_schedule(&recipe, 20);
    const double wanted[] = {0.1, 0.1, 0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1, 0.1 * 0.1 * 0.1};
    for (int64_t step = 0; step < 7; step++)
        assert_true(recipe_lr(&recipe, &schedule, step) == wanted[step]);
}

/* Beside a warm-up: what is left of training is the schedule's. */
static void test_warmup_of_every_schedule(void **state)
{
    struct recipe recipe = recipe_of(5, 10);
    struct schedule schedule = recipe_schedule(&recipe, 40); /* 20 steps */

    (void)state;
    recipe.warmup = 6;
    for (int kind = SCHEDULE_CONSTANT; kind <= SCHEDULE_ONE_CYCLE; kind++)
        for (int unit = SCHEDULE_PER_EPOCH; unit <= SCHEDULE_PER_STEP; unit++) {
            recipe.schedule = (enum schedule_kind)kind;
            recipe.schedule_unit = (enum schedule_unit)unit;
            for (int64_t step = 0; step < 6; step++)
                assert_true(recipe_lr(&recipe, &schedule, step) == 1e-3 * (double)step / 6);
            double first = kind == SCHEDULE_ONE_CYCLE ? 1e-3 / 25 : 1e-3;
            assert_true(fabs(recipe_lr(&recipe, &schedule, 6) - first) < 1e-18);
            for (int64_t step = 6; step < 20; step++) {
                double lr = recipe_lr(&recipe, &schedule, step);
                assert_true(lr > 0 && lr <= 1e-3);
            }
        }
    recipe.schedule = SCHEDULE_COSINE; /* by step: seven of fourteen remaining are done */
    assert_true(fabs(recipe_lr(&recipe, &schedule, 13) - 0.5e-3) < 1e-18);
}

/* A cycle of one step, and of a rise too short for one. */
static void test_short_cycles(void **state)
{
    struct recipe recipe = recipe_of(1, 10);

    (void)state;
    recipe.schedule = SCHEDULE_ONE_CYCLE;
    recipe.schedule_unit = SCHEDULE_PER_STEP;
    for (int64_t n = 10; n <= 40; n += 10) {
        struct schedule schedule = recipe_schedule(&recipe, n);
        for (int64_t step = 0; step < schedule.n_steps; step++)
            assert_true(isfinite(recipe_lr(&recipe, &schedule, step)));
    }
    recipe.pct_start = 0.25; /* the rise ends at step 0 */
    struct schedule schedule = recipe_schedule(&recipe, 40);
    assert_true(recipe_lr(&recipe, &schedule, 0) == 1e-3);
    assert_true(fabs(recipe_lr(&recipe, &schedule, 3) - 1e-3 / 25 / 1e4) < 1e-18);
}

static void check(const struct recipe_use *use, const char *setting, const char *message)
{
    const char *found = NULL;

    assert_int_equal(recipe_check(use, &found), STATUS_BAD_CONFIG);
    assert_string_equal(found, setting);
    assert_string_equal(status_message(), message);
}

static void test_refused(void **state)
{
    struct recipe recipe = recipe_of(2, 32);
    struct recipe_use use = {
        .recipe = &recipe, .section = "base.train", .n_streams = 1, .n_images = {100}};
    const char *setting = NULL;

    (void)state;
    recipe.warmup = 8;
    check(&use, "warmup",
          "warm-up is not shorter than training: 'base.train.warmup' is 8 steps, and 2 epochs of "
          "100 images in batches of 32 are 8 steps; set base.train.warmup to less, or "
          "base.train.epochs to more");
    recipe.warmup = 7;
    ok(recipe_check(&use, &setting));
    recipe.drop_last = true; /* 6 steps are left */
    assert_int_equal(recipe_check(&use, &setting), STATUS_BAD_CONFIG);
    recipe.warmup = 0;
    use.n_images[0] = 31;
    check(&use, "batch_size",
          "31 images do not fill a batch of 32, and 'base.train.drop_last' leaves out smaller "
          "ones; set base.train.batch_size to less, or base.train.drop_last to false");
    recipe.warmup = 1000;
    recipe.epochs = 0; /* trains nothing, so nothing is too long */
    ok(recipe_check(&use, &setting));
    recipe.epochs = 2;
    use.n_streams = 0; /* not known how many images there are */
    ok(recipe_check(&use, &setting));
}

static void test_refused_settings(void **state)
{
    struct recipe recipe = recipe_of(2, 32);
    struct recipe_use use = {.recipe = &recipe, .section = "train", .height = 24, .width = 32};
    const char *setting = NULL;

    (void)state;
    recipe.nesterov = true;
    check(&use, "nesterov", "'train.nesterov' needs 'train.momentum' above 0");
    recipe.optimizer = OPTIMIZER_ADAM; /* has no momentum to look at */
    ok(recipe_check(&use, &setting));
    recipe.optimizer = OPTIMIZER_SGD;
    recipe.momentum = 0.9;
    recipe.cutout = 25;
    check(&use, "cutout", "'train.cutout' is 25 pixels, and images are 24 × 32");
    recipe.cutout = 24;
    ok(recipe_check(&use, &setting));
    recipe.cutout = 1000;
    use.height = use.width = 0; /* not known */
    ok(recipe_check(&use, &setting));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vit),    cmocka_unit_test(test_step_counts),
        cmocka_unit_test(test_by_epoch),         cmocka_unit_test(test_warmup_of_every_schedule),
        cmocka_unit_test(test_short_cycles),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
