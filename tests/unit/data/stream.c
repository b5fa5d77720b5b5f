/* Orders of a stream: permutations, and functions of their place alone. */
#include "data/stream.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <string.h>

enum { N = 1000 };

static void fill(int32_t *images)
{
    for (int i = 0; i < N; i++)
        images[i] = 3 * i + 1;
}

static struct stream stream_of(const int32_t *images, uint64_t seed, uint32_t layer)
{
    const struct random_key key = {.seed = seed, .purpose = RANDOM_SHUFFLE, .layer = layer};
    struct stream stream;

    ok(stream_create(images, N, &key, &stream));
    return stream;
}

static void test_an_order_is_a_permutation(void **state)
{
    int32_t images[N];
    int n_seen[3 * N + 1] = {0}, n_fixed = 0;

    (void)state;
    fill(images);
    struct stream stream = stream_of(images, 7, 0);
    stream_shuffle(&stream, 2);
    for (int i = 0; i < N; i++) {
        n_seen[stream.order[i]]++;
        n_fixed += stream.order[i] == images[i];
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(n_seen[images[i]], 1);
    assert_in_range(n_fixed, 0, 10); /* 1 expected */
    assert_int_equal(images[1], 4);  /* read only */
    stream_release(&stream);
}

static void test_it_depends_on_its_place_alone(void **state)
{
    static const struct {
        uint64_t seed;
        uint32_t layer, epoch;
    } others[] = {{7, 0, 3}, {8, 0, 2}, {7, 1, 2}};
    int32_t images[N];

    (void)state;
    fill(images);
    struct stream stream = stream_of(images, 7, 0), again = stream_of(images, 7, 0);
    stream_shuffle(&stream, 2);
    stream_shuffle(&again, 5);
    stream_shuffle(&again, 2);
    assert_memory_equal(stream.order, again.order, sizeof images);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct stream other = stream_of(images, others[i].seed, others[i].layer);
        stream_shuffle(&other, others[i].epoch);
        assert_memory_not_equal(stream.order, other.order, sizeof images);
        stream_release(&other);
    }
    stream_release(&again);
    stream_release(&stream);
}

/* One order after another, each whole, from the first image of epoch 0 on. */
static void test_taking_has_no_end(void **state)
{
    int32_t images[N];

    (void)state;
    fill(images);
    struct stream taken = stream_of(images, 7, 0), order = stream_of(images, 7, 0);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        stream_shuffle(&order, epoch);
        for (int i = 0; i < N; i++)
            assert_int_equal(stream_take(&taken), order.order[i]);
    }
    stream_release(&order);
    stream_release(&taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_order_is_a_permutation),
        cmocka_unit_test(test_it_depends_on_its_place_alone),
        cmocka_unit_test(test_taking_has_no_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
