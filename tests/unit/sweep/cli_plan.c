/* `prunelora plan` and `prunelora settings`: exit codes, what goes to which stream, and that
 * nothing is written. */
#include "cli/cli.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/temporary_folder.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char sweep[] = "config:\n"
                            "  model: {arch: resnet20, weights: w.th}\n"
                            "  data: {path: d, mean: published, std: published}\n"
                            "  forget.class: 3\n"
                            "parameters:\n"
                            "  unlearn.method: [original, lora]\n";

struct place {
    struct temporary_folder work, streams;
    char sweep_path[TEMPORARY_PATH_BYTES];
};

static int enter(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    temporary_folder_open(&place->work);
    temporary_folder_open(&place->streams);
    temporary_path(&place->work, "x.yaml", place->sweep_path);
    assert_int_equal(file_write(place->sweep_path, sweep, strlen(sweep)), STATUS_OK);
    *state = place;
    return 0;
}

static int leave(void **state)
{
    struct place *place = *state;

    temporary_folder_close(&place->work);
    temporary_folder_close(&place->streams);
    free(place);
    return 0;
}

struct outcome {
    int code;
    char *streams[2]; /* standard output and error, heap */
};

/* Runs a command with both streams in files. Arguments end with NULL. */
static struct outcome run(const struct place *place, int (*command)(int, char **),
                          const char *const *arguments)
{
    struct outcome outcome = {0};
    char path[2][TEMPORARY_PATH_BYTES], *argv[16] = {NULL};
    int saved[2], argc = 0;
    int64_t n_bytes = 0;

    for (; arguments[argc] != NULL; argc++) {
        argv[argc] = strdup(arguments[argc]);
        assert_non_null(argv[argc]);
    }
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        temporary_path(&place->streams, i == 0 ? "out" : "err", path[i]);
        int file = open(path[i], O_WRONLY | O_CREAT | O_TRUNC, 0600);
        saved[i] = dup(i + 1);
        assert_true(file >= 0 && saved[i] >= 0 && dup2(file, i + 1) == i + 1);
        close(file);
    }
    outcome.code = command(argc, argv);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dup2(saved[i], i + 1), i + 1);
        close(saved[i]);
        assert_int_equal(file_read(path[i], &outcome.streams[i], &n_bytes), STATUS_OK);
    }
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return outcome;
}

static void outcome_release(struct outcome *outcome)
{
    free(outcome->streams[0]);
    free(outcome->streams[1]);
}

static void test_good(void **state)
{
    const struct place *place = *state;
    const char *const ids[] = {"plan", place->sweep_path, "--format", "ids", NULL};
    struct outcome outcome = run(place, cli_plan, ids);

    assert_int_equal(outcome.code, 0);
    assert_int_equal(strlen(outcome.streams[0]), 2 * 17);
    assert_non_null(strstr(outcome.streams[1], "warning: weights 'w.th' do not exist"));
    assert_int_equal(temporary_folder_count(&place->work), 1); /* the sweep file alone */
    outcome_release(&outcome);
}

static void test_json(void **state)
{
    const struct place *place = *state;
    const char *const json[] = {"plan",  place->sweep_path,   "--format", "json",
                                "--set", "name=a \"b\" \\ c", NULL};
    struct outcome outcome = run(place, cli_plan, json);

    assert_int_equal(outcome.code, 0);
    cJSON *root = cJSON_Parse(outcome.streams[0]);
    assert_non_null(root);
    assert_string_equal(cJSON_GetObjectItem(root, "name")->valuestring, "a \"b\" \\ c");
    const cJSON *runs = cJSON_GetObjectItem(root, "runs");
    assert_int_equal(cJSON_GetArraySize(runs), 2);
    const cJSON *settings = cJSON_GetObjectItem(cJSON_GetArrayItem(runs, 1), "settings");
    assert_string_equal(cJSON_GetObjectItem(settings, "unlearn.method")->valuestring, "lora");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "points")), 2);
    cJSON_Delete(root);
    outcome_release(&outcome);
}

static void test_mistakes(void **state)
{
    const struct place *place = *state;
    const char *const bad_value[] = {"plan", place->sweep_path, "--set", "prune.sparsity=1.2",
                                     NULL};
    const char *const bad_format[] = {"plan", place->sweep_path, "--format", "xml", NULL};
    struct outcome outcome = run(place, cli_plan, bad_value);

    assert_int_equal(outcome.code, 2);
    assert_string_equal(outcome.streams[0], "");
    assert_non_null(strstr(outcome.streams[1],
                           "--set:1:16: error: 'prune.sparsity' must be in [0, 1), got 1.2\n"
                           "    1 | prune.sparsity=1.2\n"
                           "      |                ^~~\n"));
    assert_int_equal(temporary_folder_count(&place->work), 1);
    outcome_release(&outcome);
    outcome = run(place, cli_plan, bad_format);
    assert_int_equal(outcome.code, 2);
    assert_non_null(
        strstr(outcome.streams[1], "--format must be table, json, csv or ids, got 'xml'"));
    outcome_release(&outcome);
}

static void test_settings(void **state)
{
    const struct place *place = *state;
    const char *const one[] = {"settings", "prune.sparsity", NULL};
    const char *const unknown[] = {"settings", "prune.sparsty", NULL};
    struct outcome outcome = run(place, cli_settings, one);

    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.streams[0], "prune.sparsity: number in [0, 1) (of 1)\n"
                                            "    share of every target's output channels\n"
                                            "    default 0.5\n"
                                            "    read by prune_finetune, prune_lora\n");
    outcome_release(&outcome);
    outcome = run(place, cli_settings, unknown);
    assert_int_equal(outcome.code, 2);
    assert_non_null(strstr(outcome.streams[1], "unknown setting 'prune.sparsty'; did you mean "
                                               "'prune.sparsity'?"));
    outcome_release(&outcome);
}

static void test_settings_page(void **state)
{
    const struct place *place = *state;
    const char *const page[] = {"settings", "--format", "markdown", NULL};
    const char *const part[] = {"settings", "prune", "--format", "markdown", NULL};
    const char *const other[] = {"settings", "--format", "html", NULL};
    char *committed = NULL;
    int64_t n = 0;
    struct outcome outcome = run(place, cli_settings, page);

    assert_int_equal(outcome.code, 0);
    assert_int_equal(file_read(SETTINGS_PAGE, &committed, &n), STATUS_OK);
    if (strcmp(committed, outcome.streams[0]) != 0)
        fail_msg("docs/settings.md is not what the program prints; renew it by\n"
                 "prunelora settings --format markdown > docs/settings.md");
    free(committed);
    outcome_release(&outcome);
    outcome = run(place, cli_settings, part);
    assert_int_equal(outcome.code, 0);
    assert_true(strncmp(outcome.streams[0], "\n## prune\n", 10) == 0);
    assert_non_null(strstr(outcome.streams[0], "| `prune.sparsity` | number in [0, 1) (of 1) | "));
    assert_null(strstr(outcome.streams[0], "lora.rank"));
    outcome_release(&outcome);
    outcome = run(place, cli_settings, other);
    assert_int_equal(outcome.code, 2);
    assert_non_null(strstr(outcome.streams[1], "must be text or markdown, got 'html'"));
    outcome_release(&outcome);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_good),     IN_PLACE(test_json),          IN_PLACE(test_mistakes),
        IN_PLACE(test_settings), IN_PLACE(test_settings_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
