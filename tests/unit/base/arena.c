/* Arenas and the checked heap: alignment, zeroes, overflow. */
#include "base/arena.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    return arena_create((struct arena **)state) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    arena_destroy(*state);
    arena_destroy(NULL);
    return 0;
}

/* Small, block-sized and large requests mixed: each zeroed, aligned and its own. */
static void test_requests(void **state)
{
    static const int64_t sizes[] = {1, 0, 63, 64, 65, 16384, 16385, 65536, 65537, 1000000, 7};
    enum { N = sizeof sizes / sizeof *sizes };
    unsigned char *memory[N];

    for (int i = 0; i < N; i++) {
        memory[i] = arena_alloc(*state, sizes[i], 1);
        assert_non_null(memory[i]);
        assert_int_equal((uintptr_t)memory[i] % 64, 0);
        for (int64_t j = 0; j < sizes[i]; j++)
            assert_int_equal(memory[i][j], 0);
        memset(memory[i], i + 1, (size_t)sizes[i]);
    }
    for (int i = 0; i < N; i++)
        for (int64_t j = 0; j < sizes[i]; j++)
            assert_int_equal(memory[i][j], i + 1);
    arena_reset(*state);
    unsigned char *fresh = arena_alloc(*state, 100, 1);
    assert_non_null(fresh);
    assert_int_equal(fresh[99], 0);
}

static void test_overflow(void **state)
{
    assert_null(arena_alloc(*state, INT64_MAX / 4, 16));
    assert_string_equal(status_message(), "cannot allocate 2305843009213693951 × 16 bytes");
    assert_null(arena_alloc(*state, -1, 1));
    assert_string_equal(status_message(), "cannot allocate -1 × 1 bytes");
    assert_non_null(arena_alloc(*state, 8, 8)); /* still usable */
}

static void test_text(void **state)
{
    char word[] = "layer1.0.conv1";
    char *copy = arena_strdup(*state, word);

    word[0] = 'X';
    assert_string_equal(copy, "layer1.0.conv1");
    assert_string_equal(arena_format(*state, "%s.%d", copy, 3), "layer1.0.conv1.3");
    assert_string_equal(arena_format(*state, "%s", ""), "");
}

static void test_heap(void **state)
{
    int64_t *items = NULL, capacity = 0;

    (void)state;
    assert_null(heap_alloc(INT64_MAX, 8));
    assert_string_equal(status_message(), "out of memory allocating 9223372036854775807 × 8 bytes");
    assert_null(heap_alloc(-5, 8));
    void *nothing = heap_alloc(0, 8);
    assert_non_null(nothing);
    free(nothing);
    for (int64_t i = 0; i < 1000; i++) {
        ok(heap_grow(&items, &capacity, i + 1, sizeof *items));
        assert_true(capacity > i);
        assert_int_equal(items[capacity - 1], 0);
        items[i] = i;
    }
    int64_t before = capacity;
    assert_int_equal(heap_grow(&items, &capacity, INT64_MAX / 2, sizeof *items),
                     STATUS_OUT_OF_MEMORY);
    assert_int_equal(capacity, before);
    for (int64_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], i);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
        cmocka_unit_test(test_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
