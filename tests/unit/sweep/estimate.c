/* Costs counted from graphs against published counts, rates from runs worked out by hand, dealing
 * against trying every way. */
#include "sweep/plan/estimate.h"

#include "loading.h"
#include "support/cmocka.h"
#include "sweep/points/unread_settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BASE                                                                                       \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.th}\n"                                                   \
    "  data: {path: absent, mean: published, std: published}\n"                                    \
    "  forget.class: 3\n"                                                                          \
    "  train.epochs: 2\n"                                                                          \
    "parameters:\n"

/* ---- cost ---- */

static struct cost cost_of_arch(const char *arch, const char *parameters)
{
    const char *const sets[] = {arch, NULL};
    char yaml[1024];
    struct costs *costs = NULL;
    struct cost cost = {0}, again = {0};

    snprintf(yaml, sizeof yaml, BASE "%s", parameters);
    struct loaded loaded = load_good(yaml, sets);
    assert_int_equal(costs_create(&costs), STATUS_OK);
    assert_int_equal(costs_of(costs, &loaded.sweep->runs[0].settings, &cost), STATUS_OK);
    assert_int_equal(costs_of(costs, &loaded.sweep->runs[0].settings, &again), STATUS_OK);
    assert_memory_equal(&cost, &again, sizeof cost); /* remembered */
    costs_destroy(costs);
    loaded_release(&loaded);
    return cost;
}

static struct cost cost_of(const char *parameters)
{
    return cost_of_arch("model.arch=resnet20", parameters);
}

/* Multiplications of resnet20 for one image, from the shapes of its layers: maps of 32, 16 and 8
 * pixels, 3 × 3 filters of 16, 32 and 64 channels, six layers each, and the classifier. */
enum {
    FIRST_LAYER = 32 * 32 * 16 * 27,
    LAYER = 32 * 32 * 16 * 16 * 9, /* 16 × 16 × 32 × 32 and 8 × 8 × 64 × 64 are as many */
    ALL = FIRST_LAYER + 16 * LAYER + 2 * (LAYER / 2) /* halved maps, doubled channels */ + 64 * 10
};

static void test_forward(void **state)
{
    struct cost cost = cost_of("  unlearn.method: [original]\n");

    (void)state;
    assert_true(cost.eval_flops == 2.0 * ALL * 60000);
    assert_true(cost.train_flops == 0);
}

/* Forward, gradients of weights and gradients of maps, which the first layer does not need. */
static void test_training(void **state)
{
    struct cost finetune = cost_of("  unlearn.method: [finetune]\n");
    struct cost retrain = cost_of("  unlearn.method: [retrain]\n  base.train.epochs: [4]\n");
    struct cost lora = cost_of("  unlearn.method: [lora]\n");

    (void)state;
    assert_true(finetune.train_flops == 2 * (3.0 * ALL - FIRST_LAYER) * 45000 * 2);
    assert_true(retrain.train_flops == 2 * finetune.train_flops);
    assert_true(lora.train_flops < finetune.train_flops); /* frozen weights need no gradient */
    assert_true(lora.train_flops > 2 * 2.0 * ALL * 45000);
    assert_true(lora.eval_flops > finetune.eval_flops);
}

/* Recalibrating is a forward pass over what was trained on; frozen, batch norm has as many
 * products.
 */
static void test_batch_norm(void **state)
{
    struct cost plain = cost_of("  unlearn.method: [finetune]\n");
    struct cost anew = cost_of("  unlearn.method: [finetune]\n  batch_norm: [recalibrate]\n");
    struct cost frozen = cost_of("  unlearn.method: [finetune]\n  batch_norm: [freeze]\n");
    struct cost retrain = cost_of("  unlearn.method: [retrain]\n");
    struct cost same = cost_of("  unlearn.method: [retrain]\n  batch_norm: [recalibrate]\n");

    (void)state;
    assert_true(anew.eval_flops - plain.eval_flops == 2.0 * ALL * 45000);
    assert_true(anew.train_flops == plain.train_flops);
    assert_memory_equal(&frozen, &plain, sizeof plain);
    assert_memory_equal(&same, &retrain, sizeof same);
}

/* A vision transformer as published: 64 tokens of width 384 through twelve layers of four products
 * (in_proj, out_proj and the two of the MLP), patches of 48 numbers, the head. */
static void test_transformer(void **state)
{
    const double layer = 64.0 * 384 * (3 * 384 + 384 + 2 * 1536);
    const double forward = 12 * layer + 64.0 * 48 * 384 + 384 * 10;
    struct cost original = cost_of_arch("model.arch=simple_vit", "  unlearn.method: [original]\n");
    struct cost lora = cost_of_arch("model.arch=simple_vit", "  unlearn.method: [lora]\n");
    struct cost thin = cost_of_arch("model.arch=simple_vit",
                                    "  unlearn.method: [original]\n  model.vit.layers: [6]\n");

    (void)state;
    assert_true(original.eval_flops == 2 * forward * 60000);
    assert_true(thin.eval_flops == 2 * (forward - 6 * layer) * 60000);
    /* adapters stand in the last layer: little more than forward */
    assert_true(lora.train_flops > 2 * forward * 90000);
    assert_true(lora.train_flops < 1.2 * 2 * forward * 90000);
}

/* An adapter that nothing reads costs nothing, also after one that costs something. */
static void test_ignored_adapters(void **state)
{
    const char *const sets[] = {"model.arch=simple_vit", NULL};
    struct loaded loaded = load_good(BASE "  unlearn.method: [lora]\n"
                                          "  lora.mha_out_proj: [adapt, ignore]\n",
                                     sets);
    struct costs *costs = NULL;
    struct cost adapted = {0}, ignored = {0};

    (void)state;
    assert_int_equal(costs_create(&costs), STATUS_OK);
    assert_int_equal(costs_of(costs, &loaded.sweep->runs[0].settings, &adapted), STATUS_OK);
    assert_int_equal(costs_of(costs, &loaded.sweep->runs[1].settings, &ignored), STATUS_OK);
    /* rank 16, of 64 tokens of 384 channels there and back */
    assert_true(adapted.eval_flops - ignored.eval_flops == 2 * 2.0 * 64 * 384 * 16 * 60000);
    costs_destroy(costs);
    loaded_release(&loaded);
}

static double disk_of(const char *parameters, const char *set)
{
    const char *const sets[] = {"model.arch=resnet20", set, NULL};
    char yaml[1024];
    struct costs *costs = NULL;
    double bytes = 0;

    snprintf(yaml, sizeof yaml, BASE "%s", parameters);
    struct loaded loaded = load_good(yaml, sets);
    assert_int_equal(costs_create(&costs), STATUS_OK);
    assert_int_equal(costs_disk(costs, &loaded.sweep->runs[0].settings, &bytes), STATUS_OK);
    costs_destroy(costs);
    loaded_release(&loaded);
    return bytes;
}

/* 269 722 parameters and 1 376 running values; two epochs. */
static void test_disk(void **state)
{
    const double weights = 4.0 * (269722 + 1376);
    double none = disk_of("  unlearn.method: [finetune]\n", "checkpoint.keep=none");
    double lora = disk_of("  unlearn.method: [lora]\n", "checkpoint.keep=final");

    (void)state;
    assert_true(none == disk_of("  unlearn.method: [original]\n", "checkpoint.keep=final"));
    assert_true(disk_of("  unlearn.method: [finetune]\n", "checkpoint.keep=final") ==
                none + weights);
    assert_true(disk_of("  unlearn.method: [finetune]\n", "checkpoint.keep=all") ==
                none + 3 * weights);
    assert_true(lora ==
                none + weights + 4.0 * (50954 - 650)); /* but for the head, which is there */
}

/* ---- estimates ---- */

static struct estimate estimate_of(const struct past_run *runs, int64_t n, const char *arch,
                                   const char *method, double train_flops)
{
    struct estimator *estimator = NULL;
    struct settings settings = {.model.arch = arch, .unlearn.method = method};
    const struct cost cost = {train_flops, 100};
    const struct estimator_settings given = {runs, n, 50};

    assert_int_equal(estimator_create(&given, &estimator), STATUS_OK);
    struct estimate estimate = estimator_of(estimator, &settings, &cost);
    estimator_destroy(estimator);
    return estimate;
}

static void expect(struct estimate got, enum estimate_basis basis, double seconds, int64_t n_runs)
{
    assert_int_equal(got.basis, basis);
    assert_int_equal(got.n_runs, n_runs);
    if (fabs(got.seconds - seconds) > 1e-9 * seconds)
        fail_msg("estimated %g s, wanted %g s", got.seconds, seconds);
}

static void test_rates(void **state)
{
    /* 0.1 s per product of training, 0.01 of evaluation, 1 s besides; lora is twice as slow */
    static const struct past_run runs[] = {
        {"resnet20", "finetune", "", {1000, 100}, 100, 1, 1},
        {"resnet20", "finetune", "", {2000, 100}, 200, 1, 1},
        {"resnet20", "lora", "", {1000, 100}, 200, 1, 1},
        {"resnet20", "original", "", {0, 100}, 0, 1, 1},
    };

    (void)state;
    expect(estimate_of(runs, 4, "resnet20", "finetune", 5000), BASIS_METHOD, 502, 2);
    expect(estimate_of(runs, 4, "resnet20", "lora", 5000), BASIS_METHOD, 1002, 1);
    expect(estimate_of(runs, 4, "resnet20", "prune_lora", 4000), BASIS_ARCHITECTURE, 502, 4);
    expect(estimate_of(runs, 4, "resnet50", "lora", 4000), BASIS_ANY, 502, 4);
    expect(estimate_of(runs, 0, "resnet50", "lora", 4900), BASIS_ASSUMED, 100, 0);
    /* what never trained says nothing about training, but all about evaluating */
    expect(estimate_of(runs + 3, 1, "resnet20", "finetune", 4900), BASIS_ASSUMED, 100, 0);
    expect(estimate_of(runs + 3, 1, "resnet20", "original", 0), BASIS_METHOD, 2, 1);
}

static void test_uncertainty(void **state)
{
    static const struct past_run even[] = {
        {"a", "m", "", {100, 0}, 10, 0, 0},
        {"a", "m", "", {100, 0}, 10, 0, 0},
        {"a", "m", "", {100, 0}, 10, 0, 0},
    };
    static const struct past_run uneven[] = {
        {"a", "m", "", {100, 0}, 5, 0, 0},
        {"a", "m", "", {100, 0}, 10, 0, 0},
        {"a", "m", "", {100, 0}, 15, 0, 0},
    };

    (void)state;
    assert_true(estimate_of(even, 3, "a", "m", 100).factor == 1.15); /* never surer */
    assert_true(estimate_of(even, 2, "a", "m", 100).factor == 1.5);  /* two runs tell little */
    assert_true(fabs(estimate_of(uneven, 3, "a", "m", 100).factor - 2) < 1e-12); /* 2 σ = 1 */
    assert_true(estimate_of(even, 3, "b", "m", 100).factor == 2);
    assert_true(estimate_of(even, 0, "a", "m", 100).factor == 4);
}

/* ---- dealing ---- */

static void test_makespan(void **state)
{
    static const double seconds[] = {3, 3, 2, 2, 2};
    double got = 0;
    int64_t n = -1;

    (void)state;
    assert_int_equal(makespan(seconds, 5, 1, &got), STATUS_OK);
    assert_true(got == 12);
    assert_int_equal(makespan(seconds, 5, 2, &got), STATUS_OK);
    assert_true(got == 7); /* the rule's own: 3+2+2, the best is 6 */
    assert_int_equal(makespan(seconds, 5, 100, &got), STATUS_OK);
    assert_true(got == 3);
    assert_int_equal(makespan(NULL, 0, 4, &got), STATUS_OK);
    assert_true(got == 0);
    assert_int_equal(makespan_trainers(seconds, 5, 12, &n), STATUS_OK);
    assert_int_equal(n, 1);
    assert_int_equal(makespan_trainers(seconds, 5, 5, &n), STATUS_OK);
    assert_int_equal(n, 3);
    assert_int_equal(makespan_trainers(seconds, 5, 2.9, &n), STATUS_OK);
    assert_int_equal(n, 0); /* the longest alone is longer */
}

/* Never below the share of each trainer or the longest run, never above 4/3 of the best way, found
 * by trying them all. */
static double best_way(const double *seconds, int n, double *trainers, int n_trainers)
{
    double best = INFINITY;

    if (n == 0) {
        best = 0;
        for (int i = 0; i < n_trainers; i++)
            best = fmax(best, trainers[i]);
        return best;
    }
    for (int i = 0; i < n_trainers; i++) {
        trainers[i] += seconds[n - 1];
        best = fmin(best, best_way(seconds, n - 1, trainers, n_trainers));
        trainers[i] -= seconds[n - 1];
    }
    return best;
}

static void test_makespan_bound(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (int trial = 0; trial < 50; trial++) {
        double seconds[7], trainers[3] = {0}, got = 0;
        for (int i = 0; i < 7; i++) {
            random = random * 1664525u + 1013904223u;
            seconds[i] = 1 + (random >> 24);
        }
        double best = best_way(seconds, 7, trainers, 3);
        assert_int_equal(makespan(seconds, 7, 3, &got), STATUS_OK);
        assert_true(got >= best - 1e-9 && got <= best * 4 / 3 + 1e-9);
    }
}

/* ---- why points were merged ---- */

static void test_merged(void **state)
{
    struct loaded loaded = load_good(BASE "  unlearn.method: [original, finetune, prune_lora]\n"
                                          "  prune.sparsity: [0.3, 0.5]\n"
                                          "  lora.rank: [4, 8]\n"
                                          "seeds: 2\n",
                                     NULL);
    struct unread_settings *rows = NULL;
    int64_t n = 0;

    (void)state;
    assert_int_equal(unread_settings_find(loaded.sweep, loaded.sweep->arena, &rows, &n), STATUS_OK);
    assert_int_equal(n, 3);
    assert_string_equal(rows[0].method, "original");
    assert_int_equal(rows[0].n_points, 8);
    assert_int_equal(rows[0].n_runs, 1);
    assert_int_equal(rows[0].n_unread, 3);
    assert_string_equal(rows[0].unread[2], "seed");
    assert_int_equal(rows[1].n_runs, 2);
    assert_int_equal(rows[1].n_unread, 2);
    assert_string_equal(rows[1].unread[0], "prune.sparsity");
    assert_string_equal(rows[1].unread[1], "lora.rank");
    assert_int_equal(rows[2].n_runs, 8);
    assert_int_equal(rows[2].n_unread, 0);
    loaded_release(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),     cmocka_unit_test(test_training),
        cmocka_unit_test(test_rates),       cmocka_unit_test(test_uncertainty),
        cmocka_unit_test(test_makespan),    cmocka_unit_test(test_makespan_bound),
        cmocka_unit_test(test_merged),      cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_transformer), cmocka_unit_test(test_ignored_adapters),
        cmocka_unit_test(test_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
