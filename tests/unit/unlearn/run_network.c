/* What settings say of a network, and what a method adds to it. */
#include "unlearn/run_network.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <string.h>

static const struct image_shape image = {10, 32, 32};

struct bench {
    struct arena *arena;
    struct settings settings;
};

static int set_up(void **state)
{
    static struct bench bench;

    bench = (struct bench){.settings = {.model.arch = "simple_vit",
                                        .model.vit = {4, 3, 2, 8, 16},
                                        .lora = {16, 32, 0.1, "default", MHA_OUT_PROJ_IGNORE},
                                        .train = {.cutout = 4, .label_smoothing = 0.1},
                                        .base_train = {.augment = AUGMENT_FLIP, .mixup = 0.2},
                                        .seed = 9}};
    ok(arena_create(&bench.arena));
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    arena_destroy(bench->arena);
    return 0;
}

static struct network_spec spec_of(struct bench *bench, const char *method)
{
    struct network_spec spec;

    ok(run_network(&bench->settings, method_find(method), image, bench->arena, &spec));
    return spec;
}

static void adapters_are_resolved(void **state)
{
    const struct network_spec spec = spec_of(*state, "prune_lora");

    assert_string_equal(spec.architecture->name, "simple_vit");
    assert_int_equal(spec.vit.layers, 3);
    assert_int_equal(spec.adaptation, ADAPTATION_LORA);
    assert_int_equal(spec.trainable, TRAINABLE_HEAD);
    assert_string_equal(
        spec.lora.targets,
        "encoder\\.layers\\.encoder_layer_2\\.self_attention\\.out_proj|heads\\.head");
    assert_true(spec.lora.lora_rank == 16 && spec.lora.alpha == 32 && spec.lora.dropout == 0.1);
    assert_true(spec.lora.ignores_out_proj);
    assert_true(spec.seed == 9 && spec.std[1] == 1);
}

static void given_targets_stay(void **state)
{
    struct bench *bench = *state;

    bench->settings.lora.targets = "heads@";
    assert_ptr_equal(spec_of(bench, "lora").lora.targets, bench->settings.lora.targets);
}

static void the_recipe_asks(void **state)
{
    const struct network_spec finetune = spec_of(*state, "finetune");
    const struct network_spec retrain = spec_of(*state, "retrain");

    assert_int_equal(finetune.adaptation, ADAPTATION_NONE);
    assert_int_equal(finetune.trainable, TRAINABLE_ALL);
    assert_true(finetune.objective.cutout == 4 && finetune.objective.label_smoothing == 0.1);
    assert_false(finetune.objective.is_augmented || finetune.objective.is_mixed);
    assert_true(retrain.objective.is_augmented && retrain.objective.is_mixed);
    assert_true(retrain.objective.cutout == 0 && retrain.objective.label_smoothing == 0);
}

static void expect_plain(const struct network_spec *spec)
{
    assert_string_equal(spec->architecture->name, "simple_vit");
    assert_true(spec->vit.mlp == 16 && spec->image.height == 32 && spec->seed == 9);
    assert_int_equal(spec->adaptation, ADAPTATION_NONE);
    assert_null(spec->lora.targets);
    assert_int_equal(spec->trainable, TRAINABLE_ALL);
    assert_false(spec->objective.is_augmented || spec->objective.is_mixed);
    assert_true(spec->objective.cutout == 0 && spec->objective.label_smoothing == 0);
}

static void no_method_asks_nothing(void **state)
{
    struct bench *bench = *state;
    struct network_spec none;

    ok(run_network(&bench->settings, NULL, image, bench->arena, &none));
    const struct network_spec original = spec_of(bench, "original");
    const struct network_spec lora = spec_of(bench, "lora"), plain = network_spec_plain(&lora);
    expect_plain(&none);
    expect_plain(&original);
    expect_plain(&plain);
}

/* Of methods that read train.*, and of networks that have it. */
static void batch_norm_is_asked_for(void **state)
{
    struct bench *bench = *state;
    const struct method *lora = method_find("lora"), *retrain = method_find("retrain");
    struct network_spec spec = {.seed = 3};

    bench->settings.batch_norm = BATCH_NORM_FREEZE;
    assert_int_equal(run_network(&bench->settings, lora, image, bench->arena, &spec),
                     STATUS_BAD_CONFIG);
    assert_string_equal(status_message(),
                        "'batch_norm' is freeze, but simple_vit has no batch norm: leave it out");
    assert_true(spec.seed == 3);
    bench->settings.batch_norm = BATCH_NORM_RECALIBRATE;
    assert_int_equal(run_network(&bench->settings, lora, image, bench->arena, &spec),
                     STATUS_BAD_CONFIG);
    ok(run_network(&bench->settings, retrain, image, bench->arena, &spec));
    ok(run_network(&bench->settings, NULL, image, bench->arena, &spec));
    bench->settings.model.arch = "resnet20";
    assert_false(spec_of(bench, "lora").freezes_batch_norm);
    assert_true(run_recalibrates(&bench->settings, lora));
    assert_false(run_recalibrates(&bench->settings, retrain));
    bench->settings.batch_norm = BATCH_NORM_FREEZE;
    assert_true(spec_of(bench, "lora").freezes_batch_norm);
    assert_false(spec_of(bench, "retrain").freezes_batch_norm);
    assert_false(run_recalibrates(&bench->settings, lora));
}

static void unknown_architectures_are_refused(void **state)
{
    struct bench *bench = *state;
    struct network_spec spec = {.seed = 3};

    bench->settings.model.arch = "resnet21";
    assert_int_equal(run_network(&bench->settings, NULL, image, bench->arena, &spec),
                     STATUS_BAD_CONFIG);
    assert_string_equal(status_message(), "unknown architecture 'resnet21'");
    assert_true(spec.seed == 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(adapters_are_resolved),   TEST(given_targets_stay),
        TEST(the_recipe_asks),         TEST(no_method_asks_nothing),
        TEST(batch_norm_is_asked_for), TEST(unknown_architectures_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
