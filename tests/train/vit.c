/* Every method on a small vision transformer: runs, and what it may change is all it changes. */
#include "train/fixture.h"

#include "support/cmocka.h"
#include "support/outcome.h"
#include "unlearn/method.h"

#include <stdio.h>
#include <string.h>

#define LAST "encoder.layers.encoder_layer_1."

static struct settings vit_settings(const struct fixture *fixture, const char *method)
{
    struct settings settings = fixture_settings(fixture, method);

    settings.model.arch = "simple_vit";
    settings.model.weights = fixture->weights;
    settings.model.vit =
        (struct vit_shape){.patch = 8, .layers = 2, .heads = 3, .width = 24, .mlp = 40};
    settings.base_train.optimizer = OPTIMIZER_ADAMW;
    settings.base_train.lr = 1e-3;
    settings.prune.protect_head = true;
    return settings;
}

static void execute(const struct fixture *fixture, const struct settings *settings,
                    const char *name)
{
    const struct fixture_run run = {.name = name};

    if (fixture_execute(fixture, settings, &run) != STATUS_OK)
        fail_msg("%s: %s", name, status_message());
}

static bool is_same(const struct weights *a, const struct weights *b, const char *name)
{
    const struct weight_tensor *left = weights_find(a, name), *right = weights_find(b, name);

    assert_non_null(left);
    assert_non_null(right);
    for (int64_t e = 0; e < weight_elements(left); e++)
        if (weight_value(left, e) != weight_value(right, e))
            return false;
    return true;
}

static int64_t zero_rows(const struct weights *weights, const char *name, int64_t n_rows)
{
    const struct weight_tensor *tensor = weights_find(weights, name);
    int64_t n = weight_elements(tensor) / n_rows, n_zero = 0;

    for (int64_t row = 0; row < n_rows; row++) {
        bool is_zero = true;
        for (int64_t e = 0; e < n; e++)
            is_zero = is_zero && weight_value(tensor, row * n + e) == 0;
        n_zero += is_zero;
    }
    return n_zero;
}

static void base_train(struct fixture *fixture)
{
    struct settings settings = vit_settings(fixture, "retrain");
    char folder[160];
    struct train_job job = {.settings = &settings, .id = "vit", .name = "vit", .attempt = 1};

    snprintf(folder, sizeof folder, "%s/vit", fixture->folder);
    snprintf(fixture->weights, sizeof fixture->weights, "%s/vit.h5", fixture->folder);
    settings.forget.class_index = -1;
    job.folder = folder;
    job.weights_path = fixture->weights;
    if (trainer_execute(fixture->trainer, &job) != STATUS_OK)
        fail_msg("%s", status_message());
}

static void every_method_runs(void **state)
{
    const struct fixture *fixture = *state;

    for (int i = 0; method_at(i) != NULL; i++) {
        struct settings settings = vit_settings(fixture, method_at(i)->name);
        struct arena *arena = NULL;
        execute(fixture, &settings, method_at(i)->name);
        ok(arena_create(&arena));
        struct run_file run = fixture_result(fixture, method_at(i)->name, arena);
        assert_true(fixture_value(&run, "TA") >= 0);
        arena_destroy(arena);
    }
}

/* lora and prune_lora: the last projection and the head, and of these no bias. */
static void adapters_change_two_layers(void **state)
{
    static const char *const kept[] = {"conv_proj.weight",
                                       "pos_embedding",
                                       "heads.head.bias",
                                       LAST "self_attention.in_proj_weight",
                                       LAST "self_attention.out_proj.bias",
                                       LAST "mlp.3.weight",
                                       "encoder.ln.weight"};
    const struct fixture *fixture = *state;
    struct weights *base = fixture_weights(fixture, "vit.h5");
    struct weights *tuned = fixture_weights(fixture, "lora/weights.h5");

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        assert_true(is_same(base, tuned, kept[i]));
    assert_false(is_same(base, tuned, LAST "self_attention.out_proj.weight"));
    assert_false(is_same(base, tuned, "heads.head.weight"));
    weights_destroy(base);
    weights_destroy(tuned);
}

/* mha_out_proj: ignore and protect_head: false, as published. */
static void published_behaviour(void **state)
{
    const struct fixture *fixture = *state;
    struct settings settings = vit_settings(fixture, "prune_lora");

    settings.lora.mha_out_proj = MHA_OUT_PROJ_IGNORE;
    settings.prune.protect_head = false;
    settings.prune.mask = PRUNE_HELD_MERGED;
    execute(fixture, &settings, "published");
    struct weights *base = fixture_weights(fixture, "vit.h5");
    struct weights *tuned = fixture_weights(fixture, "published/weights.h5");
    assert_int_equal(zero_rows(tuned, LAST "self_attention.out_proj.weight", 24), 12);
    assert_int_equal(zero_rows(tuned, "heads.head.weight", 10), 5);
    assert_int_equal(zero_rows(tuned, "conv_proj.weight", 24), 0);
    assert_false(is_same(base, tuned, "heads.head.weight"));
    weights_destroy(base);
    weights_destroy(tuned);
}

static int open_fixture(void **state)
{
    static struct fixture fixture;

    fixture_open(&fixture, "cpu");
    base_train(&fixture);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    fixture_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_runs),
        cmocka_unit_test(adapters_change_two_layers),
        cmocka_unit_test(published_behaviour),
    };

    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
