/* `metric` and `early_terminate` as they are read, kept in the resolved text, and warned of. */
#include "loading.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

static const char head[] = "config:\n"
                           "  model: {arch: resnet20, weights: w.th}\n"
                           "  data: {path: d, mean: published, std: published}\n"
                           "  forget.class: 3\n"
                           "  train.epochs: 10\n"
                           "parameters:\n"
                           "  unlearn.method: [finetune, original, retrain]\n";

static struct loaded load(const char *added)
{
    char *yaml = text_joined(head, added);
    struct loaded loaded = load_good(yaml, NULL);

    free(yaml);
    return loaded;
}

static void check_same(const struct early_terminate *a, const struct early_terminate *b)
{
    assert_int_equal(a->type, b->type);
    assert_string_equal(a->metric, b->metric);
    assert_int_equal(a->is_maximized, b->is_maximized);
    assert_int_equal(a->min_iter, b->min_iter);
    assert_int_equal(a->eta, b->eta);
    assert_int_equal(a->min_runs, b->min_runs);
}

static void the_resolved_text_says_the_same(void **unused)
{
    static const char *const texts[] = {
        "metric: {name: RA, goal: maximize}\nearly_terminate: {type: sha, min_iter: 2, eta: 4}\n",
        "early_terminate: {type: asha}\nmetric: {goal: minimize, name: loss}\n",
        "metric: {name: TA, goal: maximize}\nearly_terminate: {min_runs: 3, type: median}\n",
        "metric: {name: average_gap, goal: minimize}\n",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct loaded first = load(texts[i]);
        struct loaded second = load_good(first.sweep->resolved_yaml, NULL);
        check_same(&first.sweep->early, &second.sweep->early);
        assert_int_equal(first.sweep->early.type, (i + 1) % 4);
        loaded_release(&first);
        loaded_release(&second);
    }
}

static void references_and_the_untrained_take_no_part(void **unused)
{
    struct loaded loaded =
        load("metric: {name: RA, goal: maximize}\nearly_terminate: {type: sha}\n");

    (void)unused;
    assert_int_equal(loaded.sweep->early.min_iter, 1);
    assert_int_equal(loaded.sweep->early.eta, 3);
    assert_int_equal(early_run_epochs(&loaded.sweep->runs[0]), 10);
    assert_int_equal(early_run_epochs(&loaded.sweep->runs[1]), 0);
    assert_int_equal(early_run_epochs(&loaded.sweep->runs[2]), 0);
    assert_true(loaded.sweep->runs[2].is_reference);
    assert_null(strstr(text_value(&loaded.diagnostics), "stopped early"));
    loaded_release(&loaded);
}

static void a_rung_beyond_all_epochs_is_warned_of(void **unused)
{
    struct loaded loaded =
        load("metric: {name: RA, goal: maximize}\nearly_terminate: {type: sha, min_iter: 10}\n");

    (void)unused;
    assert_non_null(strstr(text_value(&loaded.diagnostics),
                           "x.yaml:9:1: warning: no run trains for more than 10 epochs, so none is "
                           "stopped early\n"));
    loaded_release(&loaded);
}

static void the_plan_tells_what_it_will_cost(void **unused)
{
    struct loaded loaded = load("metric: {name: RA, goal: maximize}\n"
                                "early_terminate: {type: sha, min_iter: 2}\nseeds: 9\n");
    struct text plan = {0};

    (void)unused;
    print_plan(loaded.sweep, false, &plan); /* 9 · 2 + 3 · 4 + 1 · 4 */
    assert_non_null(strstr(text_value(&plan), "\nearly termination: sha, highest RA after 2, 6 "
                                              "epochs; 9 -> 3 -> 1 runs, 34 of 90 epochs\n"));
    text_release(&plan);
    loaded_release(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_resolved_text_says_the_same),
        cmocka_unit_test(references_and_the_untrained_take_no_part),
        cmocka_unit_test(the_plan_tells_what_it_will_cost),
        cmocka_unit_test(a_rung_beyond_all_epochs_is_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
