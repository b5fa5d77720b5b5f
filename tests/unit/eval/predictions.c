/* Losses, margins and choices from logits, against numbers worked out by hand. */
#include "eval/eval.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <string.h>

enum { K = 3 };

static int create(void **state)
{
    struct arena *arena = NULL;

    ok(arena_create(&arena));
    *state = arena;
    return 0;
}

static int destroy(void **state)
{
    arena_destroy(*state);
    return 0;
}

static void expect_row(struct arena *arena, const double logits[K], int32_t label,
                       const double wanted[3])
{
    struct predictions predictions;

    ok(predictions_create(arena, 1, K, &predictions));
    predictions_set(&predictions, 0, 1, logits, &label);
    assert_int_equal(predictions.labels[0], label);
    if (isnan(wanted[0]))
        assert_true(isnan(predictions.loss[0]) && isnan(predictions.margin[0]));
    else
        assert_true(fabs(predictions.loss[0] - wanted[0]) <= 1e-15 * (1 + wanted[0]));
    if (!isnan(wanted[1]))
        assert_true(predictions.margin[0] == wanted[1]);
    assert_int_equal(predictions.argmax[0], (int)wanted[2]);
}

static void test_rows(void **state)
{
    /* softmax of (log 1, log 2, log 5) is (1, 2, 5) / 8 */
    expect_row(*state, (double[]){0, log(2), log(5)}, 1, (double[]){log(4), log(2) - log(5), 2});
    expect_row(*state, (double[]){0, log(2), log(5)}, 2, (double[]){log(1.6), log(5) - log(2), 2});
    /* ties: the first */
    expect_row(*state, (double[]){1, 7, 7}, 2, (double[]){log(2 + exp(-6)), 0, 1});
    /* no overflow, no underflow */
    expect_row(*state, (double[]){-1e6, 1e6, 0}, 0, (double[]){2e6, -2e6, 1});
    expect_row(*state, (double[]){800, -800, 0}, 0, (double[]){0, 800, 0});
    expect_row(*state, (double[]){0, NAN, 3}, 2, (double[]){NAN, NAN, -1});
}

static void test_probabilities(void **state)
{
    const double logits[] = {0, log(2), log(5), -1e6, 1e6, 0, 0, NAN, 3};
    const int32_t labels[] = {1, 0, 2};
    const float wanted[] = {0.125F, 0.25F, 0.625F, 0, 1, 0};
    struct predictions predictions;

    ok(predictions_create(*state, 3, K, &predictions));
    assert_int_equal(predictions.n_classes, K);
    predictions_set(&predictions, 0, 3, logits, labels);
    for (int i = 0; i < 2 * K; i++)
        assert_true(fabsf(predictions.probability[i] - wanted[i]) <= 1e-7F);
    for (int k = 0; k < K; k++)
        assert_true(isnan(predictions.probability[2 * K + k]));
}

static void test_batches_fill_their_rows(void **state)
{
    struct predictions predictions;
    const double logits[] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0};
    const int32_t labels[] = {0, 1, 1, 0};

    ok(predictions_create(*state, 4, K, &predictions));
    predictions_set(&predictions, 2, 2, logits + 6, labels + 2);
    predictions_set(&predictions, 0, 2, logits, labels);
    assert_memory_equal(predictions.labels, labels, sizeof labels);
    const int32_t wanted[] = {0, 1, 2, 1};
    assert_memory_equal(predictions.argmax, wanted, sizeof wanted);
    assert_true(predictions.loss[3] == predictions.loss[2]);
    assert_true(predictions.loss[0] < predictions.loss[3]);
    assert_true(predictions.probability[2 * K + 2] == predictions.probability[3 * K + 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, create, destroy),
        cmocka_unit_test_setup_teardown(test_probabilities, create, destroy),
        cmocka_unit_test_setup_teardown(test_batches_fill_their_rows, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
