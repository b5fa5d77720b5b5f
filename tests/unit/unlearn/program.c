/* What others hear of methods: which settings count, whose recipe, what it needs. The numbers are
 * those that recorded ids were made with. */
#include "unlearn/schedule.h"

#include "config/settings_table.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "unlearn/method.h"

#include <string.h>

enum {
    BASE = GROUP_MODEL | GROUP_WEIGHTS,
    TRAINED = BASE | GROUP_TRAIN | GROUP_SEED,
};

static void what_is_said_of_each(void **unused)
{
    static const struct {
        const char *name;
        unsigned reads;
        bool is_reference, needs_forget, changes;
        const char *section;
        int n_streams;
    } rows[] = {
        {"original", BASE, false, false, false, NULL, 0},
        {"retrain", GROUP_MODEL | GROUP_BASE_TRAIN | GROUP_SEED, true, false, true, "base.train",
         1},
        {"finetune", TRAINED, false, true, true, "train", 1},
        {"prune_finetune", TRAINED | GROUP_PRUNE, false, true, true, "train", 1},
        {"lora", TRAINED | GROUP_LORA, false, true, true, "train", 1},
        {"prune_lora", TRAINED | GROUP_PRUNE | GROUP_LORA, false, true, true, "train", 1},
        {"gradient_ascent", TRAINED, false, true, true, "train", 1},
        {"random_label", TRAINED | GROUP_RELABEL, false, true, true, "train", 2},
        {"zero_head", BASE, false, true, true, NULL, 0},
        {"original+prune", BASE | GROUP_PRUNE, false, false, true, NULL, 0},
        {"random_label+lora", TRAINED | GROUP_RELABEL | GROUP_LORA, false, true, true, "train", 2},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct method *method = method_find(rows[i].name);
        assert_non_null(method);
        const struct phase *phase = method_phase(method);
        assert_int_equal(method_reads(method), rows[i].reads);
        assert_int_equal(method_is_reference(method), rows[i].is_reference);
        assert_int_equal(method_needs_forget(method), rows[i].needs_forget);
        assert_int_equal(method_changes_weights(method), rows[i].changes);
        assert_int_equal(phase != NULL ? phase->n_streams : 0, rows[i].n_streams);
        if (phase != NULL)
            assert_string_equal(phase_section(phase), rows[i].section);
    }
}

static void defaults_can_be_read_and_are_what_they_say(void **unused)
{
    struct arena *arena = NULL;

    (void)unused;
    ok(arena_create(&arena));
    for (int i = 0; method_at(i) != NULL; i++) {
        struct settings before = {0}, after = {0};
        ok(settings_default(arena, NULL, false, &before));
        after = before;
        ok(method_defaults(method_at(i), arena, &after));
        for (int k = 0; k < setting_count(); k++) {
            const struct setting *setting = setting_at(k);
            bool is_own = method_default(method_at(i), setting->name) != NULL;
            assert_int_equal(setting_is_same(setting, &before, &after), !is_own);
        }
    }
    arena_destroy(arena);
}

/* Only a phase's own rows count for its steps and images. */
static void a_phase_counts_its_streams(void **unused)
{
    const struct row_counts counts = {.n_retain = 100, .n_forget = 30};
    const struct recipe recipe = {.epochs = 2, .batch_size = 32};
    const struct recipe whole = {.epochs = 2, .batch_size = 32, .drop_last = true};
    const struct {
        const char *method;
        int64_t per_epoch;
    } rows[] = {{"finetune", 4}, {"gradient_ascent", 1}, {"random_label", 5}};
    const char *setting = NULL;

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct phase *phase = method_phase(method_find(rows[i].method));
        const struct schedule schedule = phase_schedule(phase, &recipe, &counts);
        assert_int_equal(schedule.per_epoch, rows[i].per_epoch);
        assert_int_equal(schedule.n_steps, 2 * rows[i].per_epoch);
    }
    /* 30 images to forget fill no batch, though 100 others would */
    const struct recipe_use use =
        phase_use(method_phase(method_find("random_label")), &whole, &counts);
    assert_int_equal(recipe_check(&use, &setting), STATUS_BAD_CONFIG);
    assert_string_equal(setting, "batch_size");
    assert_non_null(strstr(status_message(), "30 images do not fill a batch of 32"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_of_each),
        cmocka_unit_test(defaults_can_be_read_and_are_what_they_say),
        cmocka_unit_test(a_phase_counts_its_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
