/* Losses, margins and choices from logits, against numbers worked out by hand. */
#include "eval/eval.h"

#include "support/cmocka.h"

#include <math.h>
#include <string.h>

enum { K = 3 };

static int create(void **state)
{
    struct arena *arena = NULL;

    assert_int_equal(arena_create(&arena), STATUS_OK);
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

    assert_int_equal(predictions_create(arena, 1, &predictions), STATUS_OK);
    predictions_set(&predictions, 0, &(struct logit_rows){1, K, logits, &label});
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

static void test_batches_fill_their_rows(void **state)
{
    struct predictions predictions;
    const double logits[] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0};
    const int32_t labels[] = {0, 1, 1, 0};

    assert_int_equal(predictions_create(*state, 4, &predictions), STATUS_OK);
    predictions_set(&predictions, 2, &(struct logit_rows){2, K, logits + 6, labels + 2});
    predictions_set(&predictions, 0, &(struct logit_rows){2, K, logits, labels});
    assert_memory_equal(predictions.labels, labels, sizeof labels);
    const int32_t wanted[] = {0, 1, 2, 1};
    assert_memory_equal(predictions.argmax, wanted, sizeof wanted);
    assert_true(predictions.loss[3] == predictions.loss[2]);
    assert_true(predictions.loss[0] < predictions.loss[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, create, destroy),
        cmocka_unit_test_setup_teardown(test_batches_fill_their_rows, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
