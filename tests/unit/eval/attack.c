/* Whom each attack is fitted on, and what it says of D_f, on made-up predictions. */
#include "world.h"

#include "support/cmocka.h"
#include "support/random_stream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct attack_list none_matters = {.n = 1};

static struct eval_inputs inputs_of(const struct world *world, uint64_t seed)
{
    return (struct eval_inputs){&world->train, &world->test, world->split, seed, &none_matters};
}

static double run(enum attack_kind kind, const struct world *world, uint64_t seed)
{
    const struct eval_inputs inputs = inputs_of(world, seed);
    struct attack_result result;

    if (attack_run(kind, &inputs, &result) != STATUS_OK)
        fail_msg("%s: %s", attack_names[kind], status_message());
    bool has_fit = kind == ATTACK_LOSS_LR || kind == ATTACK_ENTROPY_LR;
    assert_true(isfinite(result.fit.w) == (has_fit && isfinite(result.value)));
    return result.value;
}

static void expect(enum attack_kind kind, const struct world *world, double wanted)
{
    double found = run(kind, world, 0);

    if (isnan(wanted) ? !isnan(found) : found != wanted)
        fail_msg("%s is %.17g, want %.17g", attack_names[kind], found, wanted);
}

/* A quarter of D_f looks like test images: every attack on confidence finds those. */
static void test_shares(void **state)
{
    (void)state;
    struct world world;

    world_init(&world, 800, 400, FORGET);
    for (int i = 0; i < 50; i++)
        predict(&world.train, 4 * i + FORGET, 0.6);
    expect(ATTACK_LOSS_LR, &world, 0.25);
    expect(ATTACK_CONFIDENCE_SVC, &world, 0.25);
    expect(ATTACK_ENTROPY_SVC, &world, 0.25);
    expect(ATTACK_M_ENTROPY_SVC, &world, 0.25);
    expect(ATTACK_ENTROPY_LR, &world, 0.25);
    expect(ATTACK_CORRECTNESS_SVC, &world, 0); /* all are right: nothing to go by, tied */
    for (int i = 0; i < 200; i++)
        predict(&world.test, i, 0.1);
    for (int i = 0; i < 20; i++)
        predict(&world.train, 4 * i + FORGET, 0.1);
    expect(ATTACK_CORRECTNESS_SVC, &world, 0.1); /* wrong is what only non-members are */
    world_release(&world);
}

/* D_f and the other test images do not matter, and 0.5 says that nothing tells D_f apart. */
static void test_class_attack(void **state)
{
    (void)state;
    struct world world;

    world_init(&world, 400, 200, FORGET);
    expect(ATTACK_CLASS_MIA, &world, 1);
    for (int i = 0; i < 200; i++)
        if (i % N_CLASSES != FORGET)
            predict(&world.test, i, 0.99);
    expect(ATTACK_CLASS_MIA, &world, 1);
    for (int i = 0; i < 200; i++)
        predict(&world.test, i, 0.99);
    expect(ATTACK_CLASS_MIA, &world, 0.5);
    world_release(&world);
}

/* Images of two classes are forgotten and no test image is set apart: those of the two classes are
 * what D_f is compared with. */
static void test_class_attack_on_a_subset(void **state)
{
    (void)state;
    struct world world;
    int32_t forget[20], retain[380], test[200];
    int64_t n_forget = 0, n_retain = 0;

    world_init(&world, 400, 200, FORGET);
    for (int i = 0; i < 400; i++) {
        if (i < 40 && i % N_CLASSES < 2)
            forget[n_forget++] = i;
        else
            retain[n_retain++] = i;
    }
    for (int i = 0; i < 200; i++)
        test[i] = i;
    struct split split = {.forget_class = -1,
                          .forget = forget,
                          .retain = retain,
                          .test_retain = test,
                          .n_forget = n_forget,
                          .n_retain = n_retain,
                          .n_test_retain = 200};
    struct split *own = world.split;
    world.split = &split;
    expect(ATTACK_CLASS_MIA, &world, 1);
    for (int i = 0; i < 200; i++)
        if (i % N_CLASSES >= 2)
            world.test.loss[i] = NAN; /* not looked at */
    expect(ATTACK_CLASS_MIA, &world, 1);
    for (int i = 0; i < 200; i++)
        predict(&world.test, i, i % N_CLASSES == 1 ? 0.99 : 0.6);
    /* half of the test images are members by their looks */
    expect(ATTACK_CLASS_MIA, &world, 0.75);
    world.split = own;
    world_release(&world);
}

static void test_draws(void **state)
{
    (void)state;
    static const enum attack_kind drawn[] = {ATTACK_CONFIDENCE_SVC, ATTACK_ENTROPY_SVC,
                                             ATTACK_CLASS_MIA};
    struct world world;
    struct random_stream stream = random_stream_at(3, 0);

    world_init(&world, 800, 80, FORGET); /* D_r 600, D_t 60 */
    for (int i = 0; i < 800; i++)
        predict(&world.train, i, exp(-fabs(stream_normal(&stream))));
    for (int i = 0; i < 80; i++)
        predict(&world.test, i, exp(-1.2 * fabs(stream_normal(&stream))));
    for (size_t k = 0; k < sizeof drawn / sizeof *drawn; k++) {
        bool has_changed = false;
        assert_true(run(drawn[k], &world, 0) == run(drawn[k], &world, 0));
        for (uint64_t seed = 1; seed < 5; seed++)
            has_changed = has_changed || run(drawn[k], &world, seed) != run(drawn[k], &world, 0);
        assert_true(has_changed);
    }
    assert_true(run(ATTACK_ENTROPY_LR, &world, 0) == run(ATTACK_ENTROPY_LR, &world, 1));
    world_release(&world);
}

static void test_too_few(void **state)
{
    (void)state;
    struct world world;

    world_init(&world, 40, 20, -1);
    for (int kind = 0; kind < N_ATTACKS; kind++)
        expect((enum attack_kind)kind, &world, NAN);
    world_release(&world);
    world_init(&world, 40, 4, FORGET); /* one test image of the class */
    expect(ATTACK_CLASS_MIA, &world, NAN);
    expect(ATTACK_CONFIDENCE_SVC, &world, 0);
    world_release(&world);
}

static void test_diverged(void **state)
{
    (void)state;
    struct world world;
    const float nan[N_CLASSES] = {NAN, NAN, NAN, NAN};
    struct attack_result result = {.value = 7};

    world_init(&world, 40, 20, FORGET);
    world.train.loss[FORGET] = NAN;
    for (int kind = 0; kind < N_ATTACKS; kind++) {
        const struct eval_inputs inputs = inputs_of(&world, 0);
        char wanted[160];
        snprintf(wanted, sizeof wanted,
                 "%s: the membership attack cannot use training image 2: its loss is nan",
                 attack_names[kind]);
        assert_int_equal(attack_run((enum attack_kind)kind, &inputs, &result), STATUS_DIVERGED);
        assert_string_equal(status_message(), wanted);
    }
    predict(&world.train, FORGET, 0.5);
    memcpy(world.test.probability + 3 * N_CLASSES, nan, sizeof nan);
    const struct eval_inputs inputs = inputs_of(&world, 0);
    assert_int_equal(attack_run(ATTACK_ENTROPY_LR, &inputs, &result), STATUS_DIVERGED);
    assert_string_equal(status_message(), "entropy_lr: the membership attack cannot use test image "
                                          "3: its entropy is nan");
    assert_true(result.value == 7);
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_class_attack),
        cmocka_unit_test(test_class_attack_on_a_subset),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_too_few),
        cmocka_unit_test(test_diverged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
