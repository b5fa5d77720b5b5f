/* Columns of results.h5 that come from the sweep: which there are, of which type, with which cells.
 */
#include "dispatch/results/results_axes.h"

#include "loading.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#define HEAD                                                                                       \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.th}\n"                                                   \
    "  data: {path: d, mean: published, std: published}\n"

static void print_cell(const struct result_column *column, int64_t row, struct text *out)
{
    char buffer[32];

    if (column->kind == COLUMN_INTEGER)
        text_append(out, " %lld", (long long)column->integers[row]);
    else if (column->kind == COLUMN_FLOAT)
        text_append(out, " %s", text_from_double(column->floats[row], buffer));
    else
        text_append(out, " '%s'", column->texts[row]);
}

/* "name, kind: cells" of every column, a line each. */
static char *columns_of(const char *yaml)
{
    static const char *const kinds[] = {
        [COLUMN_TEXT] = "text", [COLUMN_INTEGER] = "integer", [COLUMN_FLOAT] = "float"};
    struct loaded loaded = load_good(yaml, NULL);
    struct results_axes axes = {.sweep = loaded.sweep};
    struct text out = {0};

    assert_int_equal(arena_create(&axes.arena), STATUS_OK);
    assert_int_equal(results_axes_fill(&axes), STATUS_OK);
    for (int64_t i = 0; i < axes.n; i++) {
        text_append(&out, "%s, %s:", axes.columns[i].name, kinds[axes.columns[i].kind]);
        for (int64_t row = 0; row < loaded.sweep->n_runs; row++)
            print_cell(&axes.columns[i], row, &out);
        text_append(&out, "\n");
    }
    arena_destroy(axes.arena);
    loaded_release(&loaded);
    return out.data;
}

static void expect(const char *yaml, const char *wanted)
{
    char *found = columns_of(yaml);

    assert_string_equal(found, wanted);
    free(found);
}

/* Always there: method, architecture, what is forgotten, seed. */
static void test_always(void **state)
{
    (void)state;
    expect(HEAD "  unlearn.method: finetune\n  forget.class: 3\n",
           "seed, integer: 0\nunlearn.method, text: 'finetune'\nmodel.arch, text: 'resnet20'\n"
           "forget.class, integer: 3\n");
}

/* A number is an integer where every run has a whole one, and missing where a method does not read
 * it; then, and where one is not whole, it is a float. */
static void test_numbers(void **state)
{
    (void)state;
    expect(HEAD "  unlearn.method: lora\n  forget.class: 3\n"
                "parameters:\n  lora.alpha: [16, 32.0]\n  lora.dropout: [0, 0.1]\n",
           "lora.alpha, integer: 16 16 32 32\nlora.dropout, float: 0 0.1 0 0.1\n"
           "seed, integer: 0 0 0 0\nunlearn.method, text: 'lora' 'lora' 'lora' 'lora'\n"
           "model.arch, text: 'resnet20' 'resnet20' 'resnet20' 'resnet20'\n"
           "forget.class, integer: 3 3 3 3\n");
    expect(HEAD "  forget.class: 3\n"
                "parameters:\n  unlearn.method: [original, lora]\n  lora.rank: [4, 8]\n",
           "unlearn.method, text: 'original' 'lora' 'lora'\nlora.rank, float: nan 4 8\n"
           "seed, float: nan 0 0\nmodel.arch, text: 'resnet20' 'resnet20' 'resnet20'\n"
           "forget.class, integer: 3 3 3\n");
}

/* Words as they are, lists as JSON without blanks; of a setting that no run reads nothing is known.
 */
static void test_texts(void **state)
{
    (void)state;
    expect(HEAD "  unlearn.method: finetune\n  forget.class: 3\n"
                "  train: {optimizer: sgd, schedule: step}\n"
                "parameters:\n  train.milestones: {values: [[], [1, 3]]}\n"
                "  train.nesterov: [false, true]\n"
                "  lora.targets: ['layer1.*']\n",
           "train.milestones, text: '[]' '[]' '[1,3]' '[1,3]'\n"
           "train.nesterov, text: 'false' 'true' 'false' 'true'\n"
           "lora.targets, float: nan nan nan nan\n"
           "seed, integer: 0 0 0 0\n"
           "unlearn.method, text: 'finetune' 'finetune' 'finetune' 'finetune'\n"
           "model.arch, text: 'resnet20' 'resnet20' 'resnet20' 'resnet20'\n"
           "forget.class, integer: 3 3 3 3\n");
    expect(
        "config:\n  model.arch: resnet20\n  data: {path: d, std: [1, 1, 1]}\n"
        "  unlearn.method: retrain\n"
        "parameters:\n"
        "  forget.classes: {values: [[7, 3], [1, 2]]}\n"
        "  data.mean: {values: [[0.5, 0.25, 1e-5], [0.30000000000000004, 1, 0.4913996786151961]]}\n"
        "  eval.mia: {values: [[loss_lr, class_mia]]}\n",
        "forget.classes, text: '[3,7]' '[3,7]' '[1,2]' '[1,2]'\n"
        "data.mean, text: '[0.5,0.25,1e-05]' '[0.3,1,0.49139967861519612]' "
        "'[0.5,0.25,1e-05]' '[0.3,1,0.49139967861519612]'\n"
        "eval.mia, text: '[\"loss_lr\",\"class_mia\"]' '[\"loss_lr\",\"class_mia\"]' "
        "'[\"loss_lr\",\"class_mia\"]' '[\"loss_lr\",\"class_mia\"]'\n"
        "seed, integer: 0 0 0 0\n"
        "unlearn.method, text: 'retrain' 'retrain' 'retrain' 'retrain'\n"
        "model.arch, text: 'resnet20' 'resnet20' 'resnet20' 'resnet20'\n");
}

/* Not swept, and different all the same: by an included point. What differs only where no method
 * reads it stays out. */
static void test_differences(void **state)
{
    (void)state;
    expect(HEAD "parameters:\n  unlearn.method: [finetune]\n  forget.class: [3]\n"
                "include:\n"
                "- {unlearn.method: finetune, forget.fraction: 0.5, train.lr: 0.5}\n"
                "- {unlearn.method: original, forget.class: 3, train.epochs: 9}\n"
                "- {unlearn.method: finetune, forget.class: 3, model.arch: resnet32}\n",
           "unlearn.method, text: 'finetune' 'finetune' 'original' 'finetune'\n"
           "forget.class, integer: 3 -1 3 3\n"
           "seed, float: 0 0 nan 0\n"
           "model.arch, text: 'resnet20' 'resnet20' 'resnet20' 'resnet32'\n"
           "forget.fraction, float: 0 0.5 0 0\n"
           "forget.kind, text: 'class' 'fraction' 'class' 'class'\n"
           "train.lr, float: 0.001 0.5 nan 0.001\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_always),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
