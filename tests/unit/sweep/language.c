/* What the constructs of the language mean, one test each: zip, when, expressions, draws. */
#include "loading.h"
#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BASE                                                                                       \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.th}\n"                                                   \
    "  data: {path: d, mean: published, std: published}\n"                                         \
    "  forget.class: 3\n"                                                                          \
    "parameters:\n"

static const struct settings *settings_of(const struct loaded *loaded, int64_t point)
{
    return &loaded->sweep->runs[loaded->sweep->points[point]].settings;
}

static void test_zip(void **state)
{
    (void)state;
    struct loaded loaded = load_good(BASE "  unlearn.method: {value: prune_lora}\n"
                                          "  prune.sparsity: [0.3, 0.5, 0.7]\n"
                                          "  lora.rank: [4, 8]\n"
                                          "  train.epochs: [10, 8, 6]\n"
                                          "zip: [[prune.sparsity, train.epochs]]\n",
                                     NULL);
    static const struct {
        double sparsity;
        int64_t rank, epochs;
    } wanted[] = {{0.3, 4, 10}, {0.3, 8, 10}, {0.5, 4, 8}, {0.5, 8, 8}, {0.7, 4, 6}, {0.7, 8, 6}};

    assert_int_equal(loaded.sweep->n_points, 6);
    assert_int_equal(loaded.sweep->n_axes, 4);
    for (int i = 0; i < 6; i++) {
        assert_true(settings_of(&loaded, i)->prune.sparsity == wanted[i].sparsity);
        assert_int_equal(settings_of(&loaded, i)->lora.rank, wanted[i].rank);
        assert_int_equal(settings_of(&loaded, i)->train.epochs, wanted[i].epochs);
    }
    loaded_release(&loaded);
}

/* Where the condition is false the default stands, and points that mean the same are one run. */
static void test_when(void **state)
{
    (void)state;
    struct loaded loaded = load_good(
        BASE "  unlearn.method: {value: lora}\n"
             "  train.epochs: [5, 10]\n"
             "  lora.rank: [4, 16]\n"
             "when: {lora: {rank: \"train.epochs > 5 and not unlearn.method == retrain\"}}\n",
        NULL);
    static const int64_t ranks[] = {8, 8, 4, 16};

    assert_int_equal(loaded.sweep->n_points, 4);
    assert_int_equal(loaded.sweep->n_runs, 3);
    for (int i = 0; i < 4; i++)
        assert_int_equal(settings_of(&loaded, i)->lora.rank, ranks[i]);
    loaded_release(&loaded);
    loaded = load_good(
        BASE "  unlearn.method: {value: lora}\nwhen: {lora.rank: train.epochs > 5}\n", NULL);
    assert_non_null(strstr(text_value(&loaded.diagnostics),
                           "x.yaml:7:19: warning: 'lora.rank' is not set in this sweep, so its "
                           "condition has no effect\n"));
    loaded_release(&loaded);
}

/* Constants and axes that follow from others, through a chain, in any order of declaration. */
static void test_expressions(void **state)
{
    const char *const sets[] = {"lora.dropout='${lora.alpha / 1000}'", "lora.rank=choice(2,4)",
                                NULL};

    (void)state;
    struct loaded loaded =
        load_good("config:\n"
                  "  model: {weights: \"w/${model.arch}.pth\"}\n"
                  "  data: {path: d, mean: published, std: published}\n"
                  "  forget.class: 3\n"
                  "  train.augment: \"${lora.rank > 2}\"\n"
                  "parameters:\n"
                  "  lora.alpha: [\"${2 * lora.rank}\", 7]\n"
                  "  unlearn.method: {value: lora}\n"
                  "  model.arch: [resnet20, resnet18]\n"
                  "include: [{model.arch: resnet32, lora.rank: 32, lora.alpha: 5}]\n",
                  sets);
    static const struct {
        double alpha;
        int64_t rank;
        const char *weights;
    } wanted[] = {{4, 2, "w/resnet20.pth"}, {8, 4, "w/resnet20.pth"}, {4, 2, "w/resnet18.pth"},
                  {8, 4, "w/resnet18.pth"}, {7, 2, "w/resnet20.pth"}, {7, 4, "w/resnet20.pth"},
                  {7, 2, "w/resnet18.pth"}, {7, 4, "w/resnet18.pth"}, {5, 32, "w/resnet32.pth"}};

    assert_int_equal(loaded.sweep->n_points, 9);
    assert_int_equal(loaded.sweep->n_runs, 9);
    for (int i = 0; i < 9; i++) {
        const struct settings *settings = settings_of(&loaded, i);
        assert_true(settings->lora.alpha == wanted[i].alpha);
        assert_int_equal(settings->lora.rank, wanted[i].rank);
        assert_string_equal(settings->model.weights, wanted[i].weights);
        assert_true(settings->lora.dropout == settings->lora.alpha / 1000);
        assert_int_equal(settings->train.augment == AUGMENT_CROP_FLIP, wanted[i].rank > 2);
    }
    loaded_release(&loaded);
}

/* The same run, whether its number was written or calculated. */
static void test_calculated_ids(void **state)
{
    (void)state;
    char *written = ids_of(BASE "  unlearn.method: {value: lora}\n  lora.alpha: {value: 32}\n"
                                "  lora.rank: {value: 16}\n",
                           NULL);
    char *calculated = ids_of(BASE "  unlearn.method: {value: lora}\n"
                                   "  lora.alpha: {value: \"${lora.rank * 4 / 2}\"}\n"
                                   "  lora.rank: {value: \"${2 * 8.0}\"}\n",
                              NULL);
    assert_string_equal(written, calculated);
    free(written);
    free(calculated);
}

/* ---- draws ---- */

#define SEARCH                                                                                     \
    BASE "  unlearn.method: {value: prune_lora}\n"                                                 \
         "  train.lr: {distribution: log_uniform_values, min: 1e-4, max: 1e-2}\n"                  \
         "  prune.sparsity: {min: 0.25, max: 0.75}\n"                                              \
         "  lora.rank: {values: [4, 8, 16, 32]}\n"
#define MORE                                                                                       \
    "  lora.alpha: {distribution: q_normal, mu: 20, sigma: 2, q: 0.5}\n"                           \
    "  train.epochs: {min: 2, max: 9}\n"                                                           \
    "  lora.dropout: {values: [0, 0.1], probabilities: [1, 0]}\n"

static void test_draws_are_in_range(void **state)
{
    static const char *const methods[] = {"method=random", "method=sobol"};

    (void)state;
    for (int m = 0; m < 2; m++) {
        const char *const sets[] = {methods[m], "run_cap=64", "seeds=2", NULL};
        struct loaded loaded = load_good(SEARCH MORE, sets);
        int n_low = 0, n_ranks[4] = {0};
        assert_int_equal(loaded.sweep->n_points, 128);
        assert_int_equal(loaded.sweep->n_runs, 128);
        for (int64_t i = 0; i < 128; i++) {
            const struct settings *settings = settings_of(&loaded, i);
            assert_int_equal(settings->seed, i % 2);
            assert_true(settings->train.lr >= 1e-4 && settings->train.lr <= 1e-2);
            assert_true(settings->train.lr == settings_of(&loaded, i - i % 2)->train.lr);
            assert_true(settings->prune.sparsity >= 0.25 && settings->prune.sparsity <= 0.75);
            assert_true(settings->lora.alpha * 2 == rint(settings->lora.alpha * 2));
            assert_true(settings->lora.dropout == 0);
            assert_in_range(settings->train.epochs, 2, 9);
            n_low += settings->train.lr < 1e-3;
            n_ranks[(int)log2((double)settings->lora.rank) - 2]++;
        }
        if (m == 1) { /* 64 points of the sequence: half below the middle, a quarter per value */
            assert_int_equal(n_low, 64);
            for (int i = 0; i < 4; i++)
                assert_int_equal(n_ranks[i], 32);
        }
        loaded_release(&loaded);
    }
}

/* Another parameter, another place in the file, more points: what was drawn stays. */
static void test_draws_stay(void **state)
{
    static const char *const methods[] = {"method=random", "method=sobol"};

    (void)state;
    for (int m = 0; m < 2; m++) {
        const char *const few[] = {methods[m], "run_cap=10", NULL};
        const char *const many[] = {methods[m], "run_cap=20", NULL};
        struct loaded first = load_good(SEARCH, few);
        struct loaded more = load_good(SEARCH MORE, many);
        struct loaded moved =
            load_good(BASE "  lora.rank: {values: [4, 8, 16, 32]}\n"
                           "  train.momentum: {min: 0.1, max: 0.9}\n"
                           "  unlearn.method: {values: [prune_lora]}\n"
                           "  train.lr: {min: 1e-4, max: 1e-2, distribution: log_uniform_values}\n"
                           "  prune.sparsity: {max: 0.75, min: 0.25}\n",
                      many);
        for (int64_t i = 0; i < 10; i++) {
            const struct settings *a = settings_of(&first, i), *b = settings_of(&more, i),
                                  *c = settings_of(&moved, i);
            assert_true(a->train.lr == b->train.lr && a->train.lr == c->train.lr);
            assert_true(a->prune.sparsity == b->prune.sparsity);
            assert_true(a->prune.sparsity == c->prune.sparsity);
            assert_int_equal(a->lora.rank, b->lora.rank);
            assert_int_equal(a->lora.rank, c->lora.rank);
        }
        loaded_release(&first);
        loaded_release(&more);
        loaded_release(&moved);
    }
}

/* Zipped parameters are drawn as one; excluded draws are left out; expressions see what was drawn.
 */
static void test_draws_and_relations(void **state)
{
    const char *const sets[] = {"method=sobol", "run_cap=32", NULL};

    (void)state;
    struct loaded loaded =
        load_good(BASE "  unlearn.method: {value: prune_lora}\n"
                       "  prune.sparsity: [0.3, 0.5, 0.7]\n"
                       "  train.epochs: [10, 8, 6]\n"
                       "  lora.rank: {distribution: q_log_uniform_values, min: 4, max: 64, q: 4}\n"
                       "  lora.alpha: {value: \"${2 * lora.rank}\"}\n"
                       "zip: [[prune.sparsity, train.epochs]]\n"
                       "exclude: [{prune.sparsity: 0.5}]\n",
                  sets);
    assert_int_equal(loaded.sweep->n_grid, 32);
    assert_in_range(loaded.sweep->n_excluded, 10, 11); /* a third */
    assert_int_equal(loaded.sweep->n_points, 32 - loaded.sweep->n_excluded);
    for (int64_t i = 0; i < loaded.sweep->n_points; i++) {
        const struct settings *settings = settings_of(&loaded, i);
        assert_int_equal(settings->train.epochs, settings->prune.sparsity == 0.3 ? 10 : 6);
        assert_true(settings->lora.alpha == 2 * (double)settings->lora.rank);
        assert_int_equal(settings->lora.rank % 4, 0);
    }
    loaded_release(&loaded);
}

/* A file of Weights & Biases whose parameters are ours. */
static void test_other_programs_file(void **state)
{
    (void)state;
    struct loaded loaded = load_good("name: search\n"
                                     "description: from elsewhere\n"
                                     "method: random\n"
                                     "run_cap: 8\n"
                                     "parameters:\n"
                                     "  model.arch: {value: resnet20}\n"
                                     "  model.weights: {value: w.th}\n"
                                     "  data: {path: {value: d}, mean: {value: published},\n"
                                     "         std: {value: published}}\n"
                                     "  forget.class: {values: [1, 2, 3]}\n"
                                     "  unlearn.method:\n"
                                     "    distribution: categorical\n"
                                     "    values: [lora, finetune]\n"
                                     "  train:\n"
                                     "    lr:\n"
                                     "      distribution: log_uniform_values\n"
                                     "      min: 0.0001\n"
                                     "      max: 0.1\n"
                                     "    batch_size:\n"
                                     "      distribution: q_uniform\n"
                                     "      min: 32\n"
                                     "      max: 256\n"
                                     "      q: 32\n"
                                     "    epochs: {distribution: constant, value: 3}\n",
                                     NULL);
    assert_int_equal(loaded.sweep->n_points, 8);
    assert_string_equal(loaded.sweep->axes[2], "train.lr");
    assert_string_equal(loaded.sweep->axis_values[2], "log_uniform_values, min 0.0001, max 0.1");
    for (int64_t i = 0; i < 8; i++)
        assert_int_equal(settings_of(&loaded, i)->train.batch_size % 32, 0);
    loaded_release(&loaded);
}

/* What the results folder keeps says the same again, whatever constructs it has. */
static void test_resolved(void **state)
{
    static const char *const yamls[] = {
        SEARCH MORE "method: sobol\nrun_cap: 9\n",
        BASE "  unlearn.method: [lora, prune_lora]\n"
             "  prune.sparsity: [0.3, 0.5]\n"
             "  train.epochs: [10, \"${1 + 1}\"]\n"
             "  lora.rank: [4, 16]\n"
             "  lora.alpha: {value: \"${2 * lora.rank}\"}\n"
             "zip: [[prune.sparsity, train.epochs]]\n"
             "when: {lora.rank: \"prune.sparsity < 0.4 or unlearn.method == 'lora'\"}\n"
             "resources: {gpus: 1}\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof yamls / sizeof *yamls; i++) {
        struct loaded first = load_good(yamls[i], NULL);
        struct loaded again = load_good(first.sweep->resolved_yaml, NULL);
        assert_string_equal(again.sweep->resolved_yaml, first.sweep->resolved_yaml);
        assert_int_equal(again.sweep->n_points, first.sweep->n_points);
        assert_int_equal(again.sweep->n_runs, first.sweep->n_runs);
        for (int64_t k = 0; k < first.sweep->n_runs; k++)
            assert_string_equal(again.sweep->runs[k].id, first.sweep->runs[k].id);
        loaded_release(&first);
        loaded_release(&again);
    }
}

/* Old booleans are understood, and said to be. */
static void test_old_booleans(void **state)
{
    (void)state;
    struct loaded loaded = load_good(BASE "  unlearn.method: {value: lora}\n"
                                          "  train.augment: {value: yes}\n"
                                          "on_failure: {fail_fast: Off}\n",
                                     NULL);
    assert_int_equal(settings_of(&loaded, 0)->train.augment, AUGMENT_CROP_FLIP);
    assert_false(loaded.sweep->fail_fast);
    const char *diagnostics = text_value(&loaded.diagnostics);
    assert_non_null(
        strstr(diagnostics,
               "x.yaml:7:26: warning: 'train.augment' is 'yes', taken as true: write true\n"
               "    7 |   train.augment: {value: yes}\n"
               "      |                          ^~~  yes, no, on and off are text in YAML 1.2\n"));
    assert_non_null(
        strstr(diagnostics, ": warning: 'fail_fast' is 'Off', taken as false: write false\n"));
    loaded_release(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zip),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_calculated_ids),
        cmocka_unit_test(test_draws_are_in_range),
        cmocka_unit_test(test_draws_stay),
        cmocka_unit_test(test_draws_and_relations),
        cmocka_unit_test(test_other_programs_file),
        cmocka_unit_test(test_resolved),
        cmocka_unit_test(test_old_booleans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
