/* Every deletion of a character and every swap of neighbours in an example gives a sweep or a
 * positioned mistake, never a crash, a silent failure or an error without a place. */
#include "loading.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

static const char example[] = "name: example\n"
                              "config: # constants\n"
                              "  model: &m {arch: resnet20, weights: 'w.th'}\n"
                              "  data: {path: d, mean: published, std: [0.2, 2.0e-1, .2]}\n"
                              "  train:\n"
                              "    epochs: 5\n"
                              "    milestones: [1, 2]\n"
                              "  lora.targets: \"layer[0-9].*\"\n"
                              "parameters:\n"
                              "  unlearn.method: {values: [lora, prune_lora]}\n"
                              "  forget.class: {range: [2, 3]}\n"
                              "  prune: {sparsity: [0.3]}\n"
                              "  lora.alpha: {value: 1e1}\n"
                              "exclude:\n"
                              "- {forget.class: 3, unlearn.method: lora}\n"
                              "seeds: [0, 1]\n"
                              "run_cap: 99\n"
                              "on_failure: {retries: 2, fail_fast: false}\n"
                              "checkpoint: {every: 60s, keep: final}\n"
                              "compat: lora-unlearn\n";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Every line that is no excerpt is "x.yaml:line:column: error|warning: …". */
static bool is_positioned(const char *diagnostics)
{
    for (const char *line = diagnostics; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (*line == ' ' || is_digit(*line))
            continue;
        if (strncmp(line, "x.yaml:", 7) != 0 || !is_digit(line[7]))
            return false;
        if (strchr(line, '\n') == NULL)
            return false;
    }
    return true;
}

/* Returns whether the text is a sweep. */
static bool check(const char *yaml)
{
    struct loaded loaded = load_text(yaml, NULL);
    const char *diagnostics = text_value(&loaded.diagnostics);
    bool is_sweep = loaded.status == STATUS_OK;

    if (!is_positioned(diagnostics))
        fail_msg("no position in\n%s\nof\n%s", diagnostics, yaml);
    if (!is_sweep && strstr(diagnostics, ": error: ") == NULL)
        fail_msg("refused without a reason: %s\n%s", status_message(), yaml);
    assert_int_equal(loaded.status, is_sweep ? STATUS_OK : STATUS_BAD_CONFIG);
    assert_true(is_sweep == (loaded.sweep != NULL));
    if (is_sweep)
        assert_true(loaded.sweep->n_runs > 0);
    loaded_release(&loaded);
    return is_sweep;
}

static void test_deletions(void **state)
{
    char yaml[sizeof example];
    int n_sweeps = 0, n_mistakes = 0;

    (void)state;
    assert_true(check(example));
    for (size_t i = 0; i + 1 < sizeof example; i++) {
        memcpy(yaml, example, i);
        memcpy(yaml + i, example + i + 1, sizeof example - i - 1);
        bool is_sweep = check(yaml);
        n_sweeps += is_sweep;
        n_mistakes += !is_sweep;
    }
    assert_in_range(n_sweeps, 50, 600);
    assert_in_range(n_mistakes, 300, 2000);
}

static void test_swaps(void **state)
{
    char yaml[sizeof example];
    int n_mistakes = 0;

    (void)state;
    for (size_t i = 0; i + 2 < sizeof example; i++) {
        memcpy(yaml, example, sizeof example);
        yaml[i] = example[i + 1];
        yaml[i + 1] = example[i];
        n_mistakes += !check(yaml);
    }
    assert_in_range(n_mistakes, 300, 2000);
}

/* Cut short anywhere, and with a byte of no text in any place. */
static void test_cuts_and_bytes(void **state)
{
    static const char bytes[] = {'\t', '\n', ':', '{', ']', '"', '&', '*', '!', (char)0xFF, 0x01};
    char yaml[sizeof example];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof example; i++) {
        memcpy(yaml, example, sizeof example);
        yaml[i] = '\0';
        (void)check(yaml);
        memcpy(yaml, example, sizeof example);
        yaml[i] = bytes[i % sizeof bytes];
        (void)check(yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deletions),
        cmocka_unit_test(test_swaps),
        cmocka_unit_test(test_cuts_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
