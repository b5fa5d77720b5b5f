/* The arithmetic of a sweep: order of points, duplicates, exclude, include, names, axes. */
#include "loading.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#define BASE                                                                                       \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.th}\n"                                                   \
    "  data: {path: d, mean: published, std: published}\n"                                         \
    "  forget.class: 3\n"                                                                          \
    "parameters:\n"

static const struct run *run_of(const struct loaded *loaded, int64_t point)
{
    return &loaded->sweep->runs[loaded->sweep->points[point]];
}

/* The example of the language's reference page. */
static void test_reference_arithmetic(void **state)
{
    (void)state;
    struct loaded loaded =
        load_good("config:\n"
                  "  model: {arch: resnet50, weights: w.th}\n"
                  "  data: {path: d, mean: published, std: published}\n"
                  "parameters:\n"
                  "  unlearn.method: {values: [finetune, prune_finetune, lora, prune_lora]}\n"
                  "  forget.class: {range: [0, 9]}\n"
                  "  prune.sparsity: {values: [0.3, 0.5, 0.7]}\n"
                  "  lora.rank: [4, 8, 16]\n"
                  "exclude: [{prune.sparsity: 0.7, lora.rank: 4}]\n"
                  "include: [{unlearn.method: prune_lora, prune.sparsity: 0.95, lora.rank: 32,\n"
                  "           forget.class: 3}]\n"
                  "seeds: 5\n"
                  "run_cap: 1000\n",
                  NULL);
    struct text plan = {0};

    assert_int_equal(loaded.sweep->n_grid, 1800);
    assert_int_equal(loaded.sweep->n_excluded, 200);
    assert_int_equal(loaded.sweep->n_included, 5);
    assert_int_equal(loaded.sweep->n_points, 1605);
    assert_int_equal(loaded.sweep->n_runs, 755);
    print_plan(loaded.sweep, false, &plan);
    assert_non_null(strstr(text_value(&plan), "\n1800 points, -200 excluded, +5 included, "
                                              "850 duplicates -> 755 runs\n"));
    assert_non_null(strstr(text_value(&plan), "... and 735 more"));
    text_release(&plan);
    loaded_release(&loaded);
}

/* Declaration order, the last key fastest, seeds faster still. */
static void test_order(void **state)
{
    static const struct {
        double sparsity;
        int64_t rank, seed;
    } wanted[] = {{0.5, 8, 7}, {0.5, 8, 2}, {0.5, 4, 7}, {0.5, 4, 2},
                  {0.3, 8, 7}, {0.3, 8, 2}, {0.3, 4, 7}, {0.3, 4, 2}};

    (void)state;
    struct loaded loaded = load_good(BASE "  unlearn.method: {value: prune_lora}\n"
                                          "  prune.sparsity: [0.5, 0.3]\n"
                                          "  lora: {rank: [8, 4]}\n"
                                          "seeds: [7, 2]\n",
                                     NULL);
    assert_int_equal(loaded.sweep->n_points, 8);
    assert_int_equal(loaded.sweep->n_runs, 8);
    for (int i = 0; i < 8; i++) {
        const struct settings *settings = &run_of(&loaded, i)->settings;
        assert_true(settings->prune.sparsity == wanted[i].sparsity);
        assert_int_equal(settings->lora.rank, wanted[i].rank);
        assert_int_equal(settings->seed, wanted[i].seed);
        assert_int_equal(run_of(&loaded, i)->first_point, i);
    }
    assert_int_equal(loaded.sweep->n_axes, 3);
    assert_string_equal(loaded.sweep->axes[0], "prune.sparsity");
    assert_string_equal(loaded.sweep->axis_values[0], "0.5, 0.3");
    assert_string_equal(loaded.sweep->axes[1], "lora.rank");
    assert_string_equal(loaded.sweep->axes[2], "seed");
    assert_string_equal(loaded.sweep->axis_values[2], "7, 2");
    loaded_release(&loaded);
}

/* Settings that a method does not read do not multiply its runs; every point finds its run. */
static void test_duplicates(void **state)
{
    static const char *const names[] = {
        "0000-original-c3",
        "0001-finetune-c3-seed0",
        "0002-finetune-c3-seed1",
        "0003-prune_finetune-c3-s0.3-seed0",
        "0004-prune_finetune-c3-s0.3-seed1",
        "0005-prune_finetune-c3-s0.5-seed0",
        "0006-prune_finetune-c3-s0.5-seed1",
        "0007-retrain-c3-seed0",
        "0008-retrain-c3-seed1",
    };

    (void)state;
    struct loaded loaded =
        load_good(BASE "  unlearn.method: [original, finetune, prune_finetune, retrain]\n"
                       "  prune.sparsity: [0.3, 0.5]\n"
                       "seeds: 2\n",
                  NULL);
    assert_int_equal(loaded.sweep->n_points, 16);
    assert_int_equal(loaded.sweep->n_runs, 9);
    for (int i = 0; i < 9; i++)
        assert_string_equal(loaded.sweep->runs[i].name, names[i]);
    for (int64_t i = 0; i < 16; i++)
        assert_in_range(loaded.sweep->points[i], 0, 8);
    assert_int_equal(loaded.sweep->points[0], loaded.sweep->points[3]); /* original: no seed */
    assert_int_equal(loaded.sweep->points[4], loaded.sweep->points[6]); /* finetune: no sparsity */
    assert_int_not_equal(loaded.sweep->points[8], loaded.sweep->points[10]);
    loaded_release(&loaded);
}

/* What switches compose is a run by one name, however it was asked for; what is excluded is not
 * looked at. */
static void test_switches(void **state)
{
    static const char *const names[] = {
        "0000-original+prune-c3-s0.5",
        "0001-original-c3",
        "0002-prune_finetune-c3-s0.5-seed0",
        "0003-prune_lora-c3-s0.5-r8-seed0",
        "0004-finetune-c3-seed0",
        "0005-lora-c3-r8-seed0",
    };

    (void)state;
    struct loaded loaded =
        load_good(BASE "  unlearn.method: [original, finetune, prune_lora]\n"
                       "  unlearn.prune: [true, false]\n"
                       "  unlearn.adapt: [none, lora]\n"
                       "exclude: [{unlearn.method: original, unlearn.adapt: lora}]\n",
                  NULL);
    assert_int_equal(loaded.sweep->n_points, 10);
    assert_int_equal(loaded.sweep->n_runs, 6);
    for (int i = 0; i < 6; i++)
        assert_string_equal(loaded.sweep->runs[i].name, names[i]);
    for (int64_t i = 2; i < 6; i++) /* prune_lora after finetune */
        assert_int_equal(loaded.sweep->points[i], loaded.sweep->points[i + 4]);
    assert_int_equal(loaded.sweep->n_composed, 7);
    assert_string_equal(loaded.sweep->composed[0].asked, "original");
    assert_string_equal(loaded.sweep->composed[0].method, "original+prune");
    loaded_release(&loaded);
}

/* The command line replaces axes in place, makes new ones after them, and says the seeds. */
static void test_sets(void **state)
{
    const char *const sets[] = {"prune.sparsity=0.1, 0.2",
                                "lora.rank=choice(2,3)",
                                "forget.class=range(2,8,3)",
                                "seeds=4,9",
                                "unlearn.method=prune_lora",
                                "train.lr=1e-2",
                                "data.std=[0.2, 0.3, 0.4]",
                                "on_failure.retries=0",
                                "name=other",
                                NULL};

    (void)state;
    struct loaded loaded = load_good(BASE "  unlearn.method: [lora, finetune]\n"
                                          "  lora.rank: [4, 8]\n"
                                          "  prune.sparsity: [0.5]\n",
                                     sets);
    assert_int_equal(loaded.sweep->n_points, 2 * 2 * 2 * 2);
    assert_int_equal(loaded.sweep->n_axes, 4);
    assert_string_equal(loaded.sweep->axes[0], "lora.rank");
    assert_string_equal(loaded.sweep->axis_values[0], "2, 3");
    assert_string_equal(loaded.sweep->axes[1], "prune.sparsity");
    assert_string_equal(loaded.sweep->axes[2], "forget.class");
    assert_string_equal(loaded.sweep->axis_values[2], "2, 5");
    assert_string_equal(loaded.sweep->axis_values[3], "4, 9");
    assert_true(run_of(&loaded, 0)->settings.train.lr == 1e-2);
    assert_true(run_of(&loaded, 0)->settings.data.std.values[2] == 0.4);
    assert_int_equal(loaded.sweep->retries, 0);
    assert_string_equal(loaded.sweep->name, "other");
    loaded_release(&loaded);
}

/* An exclude that matches nothing is a warning, not a mistake. */
static void test_exclude_nothing(void **state)
{
    (void)state;
    struct loaded loaded = load_good(BASE "  unlearn.method: {value: lora}\n"
                                          "exclude: [{lora.rank: 5}]\n",
                                     NULL);
    assert_non_null(strstr(text_value(&loaded.diagnostics),
                           "x.yaml:7:11: warning: this entry of 'exclude' matches no point\n"));
    assert_int_equal(loaded.sweep->n_runs, 1);
    loaded_release(&loaded);
}

/* What is not set, and what `compat` changes; a written setting wins over it. */
static void test_defaults(void **state)
{
    const char *const published[] = {"compat=lora-unlearn", NULL};
    const char *const held[] = {"compat=lora-unlearn", "prune.mask=held", NULL};
    const char *yaml = BASE "  unlearn.method: {value: prune_lora}\n"
                            "on_failure: {max_fails: 7, fail_fast: true}\n";

    (void)state;
    struct loaded loaded = load_good(yaml, NULL);
    const struct settings *settings = &loaded.sweep->runs[0].settings;
    assert_int_equal(loaded.sweep->retries, 2);
    assert_int_equal(loaded.sweep->max_fails, 7);
    assert_true(loaded.sweep->fail_fast);
    assert_string_equal(loaded.sweep->name, "x");
    assert_int_equal(settings->prune.mask, PRUNE_HELD);
    assert_int_equal(settings->data.mean.kind, NORMALISATION_GIVEN);
    assert_true(settings->data.mean.values[1] == 0.4822);
    assert_true(settings->checkpoint.every_seconds == 60 &&
                settings->checkpoint.keep == KEEP_FINAL);
    loaded_release(&loaded);
    loaded = load_good(yaml, published);
    assert_int_equal(loaded.sweep->runs[0].settings.prune.mask, PRUNE_BAKED);
    loaded_release(&loaded);
    loaded = load_good(yaml, held);
    assert_int_equal(loaded.sweep->runs[0].settings.prune.mask, PRUNE_HELD);
    loaded_release(&loaded);
}

/* What a method was published with holds where nobody says; its compositions have it too. */
static void test_defaults_of_methods(void **state)
{
    const char *const chosen[] = {"train.lr=0.5", NULL};
    const char *const calculated[] = {"train.epochs=${4 * train.batch_size}", NULL};
    const char *const pruned[] = {"unlearn.prune=true", NULL};
    const char *yaml = BASE "  unlearn.method: {values: [finetune, random_label]}\n";

    (void)state;
    struct loaded loaded = load_good(yaml, NULL);
    const struct recipe *usual = &run_of(&loaded, 0)->settings.train;
    const struct recipe *own = &run_of(&loaded, 1)->settings.train;
    assert_true(usual->lr == 1e-3 && usual->optimizer == OPTIMIZER_ADAM && usual->epochs == 5);
    assert_true(own->lr == 0.013 && own->optimizer == OPTIMIZER_SGD && own->epochs == 10);
    assert_true(own->momentum == 0.9 && own->batch_size == 256 && own->weight_decay == 5e-4);
    loaded_release(&loaded);
    loaded = load_good(yaml, chosen);
    assert_true(run_of(&loaded, 0)->settings.train.lr == 0.5);
    assert_true(run_of(&loaded, 1)->settings.train.lr == 0.5);
    assert_int_equal(run_of(&loaded, 1)->settings.train.epochs, 10);
    loaded_release(&loaded);
    loaded = load_good(yaml, calculated);
    assert_int_equal(run_of(&loaded, 0)->settings.train.epochs, 4 * 128);
    assert_int_equal(run_of(&loaded, 1)->settings.train.epochs, 4 * 256);
    loaded_release(&loaded);
    loaded = load_good(yaml, pruned);
    assert_string_equal(run_of(&loaded, 1)->settings.unlearn.method, "random_label+prune");
    assert_true(run_of(&loaded, 1)->settings.train.lr == 0.013);
    loaded_release(&loaded);
}

/* Which method it is follows from another setting: nothing but the method's own defaults changes.
 */
static void test_defaults_of_a_calculated_method(void **state)
{
    (void)state;
    struct loaded loaded = load_good(BASE "  lora.rank: {values: [4, 8]}\n"
                                          "  unlearn.method: {value: \"${'random_label'}\"}\n"
                                          "seeds: [7]\n",
                                     NULL);
    const struct settings *settings = &run_of(&loaded, 1)->settings;

    assert_string_equal(settings->unlearn.method, "random_label");
    assert_true(settings->train.lr == 0.013 && settings->train.epochs == 10);
    assert_int_equal(settings->seed, 7);
    assert_int_equal(settings->forget.class_index, 3);
    loaded_release(&loaded);
}

/* The small table, to the letter. */
static void test_plan(void **state)
{
    static const char wanted[] =
        "sweep small: two runs\n"
        "\n"
        "axes, the last varies fastest\n"
        "  unlearn.method  original, lora\n"
        "  seed            0\n"
        "\n"
        "2 points, 0 duplicates -> 2 runs\n"
        "\n"
        "  id                run                    arch       class  sparsity  rank  epochs"
        "        lr  seed\n";
    struct text plan = {0};

    (void)state;
    struct loaded loaded = load_good(BASE "  unlearn.method: [original, lora]\n"
                                          "name: small\n"
                                          "description: two runs\n",
                                     NULL);
    print_plan(loaded.sweep, true, &plan);
    assert_memory_equal(text_value(&plan), wanted, sizeof wanted - 1);
    assert_non_null(strstr(text_value(&plan), "  0000-original-c3       resnet20       3         -"
                                              "     -       -         -     -\n"));
    assert_non_null(strstr(text_value(&plan), "  0001-lora-c3-r8-seed0  resnet20       3         -"
                                              "     8       5     0.001     0\n"));
    text_release(&plan);
    loaded_release(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_arithmetic),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_exclude_nothing),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_defaults_of_methods),
        cmocka_unit_test(test_defaults_of_a_calculated_method),
        cmocka_unit_test(test_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
