/* Sobol's sequence against the definition of what it promises, distributions against theirs. */
#include "sweep/spec/draw.h"

#include "support/cmocka.h"
#include "sweep/spec/sobol.h"

#include <math.h>
#include <string.h>

static const struct setting *setting_of(const char *name)
{
    assert_true(setting_find(name) >= 0);
    return setting_at(setting_find(name));
}

/* The first points of the first dimensions, from the recurrence by hand: 1/2, then 1/4 and 3/4 in
 * the order that the direction numbers 1, 3 give. */
static void test_first_points(void **state)
{
    static const double wanted[3][4] = {
        {0, 0.5, 0.25, 0.75}, {0, 0.5, 0.75, 0.25}, {0, 0.5, 0.75, 0.25}};
    static const double eighths[3] = {0.125, 0.625, 0.375}; /* index 4 */

    (void)state;
    for (int d = 0; d < 3; d++) {
        for (uint32_t i = 0; i < 4; i++)
            assert_true(sobol_point(d, i) * 0x1p-32 == wanted[d][i]);
        assert_true(sobol_point(d, 4) * 0x1p-32 == eighths[d]);
    }
}

/* In every dimension each aligned block of 2^k points has one in each of the 2^k equal parts, plain
 * and scrambled. */
static void test_strata(void **state)
{
    enum { K = 7, N = 1 << K };

    (void)state;
    for (int d = 0; d < SOBOL_DIMENSIONS; d++) {
        for (uint32_t block = 0; block < 3; block++) {
            bool has_plain[N] = {false}, has_scrambled[N] = {false};
            for (uint32_t i = 0; i < N; i++) {
                uint32_t point = sobol_point(d, block * N + i);
                has_plain[point >> (32 - K)] = true;
                has_scrambled[sobol_scrambled(point, 99) >> (32 - K)] = true;
            }
            for (int i = 0; i < N; i++)
                assert_true(has_plain[i] && has_scrambled[i]);
        }
    }
}

/* The first two dimensions together: 2^k points have one in each of the 2^k boxes of every shape.
 */
static void test_boxes(void **state)
{
    enum { K = 8, N = 1 << K };

    (void)state;
    for (int a = 0; a <= K; a++) {
        bool has[N] = {false};
        for (uint32_t i = 0; i < N; i++) {
            uint32_t x = sobol_scrambled(sobol_point(0, i), 1);
            uint32_t y = sobol_scrambled(sobol_point(1, i), 2);
            uint32_t column = a > 0 ? x >> (32 - a) : 0, row = a < K ? y >> (32 - (K - a)) : 0;
            has[column << (K - a) | row] = true;
        }
        for (int i = 0; i < N; i++)
            assert_true(has[i]);
    }
}

/* Scrambling keeps what points have in common: as many leading digits, then another. */
static void test_scrambling(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t a = i * 2654435761u, b = a ^ (1u << (i % 32));
        uint32_t difference = sobol_scrambled(a, i) ^ sobol_scrambled(b, i);
        assert_int_equal(31 - __builtin_clz(difference), i % 32);
    }
    assert_int_not_equal(sobol_scrambled(0, 1), sobol_scrambled(0, 2));
}

/* Each setting has numbers of its own, in (0, 1), and the same ones always: a change here changes
 * the points of every random and sobol sweep there is. */
static void test_fractions(void **state)
{
    static const struct {
        const char *name;
        enum draw_method method;
        double wanted[2];
    } cases[] = {
        {"train.lr", DRAW_BY_CHANCE, {0.549539658357, 0.207392423996}},
        {"lora.rank", DRAW_BY_CHANCE, {0.862218562397, 0.300187299144}},
        {"train.lr", DRAW_BY_SOBOL, {0.764853573521, 0.405558247934}},
        {"lora.rank", DRAW_BY_SOBOL, {0.94271326426, 0.124183592503}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct draw_stream stream = draw_stream_of(cases[i].method, setting_of(cases[i].name));
        for (int k = 0; k < 2; k++) {
            double got = draw_fraction(&stream, k);
            if (fabs(got - cases[i].wanted[k]) > 1e-11)
                fail_msg("%s %d: wanted %.17g, got %.17g", cases[i].name, k, cases[i].wanted[k],
                         got);
        }
    }
}

/* No two settings share a dimension: they would rise and fall together. */
static void test_dimensions(void **state)
{
    bool is_taken[SOBOL_DIMENSIONS] = {false};

    (void)state;
    for (int i = 0; i < setting_count(); i++) {
        int dimension = draw_stream_of(DRAW_BY_SOBOL, setting_at(i)).dimension;
        assert_in_range(dimension, 0, SOBOL_DIMENSIONS - 1);
        assert_false(is_taken[dimension]);
        is_taken[dimension] = true;
    }
}

/* As they have been since each came: a dimension that changes changes what every sobol sweep over
 * its setting draws. Names are added at the end, and nowhere else. */
static const char *const dimensions[] = {
    "train.lr",
    "prune.sparsity",
    "lora.rank",
    "train.epochs",
    "lora.alpha",
    "lora.dropout",
    "train.weight_decay",
    "forget.class",
    "train.batch_size",
    "unlearn.method",
    "base.train.lr",
    "base.train.epochs",
    "train.momentum",
    "base.train.weight_decay",
    "model.arch",
    "model.weights",
    "model.vit.patch",
    "model.vit.layers",
    "model.vit.heads",
    "model.vit.width",
    "model.vit.mlp",
    "data.dataset",
    "data.path",
    "data.mean",
    "data.std",
    "train.optimizer",
    "train.schedule",
    "train.milestones",
    "train.gamma",
    "train.augment",
    "base.train.batch_size",
    "base.train.optimizer",
    "base.train.momentum",
    "base.train.schedule",
    "base.train.milestones",
    "base.train.gamma",
    "base.train.augment",
    "prune.mask",
    "prune.protect_head",
    "lora.targets",
    "lora.mha_out_proj",
    "eval.mia",
    "eval.seed",
    "eval.batch_size",
    "seed",
    "resources.threads",
    "resources.device",
    "resources.gpus",
    "checkpoint.every",
    "checkpoint.keep",
    "data.validation",
    "data.split_seed",
    "forget.kind",
    "forget.classes",
    "forget.superclass",
    "forget.fraction",
    "forget.count",
    "forget.within",
    "forget.seed",
    "forget.indices",
    "train.drop_last",
    "train.nesterov",
    "train.decay_on",
    "train.clip_norm",
    "train.schedule_unit",
    "train.warmup",
    "train.pct_start",
    "train.div_factor",
    "train.final_div_factor",
    "train.cutout",
    "train.mixup",
    "train.label_smoothing",
    "train.select",
    "train.patience",
    "train.validate_every",
    "base.train.drop_last",
    "base.train.nesterov",
    "base.train.decay_on",
    "base.train.clip_norm",
    "base.train.schedule_unit",
    "base.train.warmup",
    "base.train.pct_start",
    "base.train.div_factor",
    "base.train.final_div_factor",
    "base.train.cutout",
    "base.train.mixup",
    "base.train.label_smoothing",
    "base.train.select",
    "base.train.patience",
    "base.train.validate_every",
    "eval.probe",
    "eval.relearn.max_steps",
    "eval.relearn.every",
    "eval.relearn.distance",
    "eval.relearn.batch_size",
    "eval.relearn.lr",
    "precision",
    "unlearn.prune",
    "unlearn.adapt",
    "unlearn.relabel",
    "batch_norm",
};

static void test_dimensions_stay(void **state)
{
    (void)state;
    assert_int_equal(sizeof dimensions / sizeof *dimensions, setting_count());
    for (int i = 0; i < setting_count(); i++)
        assert_int_equal(draw_stream_of(DRAW_BY_SOBOL, setting_of(dimensions[i])).dimension, i);
}

/* Values at given fractions, from the distributions' definitions. */
static void test_numbers(void **state)
{
    static const struct {
        struct draw draw;
        double fraction, wanted;
    } cases[] = {
        {{.kind = DRAW_UNIFORM, .min = 2, .max = 4}, 0.25, 2.5},
        {{.kind = DRAW_UNIFORM, .min = 0, .max = 1, .q = 0.1}, 0.33, 0.3},
        {{.kind = DRAW_UNIFORM, .min = 0.25, .max = 1, .q = 0.1}, 1e-9, 0.3}, /* inside */
        {{.kind = DRAW_UNIFORM, .min = 0, .max = 0.95, .q = 0.1}, 0.9999999, 0.9},
        {{.kind = DRAW_LOG_UNIFORM, .min = 1e-4, .max = 1e-2}, 0.5, 1e-3},
        {{.kind = DRAW_LOG_UNIFORM, .min = 1e-4, .max = 1e-2}, 0.25, 0.000316228},
        {{.kind = DRAW_LOG_UNIFORM, .min = 4, .max = 64, .q = 4}, 0.5, 16},
        {{.kind = DRAW_NORMAL, .mu = 3, .sigma = 2}, 0.5, 3},
        {{.kind = DRAW_NORMAL, .mu = 0, .sigma = 1}, 0.975, 1.95996},
        {{.kind = DRAW_NORMAL, .mu = 0, .sigma = 1, .q = 0.5}, 0.975, 2},
        {{.kind = DRAW_LOG_NORMAL, .mu = 0, .sigma = 1}, 0.5, 1},
        {{.kind = DRAW_INT_UNIFORM, .min = 4, .max = 8}, 0.0001, 4},
        {{.kind = DRAW_INT_UNIFORM, .min = 4, .max = 8}, 0.9999, 8},
        {{.kind = DRAW_INT_UNIFORM, .min = -1, .max = 1}, 0.5, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double got = draw_number(&cases[i].draw, cases[i].fraction);
        if (got != cases[i].wanted)
            fail_msg("case %zu: wanted %.17g, got %.17g", i, cases[i].wanted, got);
    }
}

/* Each value as often as it should be among many, exactly as often as can be under sobol. */
static void test_indices(void **state)
{
    enum { N = 4096 };
    static const double probabilities[3] = {0.5, 0, 0.5};
    const struct draw weighted = {.kind = DRAW_CATEGORICAL, .probabilities = probabilities};
    struct draw_stream chance = draw_stream_of(DRAW_BY_CHANCE, setting_of("lora.rank"));
    struct draw_stream sobol = draw_stream_of(DRAW_BY_SOBOL, setting_of("lora.rank"));
    int by_chance[4] = {0}, by_sobol[4] = {0}, by_weight[3] = {0};

    (void)state;
    for (int64_t i = 0; i < N; i++) {
        by_chance[draw_index(NULL, draw_fraction(&chance, i), 4)]++;
        by_sobol[draw_index(NULL, draw_fraction(&sobol, i), 4)]++;
        by_weight[draw_index(&weighted, draw_fraction(&sobol, i), 3)]++;
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(by_sobol[i], N / 4);
        assert_in_range(by_chance[i], N / 4 - 4 * 28, N / 4 + 4 * 28); /* sd √(N·¼·¾) = 27.7 */
    }
    assert_int_equal(by_weight[0], N / 2);
    assert_int_equal(by_weight[1], 0);
    assert_int_equal(draw_index(&weighted, 0.9999999999, 3), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_points),    cmocka_unit_test(test_strata),
        cmocka_unit_test(test_boxes),           cmocka_unit_test(test_scrambling),
        cmocka_unit_test(test_fractions),       cmocka_unit_test(test_dimensions),
        cmocka_unit_test(test_dimensions_stay), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
