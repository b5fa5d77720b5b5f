/* UA, RA, TA, MIA on made-up predictions whose figures are counted by hand. */
#include "eval/eval.h"

#include "support/cmocka.h"
#include "support/random_stream.h"

#include <math.h>
#include <string.h>

enum { N_CLASSES = 4, FORGET = 2 };

struct world {
    struct arena *arena;
    struct dataset dataset;
    struct split *split;
    struct predictions train, test;
};

/* Labels i % 4; every prediction right with loss 0.01 in training and 1 in test. */
static void world_init(struct world *world, int64_t n_train, int64_t n_test, int forget_class)
{
    struct image_table *tables[] = {&world->dataset.train, &world->dataset.test};
    struct predictions *predictions[] = {&world->train, &world->test};
    const int64_t counts[] = {n_train, n_test};

    *world = (struct world){.dataset = {.n_classes = N_CLASSES}};
    assert_int_equal(arena_create(&world->arena), STATUS_OK);
    for (int t = 0; t < 2; t++) {
        tables[t]->n = counts[t];
        assert_int_equal(predictions_create(world->arena, counts[t], N_CLASSES, predictions[t]),
                         STATUS_OK);
        tables[t]->labels = predictions[t]->labels;
        for (int64_t i = 0; i < counts[t]; i++) {
            predictions[t]->labels[i] = predictions[t]->argmax[i] = (int32_t)(i % N_CLASSES);
            predictions[t]->loss[i] = t == 0 ? 0.01 : 1;
        }
    }
    assert_int_equal(split_by_class(&world->dataset, forget_class, &world->split), STATUS_OK);
}

static void world_release(struct world *world)
{
    split_destroy(world->split);
    arena_destroy(world->arena);
}

static enum status compute(const struct world *world, uint64_t seed, struct metrics *metrics)
{
    const struct eval_inputs inputs = {&world->train, &world->test, world->split, seed};
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
    assert_int_equal(compute(&world, 0, &metrics), STATUS_OK);
    expect_metric(&metrics, "UA", 7.0 / 10);
    expect_metric(&metrics, "RA", 29.0 / 30);
    expect_metric(&metrics, "TA", 12.0 / 15);
    expect_metric(&metrics, "forget_accuracy_train", 3.0 / 10);
    expect_metric(&metrics, "forget_accuracy_test", 3.0 / 5);
    expect_metric(&metrics, "test_accuracy_all", 15.0 / 20);
    expect_metric(&metrics, "no such metric", NAN);
    assert_string_equal(metrics.items[0].name, "UA");
    world_release(&world);
}

/* Members at 0.01, non-members at 1: a forgotten image is called by the nearer side. */
static void test_attack(void **state)
{
    (void)state;
    struct world world;
    struct metrics metrics;

    world_init(&world, 4000, 2000, FORGET);
    for (int i = 0; i < 1000; i++)
        world.train.loss[4 * i + FORGET] = i < 250 ? 0.9 : 0.02;
    assert_int_equal(compute(&world, 0, &metrics), STATUS_OK);
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
    assert_int_equal(compute(&world, 0, &before), STATUS_OK);
    for (int i = 0; i < 50; i++)
        world.test.loss[4 * i + FORGET] = NAN;
    assert_int_equal(compute(&world, 0, &after), STATUS_OK);
    expect_metric(&after, "MIA_loss_lr_w", metrics_value(&before, "MIA_loss_lr_w"));
    world.test.loss[1] = 5;
    assert_int_equal(compute(&world, 0, &after), STATUS_OK);
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
    assert_int_equal(compute(&world, 1, &first), STATUS_OK);
    assert_int_equal(compute(&world, 1, &again), STATUS_OK);
    assert_int_equal(compute(&world, 2, &other), STATUS_OK);
    expect_metric(&again, "MIA_loss_lr_w", metrics_value(&first, "MIA_loss_lr_w"));
    assert_true(metrics_value(&other, "MIA_loss_lr_w") != metrics_value(&first, "MIA_loss_lr_w"));
    world_release(&world);
    world_init(&world, 400, 200, FORGET); /* all are taken: the seed is moot */
    world.train.loss[0] = 0.5;
    assert_int_equal(compute(&world, 1, &first), STATUS_OK);
    assert_int_equal(compute(&world, 2, &other), STATUS_OK);
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
    assert_int_equal(compute(&world, 0, &metrics), STATUS_OK);
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
    struct metrics metrics;

    world_init(&world, 40, 20, FORGET);
    world.train.loss[FORGET] = NAN;
    assert_int_equal(compute(&world, 0, &metrics), STATUS_DIVERGED);
    assert_non_null(strstr(status_message(), "the loss of a forgotten image is nan"));
    world.train.loss[0] = INFINITY;
    assert_int_equal(compute(&world, 0, &metrics), STATUS_DIVERGED);
    assert_non_null(strstr(status_message(), "inf among the members"));
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
