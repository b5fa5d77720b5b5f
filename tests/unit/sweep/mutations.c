/* Every deletion of a character and every swap of neighbours, in an example of every construct and
 * in every sweep file there is, gives a sweep or a positioned mistake, never a crash, a silent
 * failure or an error without a place. */
#include "base/file.h"
#include "loading.h"
#include "support/cmocka.h"

#include <glob.h>
#include <stdio.h>
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
                              "  lora.alpha: {value: \"${lora.rank * 2}\"}\n"
                              "  train.lr: {min: .1, max: 1e0, distribution: q_uniform, q: 0.1}\n"
                              "  lora.rank: {values: [4, 8], probabilities: [.5, 0.5]}\n"
                              "  eval.seed: [1, 2]\n"
                              "  lora.dropout: [0, 0.1]\n"
                              "zip: [[eval.seed, lora.dropout]]\n"
                              "when: {lora.dropout: \"not lora.rank > 4 and eval.seed in [1]\"}\n"
                              "method: random\n"
                              "exclude:\n"
                              "- {forget.class: 3, unlearn.method: lora}\n"
                              "seeds: [0, 1]\n"
                              "run_cap: 9\n"
                              "on_failure: {retries: 2, fail_fast: false}\n"
                              "checkpoint: {every: 60s, keep: final}\n"
                              "compat: lora-unlearn\n";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "name:line:column: error|warning: …" */
static bool has_position(const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);

    while (colon != NULL && !(is_digit(colon[1]) && colon > line))
        colon = memchr(colon + 1, ':', length - (size_t)(colon + 1 - line));
    if (colon == NULL)
        return false;
    colon += 1 + strspn(colon + 1, "0123456789");
    if (*colon != ':' || !is_digit(colon[1]))
        return false;
    colon += 1 + strspn(colon + 1, "0123456789");
    return strncmp(colon, ": error: ", 9) == 0 || strncmp(colon, ": warning: ", 11) == 0;
}

/* Every line that is no excerpt has a place. */
static bool is_positioned(const char *diagnostics)
{
    for (const char *line = diagnostics; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t length = strcspn(line, "\n");
        if (line[length] != '\n')
            return false;
        if (*line != ' ' && !is_digit(*line) && strncmp(line, "more than ", 10) != 0 &&
            !has_position(line, length))
            return false;
    }
    return true;
}

/* Returns whether the text is a sweep. One seed and class keep a file's points few. */
static bool check_file(const char *path, const char *yaml)
{
    const char *const sets[] = {"seeds=1", "forget.class=3"};
    struct text found = {0};
    struct sweep *sweep = NULL;
    const struct sweep_source source = {
        .path = path, .text = yaml, .sets = sets, .n_sets = strcmp(path, "x.yaml") != 0 ? 2 : 0};
    enum status status = sweep_load(&source, &found, &sweep);
    const char *diagnostics = text_value(&found);

    if (!is_positioned(diagnostics))
        fail_msg("no position in\n%s\nof\n%s", diagnostics, yaml);
    if (status != STATUS_OK && strstr(diagnostics, ": error: ") == NULL)
        fail_msg("refused without a reason: %s\n%s", status_message(), yaml);
    if (status != STATUS_OK && status != STATUS_BAD_CONFIG)
        fail_msg("%s\n%s", status_message(), yaml);
    assert_true((status == STATUS_OK) == (sweep != NULL && sweep->n_runs > 0));
    sweep_destroy(sweep);
    text_release(&found);
    return status == STATUS_OK;
}

static bool check(const char *yaml)
{
    return check_file("x.yaml", yaml);
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

/* True when this character and the next are inside of a comment, where a slip is none. */
static bool is_comment(const char *text, int64_t i)
{
    int64_t start = i;

    while (start > 0 && text[start - 1] != '\n')
        start--;
    for (int64_t k = start; k < i; k++)
        if (text[k] == '#' && (k == start || text[k - 1] == ' '))
            return text[i] != '\n' && text[i + 1] != '\n';
    return false;
}

/* Both kinds of slips at every place of a file. */
static void slip(const char *path)
{
    char *text = NULL, *changed = NULL;
    int64_t n = 0;
    int n_slips = 0, n_sweeps = 0, n_mistakes = 0;

    assert_int_equal(file_read(path, &text, &n), STATUS_OK);
    if (!check_file(path, text))
        fail_msg("'%s' is no sweep", path);
    changed = malloc((size_t)n + 1);
    assert_non_null(changed);
    for (int64_t i = 0; i + 1 < n; i++) {
        if (is_comment(text, i))
            continue;
        memcpy(changed, text, (size_t)i);
        memcpy(changed + i, text + i + 1, (size_t)(n - i));
        bool is_sweep = check_file(path, changed);
        memcpy(changed, text, (size_t)n + 1);
        changed[i] = text[i + 1];
        changed[i + 1] = text[i];
        n_sweeps += is_sweep;
        n_mistakes += !is_sweep + !check_file(path, changed);
        n_slips += 2;
    }
    assert_true(n_sweeps > n_slips / 20 && n_mistakes > n_slips / 4);
    printf("%s: %d slips, %d mistakes found\n", path_base(path), n_slips, n_mistakes);
    free(changed);
    free(text);
}

static void test_files(void **state)
{
    static const char *const patterns[] = {EXAMPLES "/*.yaml", EXAMPLES "/*/*.yaml",
                                           SWEEPS "/*.yaml"};
    size_t n_files = 0;

    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        glob_t found = {0};
        assert_int_equal(glob(patterns[i], 0, NULL, &found), 0);
        for (size_t k = 0; k < found.gl_pathc; k++)
            slip(found.gl_pathv[k]);
        n_files += found.gl_pathc;
        globfree(&found);
    }
    assert_true(n_files >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deletions),
        cmocka_unit_test(test_swaps),
        cmocka_unit_test(test_cuts_and_bytes),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
