/* Which epoch is the best, and when waiting for a better one ends. */
#include "train/keep/selection.h"

#include "support/cmocka.h"

#include <math.h>

static struct selection after(const double *accuracies, int n)
{
    struct selection selection = {0};

    for (int i = 0; i < n; i++)
        selection_see(&selection, i + 1, accuracies[i]);
    return selection;
}

static void nothing_is_chosen_before_the_first(void **unused)
{
    const struct selection selection = after((const double[]){NAN, NAN}, 2);

    (void)unused;
    assert_int_equal(selection.best_epoch, 0);
    assert_false(selection_is_newest(&selection));
    assert_false(selection_is_over(&selection, 1));
}

static void the_highest_wins_and_of_equals_the_earlier(void **unused)
{
    const double accuracies[] = {0.0, 0.5, NAN, 0.5, 0.4, 0.6};

    (void)unused;
    for (int n = 1; n <= 6; n++) {
        const struct selection selection = after(accuracies, n);
        static const int best[] = {1, 2, 2, 2, 2, 6};
        assert_int_equal(selection.best_epoch, best[n - 1]);
        assert_int_equal(selection_is_newest(&selection), n <= 3 || n == 6);
        assert_true(selection.best_accuracy == accuracies[best[n - 1] - 1]);
    }
}

static void patience_counts_epochs_at_validations(void **unused)
{
    const double accuracies[] = {NAN, 0.5, NAN, 0.4, NAN, 0.3, NAN, 0.9};

    (void)unused;
    for (int n = 1; n <= 8; n++) {
        const struct selection selection = after(accuracies, n);
        assert_false(selection_is_over(&selection, 0));
        assert_int_equal(selection_is_over(&selection, 2), n >= 4 && n < 8);
        assert_int_equal(selection_is_over(&selection, 3), n >= 6 && n < 8);
        assert_false(selection_is_over(&selection, 5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_chosen_before_the_first),
        cmocka_unit_test(the_highest_wins_and_of_equals_the_earlier),
        cmocka_unit_test(patience_counts_epochs_at_validations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
