/* Ids of many sweeps against a recorded list. Whoever changes what an id is made of orphans every
 * result there is, so the identity's version must change with it, and then the list:
 *   test_sweep_recorded > tests/unit/sweep/identities.txt, with RECORD_IDENTITIES set. */
#include "loading.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "sweep/points/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD                                                                                       \
    "config:\n  model: {arch: resnet20, weights: w.th}\n"                                          \
    "  data: {path: d, mean: published, std: published}\n"
#define METHODS                                                                                    \
    "parameters:\n"                                                                                \
    "  unlearn.method: [original, retrain, finetune, prune_finetune, lora, prune_lora]\n"          \
    "  forget.class: [3, 7]\n"

/* Together every setting that is part of an identity, away from its default. */
static const struct {
    const char *name, *yaml;
} cases[] = {
    {"defaults", HEAD METHODS},
    {"seeds", HEAD METHODS "seeds: [0, 1, 77]\n"},
    {"published", HEAD METHODS "compat: lora-unlearn\n"},
    {"resnet50", HEAD METHODS "  eval.seed: [1]\n"
                              "include: [{model.arch: resnet50, unlearn.method: lora, "
                              "forget.class: 1, model.weights: c.pth, eval.seed: 2}]\n"},
    {"cifar100", "config:\n  model: {arch: resnet18, weights: w.th}\n"
                 "  data: {dataset: cifar100, path: d, mean: [0.5, .25, 1e-1], std: [1, 2, 3]}\n"
                 "  precision: tf32\n"
                 "parameters:\n  unlearn.method: [retrain, lora]\n  forget.class: [99, 0]\n"},
    {"training", HEAD "  train: {epochs: 7, batch_size: 64, optimizer: sgd, lr: 0.025,\n"
                      "    momentum: 0.8, weight_decay: 1e-5, schedule: step,\n"
                      "    milestones: [2, 5], gamma: 0.3, augment: true}\n" METHODS},
    {"base training",
     HEAD "  base.train: {epochs: 7, batch_size: 64, optimizer: adamw, lr: 0.025,\n"
          "    weight_decay: 1e-5, schedule: constant, augment: false}\n" METHODS},
    {"adapters", HEAD "  lora: {targets: 'layer[12].*', dropout: 0.25}\n" METHODS
                      "  lora.rank: [1, 2]\n  lora.alpha: [\"${lora.rank / 3}\", 1e5]\n"},
    {"pruning", HEAD METHODS "  prune.mask: [held, held_merged, baked]\n"
                             "  prune.sparsity: [0, 0.3, 0.95]\n"},
    {"base", "config:\n  model.arch: resnet110\n"
             "  data: {path: d, mean: [.5, .5, .5], std: [.2, .2, .2]}\n"
             "  unlearn.method: retrain\n  forget.class: none\n"},
    {"drawn by chance",
     HEAD METHODS "  train.lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}\n"
                  "  train.weight_decay: {distribution: log_normal, mu: -9, sigma: 1}\n"
                  "  lora.rank: {min: 1, max: 64}\nmethod: random\nrun_cap: 12\n"},
    {"drawn by sobol",
     HEAD METHODS "  train.lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}\n"
                  "  prune.sparsity: {distribution: normal, mu: 0.5, sigma: 0.05}\n"
                  "  lora.alpha: {distribution: q_uniform, min: 0.1, max: 40, q: 0.1}\n"
                  "method: sobol\nrun_cap: 12\n"},
    {"validation", HEAD METHODS "  data.validation: [0, 0.1, 4000]\n  data.split_seed: [0, 5]\n"},
    {"forgetting",
     HEAD "parameters:\n  unlearn.method: [original, retrain, lora]\n"
          "  forget.fraction: [0.1, 1]\n  forget.seed: [0, 3]\n  forget.within: [none, 4]\n"
          "include:\n"
          "- {unlearn.method: retrain, forget.class: 3}\n"
          "- {unlearn.method: retrain, forget.classes: [3]}\n"
          "- {unlearn.method: retrain, forget.classes: [7, 3]}\n"
          "- {unlearn.method: retrain, forget.count: 500, forget.seed: 1, forget.within: none}\n"
          "- {unlearn.method: retrain, forget.indices: 'no such/list 1.txt'}\n"
          "- {unlearn.method: retrain, forget.superclass: 19, data.dataset: cifar100}\n"},
};

static void print_all(struct text *out)
{
    text_append(out, IDENTITY_LINE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct loaded loaded = load_good(cases[i].yaml, NULL);
        text_append(out, "\n%s\n", cases[i].name);
        for (int64_t k = 0; k < loaded.sweep->n_runs; k++)
            text_append(out, "%s %s\n", loaded.sweep->runs[k].id, loaded.sweep->runs[k].name);
        loaded_release(&loaded);
    }
}

/* The first line in which two texts differ. */
static const char *first_difference(const char *a, const char *b)
{
    const char *line = a;

    for (; *a != '\0' && *a == *b; a++, b++)
        if (*a == '\n')
            line = a + 1;
    return line;
}

static void test_recorded(void **state)
{
    struct text now = {0};
    char *recorded = NULL;
    int64_t n = 0;

    (void)state;
    print_all(&now);
    assert_int_equal(file_read(IDENTITIES, &recorded, &n), STATUS_OK);
    if (strncmp(recorded, IDENTITY_LINE, sizeof IDENTITY_LINE - 1) != 0)
        fail_msg("the identity has another version than identities.txt; record its ids");
    if (strcmp(recorded, text_value(&now)) != 0)
        fail_msg("ids changed and the identity's version did not; the first is\n%.60s",
                 first_difference(text_value(&now), recorded));
    free(recorded);
    text_release(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded)};
    struct text now = {0};

    if (getenv("RECORD_IDENTITIES") == NULL)
        return cmocka_run_group_tests(tests, NULL, NULL);
    print_all(&now);
    fputs(text_value(&now), stdout);
    text_release(&now);
    return 0;
}
