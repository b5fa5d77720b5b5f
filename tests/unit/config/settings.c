/* The table: its own consistency, defaults by architecture and compat, JSON both ways. */
#include "config/settings_table.h"
#include "support/cmocka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static int open_arena(void **state)
{
    (void)state;
    return arena_create(&arena) == STATUS_OK ? 0 : -1;
}

static int close_arena(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

static struct settings defaults(const char *recipe, bool is_published)
{
    struct settings settings;

    assert_int_equal(settings_default(arena, recipe, is_published, &settings), STATUS_OK);
    return settings;
}

/* One row per setting: names differ, ranges hold something, every row says what it is for. */
static void test_rows(void **state)
{
    (void)state;
    assert_in_range(setting_count(), 30, MAX_SETTINGS);
    for (int i = 0; i < setting_count(); i++) {
        const struct setting *row = setting_at(i);
        assert_int_equal(setting_find(row->name), i);
        assert_non_null(row->help);
        assert_non_null(row->unit);
        assert_true(row->minimum <= row->maximum);
        assert_true((row->counts == COUNTS_NEVER) == (row->group == GROUP_EXECUTION));
        if (row->kind == SETTING_INTEGER || row->kind == SETTING_NUMBER)
            assert_true(row->minimum < row->maximum);
        bool has_names =
            row->kind == SETTING_ENUM || row->kind == SETTING_SWITCH || row->kind == SETTING_CHOICE;
        assert_true(has_names == (row->names != NULL));
        assert_true(row->word == NULL || row->kind == SETTING_INTEGER);
    }
    assert_true(setting_is_section("base.train") && setting_is_section("base"));
    assert_false(setting_is_section("trai") || setting_is_section("train.lr"));
    assert_int_equal(setting_find("train"), -1);
}

/* What a walk over the table finds, as one number; 0 when a name is not found again. */
static void *walk(void *out)
{
    uint64_t *sum = out;

    for (int i = 0; i < setting_count(); i++) {
        const struct setting *row = setting_at(i);
        if (setting_find(row->name) != i)
            return out;
        *sum = *sum * 31 + row->offset + strlen(row->name) + (unsigned)row->group;
    }
    return out;
}

/* Threads that are the first to ask, all at once, find the same table. Runs before other tests. */
static void test_threads(void **state)
{
    enum { N_THREADS = 8 };
    pthread_t threads[N_THREADS];
    uint64_t sums[N_THREADS] = {0};

    (void)state;
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, walk, &sums[i]), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_true(sums[i] != 0 && sums[i] == sums[0]);
}

/* Both recipes have the same settings, each in its own struct, for its own readers, with its own
 * defaults. Beside train.* stands batch_norm, which base training has no use for. */
static void test_recipes(void **state)
{
    int n = 0;

    (void)state;
    for (int i = 0; i < setting_count(); i++) {
        const struct setting *row = setting_at(i), *base = NULL;
        char name[64];
        if (row->group != GROUP_TRAIN || strcmp(row->name, "batch_norm") == 0)
            continue;
        snprintf(name, sizeof name, "base.%s", row->name);
        assert_true(setting_find(name) >= 0);
        base = setting_at(setting_find(name));
        assert_int_equal(base->group, GROUP_BASE_TRAIN);
        assert_int_equal(base->offset - offsetof(struct settings, base_train),
                         row->offset - offsetof(struct settings, train));
        assert_true(base->kind == row->kind && base->names == row->names);
        assert_true(base->help == row->help && base->neutral == row->neutral);
        for (int k = 0; k < N_BASE_RECIPES; k++)
            assert_true(row->by_recipe[k] == NULL && base->by_recipe[k] != NULL);
        assert_string_equal(base->standard, base->by_recipe[0]);
        n++;
    }
    for (int i = 0; i < setting_count(); i++)
        n -= setting_at(i)->group == GROUP_BASE_TRAIN;
    assert_int_equal(n, 0);
}

/* Identities compare a neutral value with what is printed: it must be what printing gives. */
static void test_neutral_values(void **state)
{
    (void)state;
    for (int i = 0; i < setting_count(); i++) {
        const struct setting *row = setting_at(i);
        struct settings settings = defaults(NULL, false);
        struct text printed = {0};
        if (row->neutral == NULL)
            continue;
        const struct setting_reader reader = {.arena = arena};
        const struct source source = {.name = row->name, .text = row->neutral};
        struct diagnostics diagnostics = {0};
        struct tree *value = NULL;
        assert_int_equal(tree_parse(&source, arena, &diagnostics, &value), STATUS_OK);
        assert_true(setting_read(&reader, row, value, &settings));
        setting_print(row, &settings, &printed);
        assert_string_equal(text_value(&printed), row->neutral);
        text_release(&printed);
    }
}

static void test_default_values(void **state)
{
    (void)state;
    struct settings a = defaults("resnet_option_a", false), b = defaults("resnet", false);
    struct settings vit = defaults("vit", false), published = defaults("vit", true);
    assert_int_equal(a.lora.rank, 8);
    assert_int_equal(vit.lora.rank, 16);
    assert_true(a.lora.alpha == 16 && vit.lora.alpha == 32);
    assert_int_equal(vit.base_train.optimizer, OPTIMIZER_ADAMW);
    assert_int_equal(vit.train.optimizer, OPTIMIZER_ADAM);
    assert_int_equal(vit.model.vit.layers, 12);
    assert_true(vit.prune.protect_head && !published.prune.protect_head);
    assert_int_equal(vit.lora.mha_out_proj, MHA_OUT_PROJ_ADAPT);
    assert_int_equal(published.lora.mha_out_proj, MHA_OUT_PROJ_IGNORE);
    assert_int_equal(a.train.epochs, 5);
    assert_int_equal(a.train.batch_size, 128);
    assert_int_equal(a.train.optimizer, OPTIMIZER_ADAM);
    assert_true(a.train.lr == 1e-3 && a.train.weight_decay == 0);
    assert_int_equal(a.train.augment, AUGMENT_NONE);
    assert_int_equal(a.train.schedule, SCHEDULE_CONSTANT);
    assert_int_equal(a.train.n_milestones, 0);
    assert_int_equal(a.base_train.epochs, 200);
    assert_int_equal(a.base_train.optimizer, OPTIMIZER_SGD);
    assert_true(a.base_train.lr == 0.1 && a.base_train.momentum == 0.9);
    assert_int_equal(a.base_train.augment, AUGMENT_CROP_FLIP);
    assert_int_equal(vit.base_train.augment, AUGMENT_FLIP);
    assert_int_equal(vit.base_train.warmup, 10000);
    assert_int_equal(vit.base_train.schedule_unit, SCHEDULE_PER_STEP);
    assert_true(vit.base_train.drop_last && !b.base_train.drop_last && !vit.train.drop_last);
    assert_true(vit.base_train.weight_decay == 0.1 && vit.train.warmup == 0);
    assert_true(a.base_train.weight_decay == 1e-4 && a.base_train.gamma == 0.1);
    assert_int_equal(a.base_train.schedule, SCHEDULE_STEP);
    assert_int_equal(a.base_train.n_milestones, 2);
    assert_int_equal(a.base_train.milestones[0], 100);
    assert_int_equal(a.base_train.milestones[1], 150);
    assert_true(b.base_train.weight_decay == 5e-4);
    assert_int_equal(b.base_train.schedule, SCHEDULE_COSINE);
    assert_int_equal(b.base_train.batch_size, 128);
    assert_true(a.prune.sparsity == 0.5 && a.prune.mask == PRUNE_HELD);
    assert_true(a.lora.rank == 8 && a.lora.alpha == 16 && a.lora.dropout == 0.1);
    assert_string_equal(a.lora.targets, "default");
    assert_int_equal(a.eval.mia.n, 1);
    assert_int_equal(a.eval.mia.items[0], ATTACK_LOSS_LR);
    assert_int_equal(a.data.mean.kind, NORMALISATION_BASE);
    assert_int_equal(a.forget.class_index, -1);
    assert_true(a.checkpoint.every_seconds == 60 && a.checkpoint.keep == KEEP_FINAL);
    assert_int_equal(a.resources.gpus, GPUS_AUTO);
}

static void test_compat(void **state)
{
    (void)state;
    struct settings published = defaults("resnet", true);
    assert_int_equal(published.prune.mask, PRUNE_BAKED);
    assert_int_equal(published.data.mean.kind, NORMALISATION_PUBLISHED);
    assert_int_equal(published.data.std.kind, NORMALISATION_PUBLISHED);
    assert_true(published.train.lr == 1e-3);
}

static void to_json(const struct settings *settings, struct text *out)
{
    assert_int_equal(settings_to_json(settings, out), STATUS_OK);
}

/* Every value comes back in its very bits. */
static void test_round_trip(void **state)
{
    struct settings settings = defaults("resnet_option_a", true), again;
    struct text first = {0}, second = {0};

    (void)state;
    settings.model.arch = "resnet20";
    settings.model.weights = "a \"b\"\\\n\t\x01 ü.pth";
    settings.train.lr = 0.1 + 0.2;
    settings.train.weight_decay = 1.0 / 3.0 * 1e-300;
    settings.train.momentum = 0x1.fffffffffffffp-1;
    settings.train.milestones[0] = 1;
    settings.train.n_milestones = 1;
    settings.data.std = (struct normalisation){NORMALISATION_GIVEN, {1.0 / 7.0, 1e-6, 10}};
    settings.seed = 9007199254740992;
    settings.eval.seed = 9007199254740991;
    for (int k = 1; k <= N_ATTACKS; k++)
        assert_true(attack_list_add(&settings.eval.mia, (enum attack_kind)(k % N_ATTACKS)) ==
                    (k < N_ATTACKS));
    settings.data.validation = 1.0 / 3.0;
    settings.data.split_seed = 11;
    settings.forget.kind = FORGET_BY_CLASSES;
    small_set_add(&settings.forget.classes, 99);
    small_set_add(&settings.forget.classes, 3);
    settings.forget.fraction = 1.0 / 7.0;
    settings.forget.count = 500;
    settings.forget.superclass = 19;
    settings.forget.within = 9;
    settings.forget.seed = 8;
    settings.forget.indices = "some \"images\".txt";
    settings.checkpoint.keep = KEEP_ALL;
    settings.resources.device = "ref";
    settings.resources.gpus = GPUS_ONE;
    to_json(&settings, &first);
    assert_int_equal(settings_from_json(text_value(&first), arena, &again), STATUS_OK);
    to_json(&again, &second);
    assert_string_equal(text_value(&first), text_value(&second));
    assert_true(again.train.lr == settings.train.lr);
    assert_true(again.train.weight_decay == settings.train.weight_decay);
    assert_true(again.train.momentum == settings.train.momentum);
    assert_int_equal(again.data.std.kind, NORMALISATION_GIVEN);
    assert_memory_equal(again.data.std.values, settings.data.std.values,
                        sizeof settings.data.std.values);
    assert_int_equal(again.seed, settings.seed);
    assert_int_equal(again.eval.seed, settings.eval.seed);
    assert_memory_equal(&again.eval.mia, &settings.eval.mia, sizeof again.eval.mia);
    assert_string_equal(again.model.weights, settings.model.weights);
    assert_int_equal(again.base_train.milestones[1], 150);
    assert_int_equal(again.prune.mask, PRUNE_BAKED);
    assert_int_equal(again.checkpoint.keep, KEEP_ALL);
    assert_int_equal(again.resources.gpus, GPUS_ONE);
    assert_int_equal(again.forget.kind, FORGET_BY_CLASSES);
    assert_memory_equal(&again.forget.classes, &settings.forget.classes,
                        sizeof settings.forget.classes);
    assert_int_equal(small_set_count(&again.forget.classes), 2);
    assert_true(again.forget.fraction == settings.forget.fraction);
    assert_string_equal(again.forget.indices, settings.forget.indices);
    text_release(&first);
    text_release(&second);
}

static struct settings read_changed(const char *from, const char *to)
{
    struct settings settings = defaults("resnet", false), again;
    struct text json = {0}, changed = {0};

    to_json(&settings, &json);
    const char *place = strstr(text_value(&json), from);
    assert_non_null(place);
    text_append(&changed, "%.*s%s%s", (int)(place - text_value(&json)), text_value(&json), to,
                place + strlen(from));
    assert_int_equal(settings_from_json(text_value(&changed), arena, &again), STATUS_OK);
    text_release(&json);
    text_release(&changed);
    return again;
}

/* What was written before a setting existed, and while one was true or false. */
static void test_old_json(void **state)
{
    (void)state;
    struct settings old = read_changed("\"base.train.warmup\": 0, ", "");
    assert_int_equal(old.base_train.warmup, 0);
    old = read_changed("\"base.train.schedule_unit\": \"epoch\", ", "");
    assert_int_equal(old.base_train.schedule_unit, SCHEDULE_PER_EPOCH);
    old = read_changed("\"train.augment\": \"none\"", "\"train.augment\": true");
    assert_int_equal(old.train.augment, AUGMENT_CROP_FLIP);
    old = read_changed("\"base.train.augment\": \"crop_flip\"", "\"base.train.augment\": false");
    assert_int_equal(old.base_train.augment, AUGMENT_NONE);
}

/* What an older version wrote. */
static void test_lacking_neutral(void **state)
{
    const char *const text = ", \"data.validation\": 0, \"data.split_seed\": 0";
    struct settings settings = defaults("resnet", false), again;
    struct text json = {0}, older = {0};

    (void)state;
    to_json(&settings, &json);
    const char *place = strstr(text_value(&json), text);
    assert_non_null(place);
    text_append(&older, "%.*s%s", (int)(place - text_value(&json)), text_value(&json),
                place + strlen(text));
    again.data.validation = 0.5;
    assert_int_equal(settings_from_json(text_value(&older), arena, &again), STATUS_OK);
    assert_true(again.data.validation == 0);
    assert_int_equal(again.data.split_seed, 0);
    text_release(&json);
    text_release(&older);
}

static void check_refused(const char *from, const char *to, const char *message)
{
    struct settings settings = defaults("resnet", false), untouched = {.seed = 77};
    struct text json = {0}, changed = {0};

    to_json(&settings, &json);
    const char *place = strstr(text_value(&json), from);
    assert_non_null(place);
    text_append(&changed, "%.*s%s%s", (int)(place - text_value(&json)), text_value(&json), to,
                place + strlen(from));
    assert_int_equal(settings_from_json(text_value(&changed), arena, &untouched), STATUS_BAD_DATA);
    if (strstr(status_message(), message) == NULL)
        fail_msg("wanted '%s' in '%s'", message, status_message());
    assert_int_equal(untouched.seed, 77);
    text_release(&json);
    text_release(&changed);
}

static void test_bad_json(void **state)
{
    (void)state;
    check_refused("{", "[", "settings are not a JSON object");
    check_refused("}", "} more", "settings are not a JSON object");
    check_refused("\"lora.rank\"", "\"lora.rnk\"",
                  "settings JSON has an unknown setting 'lora.rnk'");
    check_refused("\"lora.rank\": 8, ", "", "settings JSON lacks 'lora.rank'");
    check_refused("\"lora.rank\": 8", "\"lora.rank\": 8, \"lora.rank\": 8",
                  "settings JSON gives 'lora.rank' twice");
    check_refused("\"lora.rank\": 8", "\"lora.rank\": 8.5",
                  "'lora.rank' expects an integer, got 8.5");
    check_refused("\"lora.rank\": 8", "\"lora.rank\": \"8\"",
                  "'lora.rank' expects an integer, got '8'");
    check_refused("\"prune.sparsity\": 0.5", "\"prune.sparsity\": 1",
                  "'prune.sparsity' must be in [0, 1), got 1");
    check_refused("\"prune.mask\": \"held\"", "\"prune.mask\": null", "object or null");
    check_refused("\"data.validation\": 0", "\"data.validation\": 1.5",
                  "'data.validation' expects a share below 1 or a whole number, got 1.5");
    check_refused("\"data.validation\": 0", "\"data.validation\": -0.1",
                  "'data.validation' must be in [0, 2147483647], got -0.1");
    check_refused("\"train.milestones\": []", "\"train.milestones\": [1,2,3,4,5,6,7,8,9]",
                  "'train.milestones' has 9 epochs, but at most 8 are allowed");
}

/* The first attack keeps its place; in which order the others are written does not matter. */
static void test_attacks(void **state)
{
    (void)state;
    static const struct {
        const char *written, *printed;
    } cases[] = {
        {"loss_lr", "[\"loss_lr\"]"},
        {"[class_mia, entropy_lr, loss_lr]", "[\"class_mia\", \"loss_lr\", \"entropy_lr\"]"},
        {"[class_mia, loss_lr, entropy_lr]", "[\"class_mia\", \"loss_lr\", \"entropy_lr\"]"},
        {"[loss_lr, class_mia, entropy_lr]", "[\"loss_lr\", \"entropy_lr\", \"class_mia\"]"},
    };
    const struct setting *row = setting_at(setting_find("eval.mia"));
    const struct setting_reader reader = {.arena = arena};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings settings = defaults(NULL, false);
        const struct source source = {.name = row->name, .text = cases[i].written};
        struct diagnostics diagnostics = {0};
        struct tree *value = NULL;
        struct text printed = {0};
        assert_int_equal(tree_parse(&source, arena, &diagnostics, &value), STATUS_OK);
        assert_true(setting_read(&reader, row, value, &settings));
        setting_print(row, &settings, &printed);
        assert_string_equal(text_value(&printed), cases[i].printed);
        text_release(&printed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),        cmocka_unit_test(test_recipes),
        cmocka_unit_test(test_rows),           cmocka_unit_test(test_default_values),
        cmocka_unit_test(test_neutral_values), cmocka_unit_test(test_compat),
        cmocka_unit_test(test_attacks),        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_old_json),       cmocka_unit_test(test_lacking_neutral),
        cmocka_unit_test(test_bad_json),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
