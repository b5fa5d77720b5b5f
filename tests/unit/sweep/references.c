/* Which run each run is compared with: the retrained model that shares everything but the method.
 */
#include "loading.h"
#include "support/cmocka.h"

#include <string.h>

#define BASE                                                                                       \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.th}\n"                                                   \
    "  data: {path: d, mean: published, std: published}\n"                                         \
    "  forget.class: 3\n"                                                                          \
    "parameters:\n"
/* The same with a setting left to vary. */
#define FREE_CLASS                                                                                 \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.th}\n"                                                   \
    "  data: {path: d, mean: published, std: published}\n"                                         \
    "parameters:\n"
#define FREE_ARCH                                                                                  \
    "config:\n"                                                                                    \
    "  model: {weights: w.th}\n"                                                                   \
    "  data: {path: d, mean: published, std: published}\n"                                         \
    "  forget.class: 3\n"                                                                          \
    "parameters:\n"
#define FREE_STD                                                                                   \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.th}\n"                                                   \
    "  data: {path: d, mean: published}\n"                                                         \
    "  forget.class: 3\n"                                                                          \
    "parameters:\n"

/* "0001-lora… 0000-retrain…" for each run: its name and its reference's. */
static void expect_references(const char *yaml, const char *wanted)
{
    struct loaded loaded = load_good(yaml, NULL);
    struct text found = {0};

    for (int64_t i = 0; i < loaded.sweep->n_runs; i++) {
        const struct run *run = &loaded.sweep->runs[i];
        text_append(&found, "%s %s\n", run->name,
                    run->reference != NULL ? run->reference->name : "-");
        assert_true(run->is_reference == (strstr(run->name, "-retrain-") != NULL));
    }
    assert_int_equal(text_finish(&found), STATUS_OK);
    assert_string_equal(text_value(&found), wanted);
    text_release(&found);
    loaded_release(&loaded);
}

static void test_seed_and_class(void **state)
{
    (void)state;
    expect_references(FREE_CLASS "  unlearn.method: [finetune, retrain]\n  forget.class: [3, 7]\n"
                                 "seeds: 2\n",
                      "0000-finetune-c3-seed0 0004-retrain-c3-seed0\n"
                      "0001-finetune-c3-seed1 0005-retrain-c3-seed1\n"
                      "0002-finetune-c7-seed0 0006-retrain-c7-seed0\n"
                      "0003-finetune-c7-seed1 0007-retrain-c7-seed1\n"
                      "0004-retrain-c3-seed0 -\n"
                      "0005-retrain-c3-seed1 -\n"
                      "0006-retrain-c7-seed0 -\n"
                      "0007-retrain-c7-seed1 -\n");
}

/* Settings that only one of both reads do not part them; architecture, normalisation and
 * evaluation do. */
static void test_what_must_agree(void **state)
{
    (void)state;
    expect_references(BASE "  unlearn.method: [lora, retrain]\n  train.lr: [0.1, 0.2]\n"
                           "  lora.rank: [4, 8]\n",
                      "0000-lora-c3-r4-seed0 0004-retrain-c3-seed0\n"
                      "0001-lora-c3-r8-seed0 0004-retrain-c3-seed0\n"
                      "0002-lora-c3-r4-seed0 0004-retrain-c3-seed0\n"
                      "0003-lora-c3-r8-seed0 0004-retrain-c3-seed0\n"
                      "0004-retrain-c3-seed0 -\n");
    expect_references(BASE "  unlearn.method: [retrain, finetune]\n  eval.seed: [0, 1]\n",
                      "0000-retrain-c3-seed0 -\n0001-retrain-c3-seed0 -\n"
                      "0002-finetune-c3-seed0 0000-retrain-c3-seed0\n"
                      "0003-finetune-c3-seed0 0001-retrain-c3-seed0\n");
    expect_references(FREE_ARCH "  unlearn.method: [finetune]\n  model.arch: [resnet20, resnet32]\n"
                                "include: [{unlearn.method: retrain, model.arch: resnet32}]\n",
                      "0000-finetune-c3-seed0 -\n"
                      "0001-finetune-c3-seed0 0002-retrain-c3-seed0\n"
                      "0002-retrain-c3-seed0 -\n");
    expect_references(FREE_STD "  unlearn.method: [finetune]\n"
                               "  data.std: [published, [0.2, 0.2, 0.2]]\n"
                               "include: [{unlearn.method: retrain, data.std: [0.2, 0.2, 0.2]}]\n",
                      "0000-finetune-c3-seed0 -\n"
                      "0001-finetune-c3-seed0 0002-retrain-c3-seed0\n"
                      "0002-retrain-c3-seed0 -\n");
}

/* `original` reads no seed: one run, compared with the first seed's. */
static void test_without_seed(void **state)
{
    (void)state;
    expect_references(BASE "  unlearn.method: [original, retrain]\nseeds: [5, 2]\n",
                      "0000-original-c3 0001-retrain-c3-seed5\n"
                      "0001-retrain-c3-seed5 -\n0002-retrain-c3-seed2 -\n");
}

static void test_two_recipes(void **state)
{
    (void)state;
    const char *yaml = BASE "  unlearn.method: [finetune, retrain]\n  base.train.epochs: [2, 4]\n";
    struct loaded loaded = load_good(yaml, NULL);

    assert_non_null(strstr(text_value(&loaded.diagnostics),
                           "warning: 0001-retrain-c3-seed0 and 0002-retrain-c3-seed0 retrain for "
                           "the same runs; all are compared with the first"));
    loaded_release(&loaded);
    expect_references(yaml, "0000-finetune-c3-seed0 0001-retrain-c3-seed0\n"
                            "0001-retrain-c3-seed0 -\n"
                            "0002-retrain-c3-seed0 0001-retrain-c3-seed0\n");
}

static void expect_plan(const char *yaml, const char *wanted, bool is_there)
{
    struct loaded loaded = load_good(yaml, NULL);
    struct text plan = {0};

    print_plan(loaded.sweep, false, &plan);
    assert_true((strstr(text_value(&plan), wanted) != NULL) == is_there);
    text_release(&plan);
    loaded_release(&loaded);
}

static void test_plan(void **state)
{
    (void)state;
    expect_plan(BASE "  unlearn.method: [finetune, retrain]\nseeds: 3\n",
                "\n3 runs are compared with 3 retrained models, dealt first\n", true);
    expect_plan(BASE "  unlearn.method: [original, retrain]\n",
                "\n1 run is compared with 1 retrained model, dealt first\n", true);
    expect_plan(BASE "  unlearn.method: [retrain]\n", "compared", false);
    expect_plan(BASE "  unlearn.method: [finetune]\n", "compared", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed_and_class), cmocka_unit_test(test_what_must_agree),
        cmocka_unit_test(test_without_seed),   cmocka_unit_test(test_two_recipes),
        cmocka_unit_test(test_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
