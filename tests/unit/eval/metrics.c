/* UA, RA, TA, MIA on made-up predictions whose figures are counted by hand. */
#include "world.h"

#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/random_stream.h"

#include <math.h>
#include <string.h>

static enum status compute(const struct world *world, uint64_t seed, struct metrics *metrics)
{
    const struct attack_list attacks = {.n = 1, .items = {ATTACK_LOSS_LR}};
    const struct eval_inputs inputs = {&world->train, &world->test, world->split, seed, &attacks};
    return metrics_compute(&inputs, metrics);
}

static double metrics_value(const struct metrics *metrics, const char *name)
{
    for (int i = 0; i < metrics->n; i++)
        if (strcmp(metrics->items[i].name, name) == 0)
            return metrics->items[i].value;
    return NAN;
}

static void expect_metric(const struct metrics *metrics, const char *name, double wanted)
{
    double found = metrics_value(metrics, name);

    if (isnan(wanted) ? !isnan(found) : found != wanted)
        fail_msg("%s is %.17g, want %.17g", name, found, wanted);
}

static void test_accuracies(void **state)
{
    (void)state;
    struct world world;
    struct metrics metrics;

    world_init(&world, 40, 20, FORGET); /* D_f 10, D_r 30; test 5 and 15 */
    for (int i = 0; i < 7; i++)         /* 7 of D_f wrong, one of them NaN */
        world.train.argmax[4 * i + FORGET] = i == 0 ? -1 : 0;
    world.train.argmax[0] = 3; /* 1 of D_r */
    world.test.argmax[FORGET] = 0;
    world.test.argmax[FORGET + 4] = 0;
    world.test.argmax[1] = 0;
    world.test.argmax[5] = 0;
    world.test.argmax[9] = 0;
    ok(compute(&world, 0, &metrics));
    expect_metric(&metrics, "UA", 7.0 / 10);
    expect_metric(&metrics, "RA", 29.0 / 30);
    expect_metric(&metrics, "TA", 12.0 / 15);
    expect_metric(&metrics, "forget_accuracy_train", 3.0 / 10);
    expect_metric(&metrics, "forget_accuracy_test", 3.0 / 5);
    expect_metric(&metrics, "test_accuracy_all", 15.0 / 20);
    expect_metric(&metrics, "no such metric", NAN);
    assert_string_equal(metrics.items[0].name, "UA");
    double wanted = (12 - 12 * 0.6 + 3 * 0.4 / 3) / 15; /* the wrong ones were 0.4 / 3 sure */
    assert_true(fabs(metrics_value(&metrics, "ECE") - wanted) < 1e-7);
    world_release(&world);
}

/* Members at 0.01, non-members at 0.5: a forgotten image is called by the nearer side. */
static void test_attack(void **state)
{
    (void)state;
    struct world world;
    struct metrics metrics;

    world_init(&world, 4000, 2000, FORGET);
    for (int i = 0; i < 1000; i++)
        world.train.loss[4 * i + FORGET] = i < 250 ? 0.9 : 0.02;
    ok(compute(&world, 0, &metrics));
    expect_metric(&metrics, "MIA", 0.25);
    double w = metrics_value(&metrics, "MIA_loss_lr_w"),
           b = metrics_value(&metrics, "MIA_loss_lr_b");
    assert_true(w * 0.9 + b > 0 && w * 0.02 + b < 0);
    world_release(&world);
}

/* Test images of the forgotten class are no non-members: their losses change nothing. */
static void test_attack_leaves_forgotten_class_out(void **state)
{
    (void)state;
    struct world world;
    struct metrics before, after;

    world_init(&world, 400, 200, FORGET);
    ok(compute(&world, 0, &before));
    for (int i = 0; i < 50; i++)
        world.test.loss[4 * i + FORGET] = NAN;
    ok(compute(&world, 0, &after));
    expect_metric(&after, "MIA_loss_lr_w", metrics_value(&before, "MIA_loss_lr_w"));
    world.test.loss[1] = 5;
    ok(compute(&world, 0, &after));
    assert_true(metrics_value(&after, "MIA_loss_lr_w") != metrics_value(&before, "MIA_loss_lr_w"));
    world_release(&world);
}

static void test_sample_is_drawn_by_seed(void **state)
{
    (void)state;
    struct world world;
    struct metrics first, again, other;
    struct random_stream stream = random_stream_at(3, 0);

    world_init(&world, 14000, 800, FORGET); /* D_r 10 500: more than 9 000 */
    for (int i = 0; i < 14000; i++)
        world.train.loss[i] = exp(stream_normal(&stream));
    ok(compute(&world, 1, &first));
    ok(compute(&world, 1, &again));
    ok(compute(&world, 2, &other));
    expect_metric(&again, "MIA_loss_lr_w", metrics_value(&first, "MIA_loss_lr_w"));
    assert_true(metrics_value(&other, "MIA_loss_lr_w") != metrics_value(&first, "MIA_loss_lr_w"));
    world_release(&world);
    world_init(&world, 400, 200, FORGET); /* all are taken: the seed is moot */
    world.train.loss[0] = 0.5;
    ok(compute(&world, 1, &first));
    ok(compute(&world, 2, &other));
    expect_metric(&other, "MIA_loss_lr_w", metrics_value(&first, "MIA_loss_lr_w"));
    world_release(&world);
}

static void test_nothing_forgotten(void **state)
{
    (void)state;
    struct world world;
    struct metrics metrics;

    world_init(&world, 40, 20, -1);
    world.test.argmax[0] = 3;
    ok(compute(&world, 0, &metrics));
    expect_metric(&metrics, "UA", NAN);
    expect_metric(&metrics, "MIA", NAN);
    expect_metric(&metrics, "RA", 1);
    expect_metric(&metrics, "TA", 19.0 / 20);
    expect_metric(&metrics, "test_accuracy_all", 19.0 / 20);
    world_release(&world);
}

static void test_diverged(void **state)
{
    (void)state;
    struct world world;
    struct metrics metrics = {.n = -1};

    world_init(&world, 40, 20, FORGET);
    world.train.loss[FORGET + 4] = NAN;
    assert_int_equal(compute(&world, 0, &metrics), STATUS_DIVERGED);
    assert_string_equal(status_message(),
                        "loss_lr: the membership attack cannot use training image 6: its loss is "
                        "nan");
    world.test.loss[3] = INFINITY;
    assert_int_equal(compute(&world, 0, &metrics), STATUS_DIVERGED);
    assert_non_null(strstr(status_message(), "test image 3: its loss is inf"));
    assert_int_equal(metrics.n, -1);
    world_release(&world);
    world_init(&world, 40, 20, -1); /* no attack, but ECE */
    world.test.argmax[5] = -1;
    assert_int_equal(compute(&world, 0, &metrics), STATUS_DIVERGED);
    assert_string_equal(status_message(), "the probabilities of test image 5 are nan");
    world_release(&world);
}

/* The first of the list is MIA; each has its own figure and, where it is a regression, its fit. */
static void test_list_of_attacks(void **state)
{
    (void)state;
    struct world world;
    struct metrics metrics;
    const struct attack_list attacks = {
        .n = 3, .items = {ATTACK_CLASS_MIA, ATTACK_LOSS_LR, ATTACK_ENTROPY_LR}};

    world_init(&world, 4000, 2000, FORGET);
    const struct eval_inputs inputs = {&world.train, &world.test, world.split, 0, &attacks};
    ok(metrics_compute(&inputs, &metrics));
    expect_metric(&metrics, "MIA", 1);
    expect_metric(&metrics, "MIA_class_mia", 1);
    expect_metric(&metrics, "MIA_loss_lr", 0);
    expect_metric(&metrics, "MIA_entropy_lr", 0);
    assert_true(metrics_value(&metrics, "MIA_entropy_lr_w") > 0);
    assert_true(metrics_value(&metrics, "MIA_entropy_lr_b") < 0);
    assert_string_equal(metrics.items[metrics.n - 1].name, "MIA_entropy_lr_b");
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracies),
        cmocka_unit_test(test_attack),
        cmocka_unit_test(test_attack_leaves_forgotten_class_out),
        cmocka_unit_test(test_sample_is_drawn_by_seed),
        cmocka_unit_test(test_nothing_forgotten),
        cmocka_unit_test(test_diverged),
        cmocka_unit_test(test_list_of_attacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
