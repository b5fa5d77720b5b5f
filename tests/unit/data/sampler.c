/* Augmentations: in range, and functions of their place alone. */
#include "data/dataset.h"

#include "support/cmocka.h"

#include <string.h>

/* 20 000 draws of 9 × 9 × 2 outcomes, 123 expected each: five standard deviations are 55. */
static void test_augment_is_uniform(void **state)
{
    (void)state;
    int counts[9][9][2] = {{{0}}};

    for (int32_t image = 0; image < 20000; image++) {
        int32_t offsets[3];
        sampler_augment(1, 5, image, 4, offsets);
        assert_in_range(offsets[0] + 4, 0, 8);
        assert_in_range(offsets[1] + 4, 0, 8);
        assert_in_range(offsets[2], 0, 1);
        counts[offsets[0] + 4][offsets[1] + 4][offsets[2]]++;
    }
    for (int y = 0; y < 9; y++)
        for (int x = 0; x < 9; x++)
            for (int flip = 0; flip < 2; flip++)
                assert_in_range(counts[y][x][flip], 68, 178);
}

static void test_augment_depends_on_place_alone(void **state)
{
    (void)state;
    int32_t a[3], b[3];
    int n_same[3] = {0};

    for (int32_t image = 0; image < 100; image++) {
        sampler_augment(1, 5, image, 4, a);
        sampler_augment(1, 5, image, 4, b);
        assert_memory_equal(a, b, sizeof a);
        sampler_augment(2, 5, image, 4, b);
        n_same[0] += memcmp(a, b, sizeof a) == 0;
        sampler_augment(1, 6, image, 4, b);
        n_same[1] += memcmp(a, b, sizeof a) == 0;
        sampler_augment(1, 5, image + 1, 4, b);
        n_same[2] += memcmp(a, b, sizeof a) == 0;
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(n_same[i], 0, 10); /* 100 / 162 expected */
    sampler_augment(1, 5, 0, 0, a);
    assert_int_equal(a[0], 0);
    assert_int_equal(a[1], 0);
}

/* 20 000 draws of 6 × 10 pixels, 333 expected each: five standard deviations are 90. */
static void test_holes_are_uniform(void **state)
{
    const struct image_size size = {.height = 6, .width = 10};
    int counts[6][10] = {{0}};

    (void)state;
    for (int32_t image = 0; image < 20000; image++) {
        int32_t centre[2], again[2];
        sampler_cutout(1, 5, image, size, centre);
        sampler_cutout(1, 5, image, size, again);
        assert_memory_equal(centre, again, sizeof centre);
        assert_in_range(centre[0], 0, 5);
        assert_in_range(centre[1], 0, 9);
        counts[centre[0]][centre[1]]++;
    }
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 10; x++)
            assert_in_range(counts[y][x], 243, 423);
}

static void test_shares_depend_on_place_alone(void **state)
{
    (void)state;
    for (uint32_t step = 0; step < 100; step++) {
        double share = sampler_mixup(1, 5, step, 0.2);
        assert_true(share >= 0 && share <= 1);
        assert_true(share == sampler_mixup(1, 5, step, 0.2));
        assert_true(share != sampler_mixup(2, 5, step, 0.2));
        assert_true(share != sampler_mixup(1, 6, step, 0.2));
        assert_true(share != sampler_mixup(1, 5, step + 1, 0.2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_augment_is_uniform),
        cmocka_unit_test(test_augment_depends_on_place_alone),
        cmocka_unit_test(test_holes_are_uniform),
        cmocka_unit_test(test_shares_depend_on_place_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
