/* Ids: what changes them, what does not, and a committed list, so that no change goes unnoticed. */
#include "loading.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE                                                                                       \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.th}\n"                                                   \
    "  data: {path: d, mean: published, std: published}\n"                                         \
    "  forget.class: 3\n"
#define ALL_METHODS                                                                                \
    "parameters:\n"                                                                                \
    "  unlearn.method: [original, retrain, finetune, prune_finetune, lora, prune_lora]\n"

/* Changing what an id is made of orphans every result there is: raise the identity's version, and
 * this list, knowingly. The files are absent, so their paths stand for their content. */
static void test_golden(void **state)
{
    static const char golden[] = "6dea799c212375d3\n" /* original, which reads no seed */
                                 "6dea799c212375d3\n"
                                 "f960b42688159542\n"
                                 "9462a91d03db1204\n"
                                 "a744c48bdb430093\n"
                                 "b44dd2362ae78db9\n"
                                 "7f24b5275bbcca3a\n"
                                 "b13d9d6fc588584b\n"
                                 "bef03ef8fed77de3\n"
                                 "71f568f05e6739b8\n"
                                 "0143c4e6aa6d34c1\n"
                                 "9916efcae4f667b7\n";

    (void)state;
    char *ids = ids_of(BASE ALL_METHODS "seeds: [0, 1]\n", NULL);
    assert_string_equal(ids, golden);
    free(ids);
}

static void check_same(const char *a, const char *b, bool is_same);

/* However a composition was asked for, it is one run. */
static void test_compositions(void **state)
{
    static const char *const same[][2] = {
        {"  unlearn: {method: finetune, prune: true, adapt: lora}\n",
         "  unlearn.method: prune_lora\n"},
        {"  unlearn: {method: finetune, prune: true}\n", "  unlearn.method: prune_finetune\n"},
        {"  unlearn: {method: prune_lora, prune: false}\n", "  unlearn.method: lora\n"},
        {"  unlearn: {method: lora, adapt: none}\n", "  unlearn.method: finetune\n"},
        {"  unlearn: {method: lora, adapt: method, prune: method}\n", "  unlearn.method: lora\n"},
        {"  unlearn: {method: retrain, prune: false}\n", "  unlearn.method: retrain\n"},
        {"  unlearn: {method: original, prune: true}\n  lora.rank: 3\n  train.lr: 1\n",
         "  unlearn: {method: original, prune: true, adapt: none}\n"},
    };
    static const char *const other[][2] = {
        {"  unlearn: {method: original, prune: true}\n", "  unlearn.method: original\n"},
        {"  unlearn: {method: original, prune: true}\n  prune.sparsity: 0.3\n",
         "  unlearn: {method: original, prune: true}\n"},
    };
    char a[1024], b[1024];

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same + sizeof other / sizeof *other; i++) {
        bool is_same = i < sizeof same / sizeof *same;
        const char *const *pair = is_same ? same[i] : other[i - sizeof same / sizeof *same];
        snprintf(a, sizeof a, "%s%s", BASE, pair[0]);
        snprintf(b, sizeof b, "%s%s", BASE, pair[1]);
        check_same(a, b, is_same);
    }
}

static void check_same(const char *a, const char *b, bool is_same)
{
    char *ids_a = ids_of(a, NULL), *ids_b = ids_of(b, NULL);

    if ((strcmp(ids_a, ids_b) == 0) != is_same)
        fail_msg("ids are %s of\n%s\nand\n%s", is_same ? "not those" : "those", a, b);
    free(ids_a);
    free(ids_b);
}

/* The same meaning, written in another way. */
static void test_same(void **state)
{
    static const char *const added[] = {
        "  lora.rank: 8\n",                   /* a default, written */
        "  lora: {rank: 8, alpha: 16}\n",     /* nested */
        "  lora.alpha: 16.0\n",               /* 16 and 16.0 */
        "  train.lr: 0.001\n",                /* 1e-3 */
        "  train: {lr: 1.0e-3, epochs: 5}\n", /* and so on */
        "  prune.sparsity: .5\n",
        "  lora.targets: 'layer[0-9]+\\.[0-9]+\\.conv[123]'\n",  /* what default means */
        "  train.momentum: 0.3\n",                               /* Adam has none */
        "  train.gamma: 0.5\n",                                  /* a constant schedule has none */
        "  train: {augment: false, drop_last: no, warmup: 0}\n", /* as ever */
        "  train: {schedule_unit: step, pct_start: 0.4, div_factor: 10}\n", /* nor these */
        "  train: {milestones: [2], final_div_factor: 10}\n",
        "  eval.relearn: {every: 7, distance: 0.2, batch_size: 64, lr: 0.5}\n", /* not measured */
        "  base.train: {augment: true, schedule_unit: epoch, nesterov: false}\n",
        "  train: {nesterov: true, decay_on: weights}\n", /* Adam, and no decay */
        "  train: {clip_norm: 0, mixup: 0, cutout: 0, label_smoothing: 0.0}\n",
        "  eval.mia: loss_lr\n",
        "  resources.threads: 3\n", /* how it runs */
        "  checkpoint: {every: 1h, keep: none}\n",
        "  eval.batch_size: 7\n",
        "  precision: fp32\n",
        "  batch_norm: train\n",
        "  model.vit: {layers: 3, width: 64}\n", /* of another architecture */
        "  lora.mha_out_proj: ignore\n",
        "  prune.protect_head: false\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
        char *config = text_joined(BASE, added[i]);
        char *yaml = text_joined(config, ALL_METHODS);
        check_same(BASE ALL_METHODS, yaml, true);
        free(config);
        free(yaml);
    }
    check_same(BASE ALL_METHODS "on_failure: {retries: 9}\n", BASE ALL_METHODS, true);
    check_same(
        "config: {model.arch: resnet20, model.weights: w.th, forget: {class: 3},\n"
        "         data: {path: d, mean: [.4914, .4822, .4465], std: published}}\n" ALL_METHODS,
        BASE ALL_METHODS, true);
}

static void check_changed(const char *method, const char *added, bool is_changed)
{
    char *with_method = text_joined(BASE "  unlearn.method: ", method);
    char *plain = text_joined(with_method, "\n");
    char *changed = text_joined(plain, added);

    check_same(plain, changed, !is_changed);
    free(with_method);
    free(plain);
    free(changed);
}

/* Every setting counts for the methods that read it and for no other. */
static void test_changed(void **state)
{
    static const struct {
        const char *added;
        bool original, retrain, finetune, prune_lora;
    } cases[] = {
        {"  train.lr: 2e-3\n", false, false, true, true},
        {"  train.optimizer: sgd\n", false, false, true, true},
        {"  train: {schedule: step, milestones: [2]}\n", false, false, true, true},
        {"  train.augment: flip\n", false, false, true, true},
        {"  train.augment: true\n", false, false, true, true},
        {"  train.warmup: 3\n", false, false, true, true},
        {"  train.clip_norm: 1\n", false, false, true, true},
        {"  train.mixup: 0.2\n", false, false, true, true},
        {"  train.cutout: 8\n", false, false, true, true},
        {"  train.label_smoothing: 0.1\n", false, false, true, true},
        {"  base.train.nesterov: true\n", false, true, false, false},
        {"  base.train.decay_on: weights\n", false, true, false, false},
        {"  train.schedule: one_cycle\n", false, false, true, true},
        {"  base.train: {schedule: cosine, schedule_unit: step}\n", false, true, false, false},
        {"  base.train.drop_last: true\n", false, true, false, false},
        {"  base.train.lr: 0.2\n", false, true, false, false},
        {"  base: {train: {milestones: [100, 151]}}\n", false, true, false, false},
        {"  prune.sparsity: 0.4\n", false, false, false, true},
        {"  prune.mask: baked\n", false, false, false, true},
        {"  lora.targets: 'layer1.*'\n", false, false, false, true},
        {"  batch_norm: freeze\n", false, false, true, true},
        {"  batch_norm: recalibrate\n", false, false, true, true},
        {"  eval.seed: 1\n", true, true, true, true},
        {"  precision: tf32\n", true, true, true, true},
        {"  precision: bf16\n", true, true, true, true},
        {"seeds: [1]\n", false, true, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_changed("original", cases[i].added, cases[i].original);
        check_changed("retrain", cases[i].added, cases[i].retrain);
        check_changed("finetune", cases[i].added, cases[i].finetune);
        check_changed("prune_lora", cases[i].added, cases[i].prune_lora);
    }
    check_same(BASE "  train.schedule: cosine\n" ALL_METHODS,
               BASE "  train: {schedule: cosine, schedule_unit: step}\n" ALL_METHODS, false);
    check_same(BASE "  train.schedule: one_cycle\n" ALL_METHODS,
               BASE "  train: {schedule: one_cycle, div_factor: 10}\n" ALL_METHODS, false);
    check_same(BASE "  batch_norm: freeze\n" ALL_METHODS,
               BASE "  batch_norm: recalibrate\n" ALL_METHODS, false);
    check_same(BASE "  precision: tf32\n" ALL_METHODS, BASE "  precision: bf16\n" ALL_METHODS,
               false);
}

#define VIT                                                                                        \
    "config:\n"                                                                                    \
    "  model: {arch: simple_vit, weights: w.th}\n"                                                 \
    "  data: {path: d, mean: published, std: published}\n"                                         \
    "  forget.class: 3\n"

/* What only a vision transformer reads, and its own defaults. */
static void test_vit(void **state)
{
    static const struct {
        const char *added;
        bool is_same;
    } cases[] = {
        {"  lora: {rank: 16, alpha: 32}\n", true},
        {"  lora.rank: 8\n", false},
        {"  model.vit: {patch: 4, layers: 12, heads: 6, width: 384, mlp: 1536}\n", true},
        {"  model.vit.layers: 11\n", false},
        {"  lora.mha_out_proj: adapt\n", true},
        {"  lora.mha_out_proj: ignore\n", false},
        {"  prune.protect_head: false\n", false},
        {"  lora.targets: 'encoder\\.layers\\.encoder_layer_11\\.self_attention\\.out_proj|"
         "heads\\.head'\n",
         true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *yaml = text_joined(VIT "  unlearn.method: prune_lora\n", cases[i].added);
        check_same(VIT "  unlearn.method: prune_lora\n", yaml, cases[i].is_same);
        free(yaml);
    }
}

/* What the results folder keeps loads to the same runs and says the same again. */
static void test_resolved(void **state)
{
    const char *const sets[] = {"prune.sparsity=0.25,0.75", "train.lr=0.01", "lora.targets='lay.*'",
                                "description='a \"quoted\" \\ text: # no comment'", NULL};
    const char *yaml =
        BASE ALL_METHODS "  lora.rank: {range: [1, 2]}\n"
                         "  data.dataset: {value: cifar10}\n"
                         "  train.milestones: {values: [[], [1, 2]]}\n"
                         "exclude: [{lora.rank: 2, unlearn.method: lora}]\n"
                         "include: [{unlearn.method: finetune, train.milestones: []}]\n"
                         "seeds: [3, 1]\n"
                         "run_cap: 500\n"
                         "on_failure: {max_fails: 3}\n"
                         "compat: lora-unlearn\n"
                         "resources: {threads: 2}\n";

    (void)state;
    struct loaded first = load_good(yaml, sets);
    struct loaded again = load_good(first.sweep->resolved_yaml, NULL);
    assert_string_equal(again.sweep->resolved_yaml, first.sweep->resolved_yaml);
    assert_int_equal(again.sweep->n_runs, first.sweep->n_runs);
    assert_int_equal(again.sweep->n_points, first.sweep->n_points);
    for (int64_t i = 0; i < first.sweep->n_runs; i++) {
        assert_string_equal(again.sweep->runs[i].id, first.sweep->runs[i].id);
        assert_string_equal(again.sweep->runs[i].name, first.sweep->runs[i].name);
    }
    assert_string_equal(again.sweep->description, "a \"quoted\" \\ text: # no comment");
    assert_int_equal(again.sweep->max_fails, 3);
    assert_int_equal(again.sweep->runs[0].settings.resources.threads, 2);
    loaded_release(&first);
    loaded_release(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden), cmocka_unit_test(test_compositions),
        cmocka_unit_test(test_same),   cmocka_unit_test(test_changed),
        cmocka_unit_test(test_vit),    cmocka_unit_test(test_resolved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
