/* Switches lead to a row of the table where there is one, and to one that says its name where not;
 * no two names mean the same. */
#include "unlearn/composition.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <string.h>

struct expectation {
    const char *asked;
    enum prune_switch prune;
    enum adapt_switch adapt;
    const char *name; /* NULL: refused */
};

static struct settings settings_of(const struct expectation *row)
{
    struct settings settings = {0};

    settings.unlearn.method = row->asked;
    settings.unlearn.prune = row->prune;
    settings.unlearn.adapt = row->adapt;
    return settings;
}

static void switches_lead_to_names(void **unused)
{
    static const struct expectation rows[] = {
        {"finetune", PRUNE_ON, ADAPT_LORA, "prune_lora"},
        {"finetune", PRUNE_ON, ADAPT_AS_METHOD, "prune_finetune"},
        {"finetune", PRUNE_OFF, ADAPT_LORA, "lora"},
        {"finetune", PRUNE_AS_METHOD, ADAPT_AS_METHOD, "finetune"},
        {"prune_lora", PRUNE_OFF, ADAPT_NONE, "finetune"},
        {"prune_lora", PRUNE_ON, ADAPT_LORA, "prune_lora"},
        {"lora", PRUNE_ON, ADAPT_AS_METHOD, "prune_lora"},
        {"original", PRUNE_ON, ADAPT_NONE, "original+prune"},
        {"original+prune", PRUNE_AS_METHOD, ADAPT_AS_METHOD, "original+prune"},
        {"original+prune", PRUNE_OFF, ADAPT_AS_METHOD, "original"},
        {"zero_head", PRUNE_ON, ADAPT_NONE, "zero_head+prune"},
        {"retrain", PRUNE_OFF, ADAPT_NONE, "retrain"},
        {"original", PRUNE_OFF, ADAPT_LORA, NULL},
        {"zero_head", PRUNE_ON, ADAPT_LORA, NULL},
        {"retrain", PRUNE_ON, ADAPT_NONE, NULL},
        {"retrain", PRUNE_OFF, ADAPT_LORA, NULL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct settings settings = settings_of(&rows[i]);
        const char *setting = NULL;
        enum status status = unlearn_settle(&settings, &setting);
        assert_int_equal(status, rows[i].name != NULL ? STATUS_OK : STATUS_BAD_CONFIG);
        if (rows[i].name == NULL)
            continue;
        assert_string_equal(settings.unlearn.method, rows[i].name);
        assert_int_equal(settings.unlearn.prune, PRUNE_AS_METHOD);
        assert_int_equal(settings.unlearn.adapt, ADAPT_AS_METHOD);
    }
}

/* Every composition of every method is found by its name, and has it from both sides. */
static void names_lead_back(void **unused)
{
    int n_compositions = 0;

    (void)unused;
    for (int i = 0; method_at(i) != NULL; i++)
        for (int which = 0; which < 4; which++) {
            bool prunes = (which & 1) != 0, adapts = (which & 2) != 0;
            const struct method *made = method_with(method_at(i), prunes, adapts);
            if (made == NULL)
                continue;
            n_compositions++;
            assert_ptr_equal(method_find(made->name), made);
            assert_ptr_equal(method_with(made, prunes, adapts), made);
            assert_int_equal(method_composition(made), which);
            assert_int_equal((method_reads(made) & GROUP_PRUNE) != 0, prunes);
            assert_int_equal((method_reads(made) & GROUP_LORA) != 0, adapts);
            struct settings settings = settings_of(&(struct expectation){.asked = made->name});
            unlearn_spell_out(&settings);
            assert_int_equal(settings.unlearn.prune, prunes ? PRUNE_ON : PRUNE_OFF);
            assert_int_equal(settings.unlearn.adapt, adapts ? ADAPT_LORA : ADAPT_NONE);
        }
    assert_true(n_compositions > 16); /* four of finetune's family alone, asked from each of it */
}

static void other_names_are_unknown(void **unused)
{
    static const char *const names[] = {
        "finetune+prune", /* is prune_finetune, and by no other name */
        "finetune+lora",  "lora+prune",    "prune_lora+prune",
        "retrain+prune",  "original+lora", "original+prune+",
        "original+",      "+prune",        "",
        "prune",
    };

    (void)unused;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(method_find(names[i]));
}

static void refusals_say_why(void **unused)
{
    struct settings settings =
        settings_of(&(struct expectation){"retrain", PRUNE_ON, ADAPT_NONE, NULL});

    const char *setting = NULL;

    (void)unused;
    fails_with(unlearn_settle(&settings, &setting), STATUS_BAD_CONFIG,
               "method 'retrain' is what the others are compared with: leave unlearn.prune out");
    settings = settings_of(&(struct expectation){"original", PRUNE_OFF, ADAPT_LORA, NULL});
    fails_with(unlearn_settle(&settings, &setting), STATUS_BAD_CONFIG,
               "method 'original' trains nothing, so that adapters stay zero: leave unlearn.adapt "
               "out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switches_lead_to_names),
        cmocka_unit_test(names_lead_back),
        cmocka_unit_test(other_names_are_unknown),
        cmocka_unit_test(refusals_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
