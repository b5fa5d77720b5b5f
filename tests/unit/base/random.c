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

/* Distribution functions that have a closed form. */
static double beta_cdf(double a, double b, double x)
{
    if (a == 0.5 && b == 0.5)
        return 2 / 3.14159265358979323846 * asin(sqrt(x));
    if (a == 2 && b == 2)
        return x * x * (3 - 2 * x);
    return b == 1 ? pow(x, a) : 1 - pow(1 - x, b);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: the sample of a fixed seed is nowhere further from its distribution than
 * one of a thousand would be. Shapes below, at and above 1, as either of the two. */
static void test_beta(void **state)
{
    enum { N = 20000 };
    static const double shapes[][2] = {{0.2, 1}, {1, 0.2}, {0.5, 0.5}, {1, 1}, {2, 2}, {7.5, 1}};
    static double values[N];
    struct random_key key = place;

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        double worst = 0;
        for (uint32_t n = 0; n < N; n++) {
            key.sample = n;
            values[n] = random_beta(&key, shapes[i][0], shapes[i][1]);
        }
        qsort(values, N, sizeof *values, compare);
        for (int n = 0; n < N; n++) {
            double share = beta_cdf(shapes[i][0], shapes[i][1], values[n]);
            worst = fmax(worst, fmax(fabs(share - (double)n / N), fabs(share - (n + 1.0) / N)));
        }
        if (!(worst < 1.95 / sqrt(N)))
            fail_msg("Beta(%g, %g) is %g away", shapes[i][0], shapes[i][1], worst);
    }
}

/* MixUp's: mean 1/2, variance 1 / (4 · (2a + 1)); of tiny shapes nearly every value is 0 or 1. */
static void test_symmetric_beta(void **state)
{
    enum { N = 20000 };
    static const double shapes[] = {1e-3, 0.2, 30};
    struct random_key key = place;

    (void)state;
    for (int i = 0; i < 3; i++) {
        double sum = 0, squares = 0, variance = 1 / (4 * (2 * shapes[i] + 1));
        for (uint32_t n = 0; n < N; n++) {
            key.sample = n;
            double value = random_beta(&key, shapes[i], shapes[i]);
            assert_true(value >= 0 && value <= 1);
            sum += value - 0.5;
            squares += (value - 0.5) * (value - 0.5);
        }
        assert_true(fabs(sum / N) < 5 * sqrt(variance / N));
        assert_true(fabs(squares / N - variance) < 5 * variance * sqrt(2.0 / N));
    }
    assert_true(random_beta(&key, 0.2, 0.2) == random_beta(&key, 0.2, 0.2));
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
        cmocka_unit_test(test_beta),          cmocka_unit_test(test_symmetric_beta),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
