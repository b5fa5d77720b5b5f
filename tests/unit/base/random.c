/* Philox against the published vectors, and what is built on it. */
#include "base/random.h"

#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>

/* Random123's kat_vectors, philox4x32-10: counter, key, result. */
static const struct vector {
    uint32_t counter[4], key[2], wanted[4];
} vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void test_philox(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const uint32_t *counter = vectors[i].counter;
        struct philox_block block =
            philox4x32((struct philox_block){{counter[0], counter[1], counter[2], counter[3]}},
                       vectors[i].key[0], vectors[i].key[1]);
        assert_memory_equal(block.words, vectors[i].wanted, sizeof block.words);
    }
}

static const struct random_key place = {.seed = 0x299f31d0a4093822u,
                                        .purpose = RANDOM_DROPOUT,
                                        .layer = 0x707344,
                                        .epoch = 0x13198a2e,
                                        .sample = 0x85a308d3};

/* The key's place in the counter is part of every run's identity. */
static void test_block(void **state)
{
    struct philox_block wanted =
        philox4x32((struct philox_block){{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
                   0xa4093822, 0x299f31d0);
    struct philox_block found = random_block(&place, 0x243f6a88);

    (void)state;
    assert_memory_equal(&found, &wanted, sizeof found);
    assert_int_equal(found.words[0], 0xd16cfe09);
}

static void test_places_differ(void **state)
{
    struct random_key keys[6];

    (void)state;
    for (int i = 0; i < 6; i++)
        keys[i] = place;
    keys[1].seed ^= 1u;
    keys[2].purpose = RANDOM_SHUFFLE;
    keys[3].layer ^= 1u;
    keys[4].epoch ^= 1u;
    keys[5].sample ^= 1u;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < i; j++)
            assert_int_not_equal(random_block(&keys[i], 0).words[0],
                                 random_block(&keys[j], 0).words[0]);
}

/* Five standard errors of a fixed seed's sample: a wrong formula misses by many more. */
static void check_moments(double (*draw)(const struct random_key *, uint32_t), double mean,
                          double variance)
{
    enum { N = 100000 };
    double sum = 0, squares = 0;

    for (uint32_t i = 0; i < N; i++) {
        double value = draw(&place, i) - mean;
        sum += value;
        squares += value * value;
    }
    assert_true(fabs(sum / N) < 5 * sqrt(variance / N));
    assert_true(fabs(squares / N - variance) < 5 * variance * sqrt(2.0 / N));
}

static void test_distributions(void **state)
{
    (void)state;
    check_moments(random_uniform, 0.5, 1.0 / 12);
    check_moments(random_normal, 0.0, 1.0);
    for (uint32_t i = 0; i < 10000; i++) {
        double value = random_uniform(&place, i);
        assert_true(value >= 0.0 && value < 1.0);
        assert_true(isfinite(random_normal(&place, i)));
    }
}

static void test_below(void **state)
{
    int counts[7] = {0};

    (void)state;
    for (uint32_t i = 0; i < 70000; i++) {
        uint32_t value = random_below(&place, i, 7);
        assert_true(value < 7);
        counts[value]++;
    }
    for (int i = 0; i < 7; i++) /* 10 000 ± five standard deviations */
        assert_true(abs(counts[i] - 10000) < 5 * 93);
    assert_int_equal(random_below(&place, 3, 1), 0);
    assert_true(random_below(&place, 3, UINT32_MAX) < UINT32_MAX);
}

static void test_shuffle(void **state)
{
    enum { N = 1000 };
    int32_t items[N], again[N];
    int n_moved = 0;
    char is_seen[N] = {0};

    (void)state;
    for (int32_t i = 0; i < N; i++)
        items[i] = again[i] = i;
    random_shuffle(&place, items, N);
    random_shuffle(&place, again, N);
    assert_memory_equal(items, again, sizeof items);
    for (int32_t i = 0; i < N; i++) {
        assert_in_range(items[i], 0, N - 1);
        is_seen[items[i]] = 1;
        n_moved += items[i] != i;
    }
    for (int i = 0; i < N; i++)
        assert_true(is_seen[i]);
    assert_true(n_moved > N - 20); /* one stays on average */
    random_shuffle(&place, items, 0);
    random_shuffle(&place, again, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox),        cmocka_unit_test(test_block),
        cmocka_unit_test(test_places_differ), cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_below),         cmocka_unit_test(test_shuffle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
