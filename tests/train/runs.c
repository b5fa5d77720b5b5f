/* Whole runs: what each method may and may not change, and that a run fits its images. */
#include "train/fixture.h"

#include "support/cmocka.h"
#include "support/outcome.h"
#include "train/trainer.h"
#include "unlearn/method.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open(&fixture, "cpu");
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void run_ok(const struct settings *settings, const char *name)
{
    struct fixture_run run = {.name = name};
    enum status status = fixture_execute(&fixture, settings, &run);

    if (status != STATUS_OK)
        fail_msg("%s: %s", name, status_message());
}

static bool same_tensor(const struct weights *a, const struct weights *b, const char *name)
{
    const struct weight_tensor *x = weights_find(a, name), *y = weights_find(b, name);

    assert_non_null(x);
    assert_non_null(y);
    return memcmp(x->values, y->values, (size_t)weight_elements(x) * dtype_bytes(x->dtype)) == 0;
}

static int64_t zero_rows(const struct weight_tensor *conv)
{
    int64_t n = 0, row = weight_elements(conv) / conv->shape[0];

    for (int64_t k = 0; k < conv->shape[0]; k++) {
        bool is_zero = true;
        for (int64_t i = 0; i < row; i++)
            is_zero = is_zero && weight_value(conv, k * row + i) == 0;
        n += is_zero;
    }
    return n;
}

static void memorises_its_images(void **state)
{
    struct arena *arena = NULL;
    struct settings settings = fixture_settings(&fixture, "retrain");

    (void)state;
    settings.base_train.epochs = 40;
    run_ok(&settings, "memorise");
    ok(arena_create(&arena));
    struct run_file run = fixture_result(&fixture, "memorise", arena);
    assert_true(fixture_value(&run, "RA") > 0.97);
    assert_true(fixture_value(&run, "UA") > 0.99); /* a class never seen is never named */
    assert_int_equal(run.n_history, 7);
    assert_int_equal(run.history[0].n, 40);
    assert_true(run.history[4].values[39] < 0.3 * run.history[4].values[0]); /* the loss fell */
    arena_destroy(arena);
}

static void original_trains_nothing(void **state)
{
    struct arena *arena = NULL;
    struct settings settings = fixture_settings(&fixture, "original");

    (void)state;
    run_ok(&settings, "original");
    ok(arena_create(&arena));
    struct run_file run = fixture_result(&fixture, "original", arena);
    assert_string_equal(run.state, "done");
    assert_true(fixture_value(&run, "trainable_parameters") == 0);
    assert_true(fixture_value(&run, "seconds_train") == 0);
    assert_int_equal(run.samples[0].n, FIXTURE_TRAIN);
    assert_int_equal(run.samples[1].n, FIXTURE_TEST);
    arena_destroy(arena);
}

static void lora_leaves_the_base_alone(void **state)
{
    struct settings settings = fixture_settings(&fixture, "lora");

    (void)state;
    run_ok(&settings, "lora");
    struct weights *base = fixture_weights(&fixture, "base.h5");
    struct weights *after = fixture_weights(&fixture, "lora/weights.h5");
    struct weights *adapters = fixture_weights(&fixture, "lora/adapters.h5");
    assert_true(same_tensor(base, after, "conv1.weight")); /* the stem has no adapter */
    assert_true(same_tensor(base, after, "bn1.weight"));
    assert_true(same_tensor(base, after, "layer2.1.bn2.bias"));
    assert_false(same_tensor(base, after, "bn1.running_mean")); /* train mode */
    assert_false(same_tensor(base, after, "linear.weight"));
    assert_false(same_tensor(base, after, "layer1.0.conv1.weight")); /* merged */
    assert_int_equal(adapters->n, 2 * 18);
    weights_destroy(base);
    weights_destroy(after);
    weights_destroy(adapters);
}

/* Merged weight minus alpha/rank·B·A is the base weight: nothing else moved it. */
static void merged_weights_are_base_plus_adapter(void **state)
{
    (void)state;
    struct weights *base = fixture_weights(&fixture, "base.h5");
    struct weights *after = fixture_weights(&fixture, "lora/weights.h5");
    struct weights *adapters = fixture_weights(&fixture, "lora/adapters.h5");
    const struct weight_tensor *w = weights_find(base, "layer2.0.conv1.weight");
    const struct weight_tensor *merged = weights_find(after, "layer2.0.conv1.weight");
    const struct weight_tensor *a = weights_find(adapters, "layer2.0.conv1.lora_A.weight");
    const struct weight_tensor *b = weights_find(adapters, "layer2.0.conv1.lora_B.weight");
    int64_t row = weight_elements(w) / w->shape[0], rank = a->shape[0];
    double moved = 0;

    assert_int_equal(rank, 4);
    for (int64_t k = 0; k < w->shape[0]; k++)
        for (int64_t i = 0; i < row; i++) {
            double sum = weight_value(w, k * row + i);
            for (int64_t r = 0; r < rank; r++)
                sum += 8.0 / 4.0 * weight_value(b, k * rank + r) * weight_value(a, r * row + i);
            assert_true(fabs(sum - weight_value(merged, k * row + i)) < 1e-6);
            moved += fabs(sum - weight_value(w, k * row + i));
        }
    assert_true(moved > 1e-3);
    weights_destroy(base);
    weights_destroy(after);
    weights_destroy(adapters);
}

static void check_pruned(const char *method, enum prune_mask mask, bool stays_zero)
{
    struct settings settings = fixture_settings(&fixture, method);
    char name[64], path[96];

    settings.prune.mask = mask;
    settings.train.weight_decay = 0.01;
    snprintf(name, sizeof name, "%s-%d", method, (int)mask);
    snprintf(path, sizeof path, "%s/weights.h5", name);
    run_ok(&settings, name);
    struct weights *after = fixture_weights(&fixture, path);
    const struct weight_tensor *conv = weights_find(after, "layer3.1.conv2.weight");
    if (stays_zero)
        assert_int_equal(zero_rows(conv), 32);
    else
        assert_true(zero_rows(conv) < 32);
    assert_int_equal(zero_rows(weights_find(after, "layer1.0.conv1.weight")) == 8, stays_zero);
    weights_destroy(after);
}

static void masks_hold_or_bake(void **state)
{
    (void)state;
    check_pruned("prune_finetune", PRUNE_HELD, true);
    check_pruned("prune_finetune", PRUNE_BAKED, false);
    check_pruned("prune_lora", PRUNE_HELD, false); /* an adapter may refill a pruned channel */
    check_pruned("prune_lora", PRUNE_HELD_MERGED, true);
}

static void divergence_is_a_result(void **state)
{
    struct arena *arena = NULL;
    struct settings settings = fixture_settings(&fixture, "finetune");
    struct fixture_run run = {.name = "diverged"};

    (void)state;
    settings.train.lr = 1e36;
    assert_int_equal(fixture_execute(&fixture, &settings, &run), STATUS_DIVERGED);
    assert_non_null(strstr(status_message(), "step "));
    ok(arena_create(&arena));
    struct run_file file = fixture_result(&fixture, "diverged", arena);
    assert_string_equal(file.state, "diverged");
    assert_non_null(strstr(file.message, "loss is"));
    assert_int_equal(file.n_samples, 0);
    arena_destroy(arena);
}

struct allocation_watch {
    int64_t first, last, n;
};

static void watch_allocations(void *context, const struct train_progress *progress)
{
    struct allocation_watch *watch = context;

    if (strcmp(progress->phase, "train") != 0)
        return;
    watch->last = device_base(fixture.trainer->device)->n_allocations;
    if (watch->n++ == 0)
        watch->first = watch->last;
}

static void steps_allocate_nothing(void **state)
{
    struct allocation_watch watch = {0};
    struct settings settings = fixture_settings(&fixture, "prune_lora");
    struct fixture_run run = {.name = "allocations",
                              .observer = {&watch, watch_allocations, NULL, NULL}};

    (void)state;
    settings.train.epochs = 4;
    ok(fixture_execute(&fixture, &settings, &run));
    assert_int_equal(watch.n, 4 * 3); /* 90 images: two full batches and one of 26 */
    assert_int_equal(watch.first, watch.last);
}

static void missing_weights_are_named(void **state)
{
    struct settings settings = fixture_settings(&fixture, "finetune");
    struct fixture_run run = {.name = "missing"};

    (void)state;
    settings.model.weights = "/nowhere/base.h5";
    assert_int_equal(fixture_execute(&fixture, &settings, &run), STATUS_IO);
    assert_non_null(strstr(status_message(), "/nowhere/base.h5"));
    settings.model.weights = fixture.weights;
    settings.model.arch = "resnet32";
    assert_int_equal(fixture_execute(&fixture, &settings, &run), STATUS_BAD_DATA);
    assert_non_null(strstr(status_message(), "layer1.3.conv1.weight"));
}

/* The weights after the last of the epochs that are kept are the final ones. */
static void epochs_are_kept_when_asked(void **state)
{
    const char *methods[] = {"finetune", "prune_lora"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct settings settings = fixture_settings(&fixture, methods[i]);
        char name[32], files[3][64];
        snprintf(name, sizeof name, "%s-kept", methods[i]);
        for (int k = 0; k < 2; k++)
            snprintf(files[k], sizeof files[k], "%s/ckpt/epoch-000%d.h5", name, k + 1);
        snprintf(files[2], sizeof files[2], "%s/%s", name, i == 0 ? "weights.h5" : "adapters.h5");
        settings.checkpoint.keep = KEEP_ALL;
        run_ok(&settings, name);
        struct weights *first = fixture_weights(&fixture, files[0]);
        struct weights *second = fixture_weights(&fixture, files[1]);
        struct weights *last = fixture_weights(&fixture, files[2]);
        assert_true(last->n > 0);
        for (int64_t t = 0; t < last->n; t++)
            assert_true(same_tensor(second, last, last->tensors[t].name));
        assert_false(same_tensor(first, second, last->tensors[0].name));
        weights_destroy(first);
        weights_destroy(second);
        weights_destroy(last);
    }
}

/* How far a's weights are from b's at the most, as a share of 1 + |value|. */
static double distance(const struct weights *a, const struct weights *b)
{
    double most = 0;

    assert_int_equal(a->n, b->n);
    for (int64_t t = 0; t < a->n; t++) {
        const struct weight_tensor *x = &a->tensors[t], *y = weights_find(b, x->name);
        assert_non_null(y);
        for (int64_t i = 0; i < weight_elements(x); i++) {
            double ours = weight_value(x, i), theirs = weight_value(y, i);
            most = fmax(most, fabs(ours - theirs) / (1 + fabs(theirs)));
        }
    }
    return most;
}

/* The weights at the end of a run with and without fusing. */
static double distance_to_unfused(const struct settings *settings)
{
    char names[2][48], files[2][64];

    for (int is_unfused = 0; is_unfused < 2; is_unfused++) {
        snprintf(names[is_unfused], sizeof names[0], "%s-%d", settings->unlearn.method, is_unfused);
        snprintf(files[is_unfused], sizeof files[0], "%s-%d/weights.h5", settings->unlearn.method,
                 is_unfused);
        fixture.trainer->is_unfused = is_unfused != 0;
        run_ok(settings, names[is_unfused]);
    }
    fixture.trainer->is_unfused = false;
    struct weights *fused = fixture_weights(&fixture, files[0]);
    struct weights *apart = fixture_weights(&fixture, files[1]);
    double most = distance(fused, apart);
    weights_destroy(fused);
    weights_destroy(apart);
    return most;
}

static void fusing_changes_no_bit(void **state)
{
    struct settings settings = fixture_settings(&fixture, "finetune");

    (void)state;
    assert_true(distance_to_unfused(&settings) == 0);
}

/* Fused, an adapter is another product: a rounding error apart in each of its some twenty layers
 * and four steps, which SGD does not enlarge as Adam does. */
static void fusing_adapters_rounds_otherwise(void **state)
{
    struct settings settings = fixture_settings(&fixture, "prune_lora");

    (void)state;
    settings.train.optimizer = OPTIMIZER_SGD;
    settings.train.epochs = 1;
    settings.train.lr = 0.02;
    double most = distance_to_unfused(&settings);
    if (!(most < 4 * 20 * 0x1p-23))
        fail_msg("weights differ by %g", most);
}

static void zero_head_changes_one_row(void **state)
{
    struct settings settings = fixture_settings(&fixture, "zero_head");
    struct arena *arena = NULL;
    int64_t n_features = 0, n_same = 0;

    (void)state;
    run_ok(&settings, "zero_head");
    ok(arena_create(&arena));
    struct run_file run = fixture_result(&fixture, "zero_head", arena);
    assert_true(fixture_value(&run, "trainable_parameters") == 0);
    assert_true(fixture_value(&run, "seconds_train") == 0);
    struct weights *base = fixture_weights(&fixture, "base.h5");
    struct weights *after = fixture_weights(&fixture, "zero_head/weights.h5");
    const struct weight_tensor *weight = weights_find(after, "linear.weight");
    const struct weight_tensor *bias = weights_find(after, "linear.bias");
    assert_int_equal(zero_rows(weight), 1);
    n_features = weight->shape[1];
    for (int64_t i = 0; i < n_features; i++)
        assert_true(weight_value(weight, 3 * n_features + i) == 0);
    for (int64_t k = 0; k < 10; k++)
        assert_true((weight_value(bias, k) == 0) == (k == 3));
    for (int64_t i = 0; i < base->n; i++)
        n_same += same_tensor(base, after, base->tensors[i].name);
    assert_int_equal(n_same, base->n - 2); /* all but the head's two */
    weights_destroy(base);
    weights_destroy(after);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memorises_its_images),
        cmocka_unit_test(original_trains_nothing),
        cmocka_unit_test(zero_head_changes_one_row),
        cmocka_unit_test(lora_leaves_the_base_alone),
        cmocka_unit_test(merged_weights_are_base_plus_adapter),
        cmocka_unit_test(masks_hold_or_bake),
        cmocka_unit_test(divergence_is_a_result),
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(epochs_are_kept_when_asked),
        cmocka_unit_test(fusing_changes_no_bit),
        cmocka_unit_test(fusing_adapters_rounds_otherwise),
        cmocka_unit_test(missing_weights_are_named),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
