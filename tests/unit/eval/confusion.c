/* The confusion matrix of made-up images, counted by hand. */
#include "eval/eval.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <string.h>

static void test_counts(void **state)
{
    (void)state;
    int32_t labels[] = {0, 0, 0, 1, 1, 0, 1}, argmax[] = {0, 2, 0, 1, -1, 0, 0};
    int32_t first[] = {0, 1, 3}, second[] = {2, 4, 6}; /* 5 is in neither */
    const int64_t wanted[9] = {2, 0, 1, 1, 1, 0, 0, 0, 0};
    const struct predictions predictions = {
        .n = 7, .n_classes = 3, .argmax = argmax, .labels = labels};
    const struct image_list lists[2] = {{first, 3}, {second, 3}}, none[2] = {{NULL, 0}, {NULL, 0}};
    struct confusion_matrix matrix;
    struct arena *arena = NULL;

    ok(arena_create(&arena));
    ok(confusion_matrix_create(&predictions, lists, arena, &matrix));
    assert_int_equal(matrix.n_classes, 3);
    assert_memory_equal(matrix.counts, wanted, sizeof wanted);
    assert_true(matrix.accuracy[0] == 2.0 / 3);
    assert_true(matrix.accuracy[1] == 1.0 / 3); /* one without a choice */
    assert_true(isnan(matrix.accuracy[2]));
    ok(confusion_matrix_create(&predictions, none, arena, &matrix));
    assert_true(matrix.counts[0] == 0 && isnan(matrix.accuracy[0]));
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
