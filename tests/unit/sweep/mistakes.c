/* Every mistake in mistakes.txt is reported with the very text, place and number of errors. */
#include "base/file.h"
#include "loading.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SETS = 4 };

struct section {
    char *title; /* "case unknown setting", "wanted" */
    char *text;
};

/* Cuts the next "## title\n text" out of the file's text; false at its end. */
static bool next_section(char **rest, struct section *out)
{
    if (*rest == NULL || **rest == '\0')
        return false;
    out->title = *rest + strlen("## ");
    char *newline = strchr(out->title, '\n');
    *newline = '\0';
    out->text = newline + 1;
    if (strncmp(out->text, "## ", 3) == 0) { /* nothing between two titles */
        *rest = out->text;
        out->text = "";
        return true;
    }
    char *end = strstr(out->text, "\n## ");
    *rest = end != NULL ? end + 1 : NULL;
    if (end != NULL)
        *end = '\0'; /* check gives added and whole their last newline back */
    return true;
}

/* The error blocks of diagnostics, in order, without warnings. */
static char *errors_of(const char *diagnostics, int *n_errors)
{
    char *errors = calloc(strlen(diagnostics) + 1, 1);
    bool is_error = false;

    assert_non_null(errors);
    *n_errors = 0;
    for (const char *line = diagnostics; *line != '\0';) {
        const char *end = strchr(line, '\n');
        size_t length = end != NULL ? (size_t)(end - line) + 1 : strlen(line);
        bool is_excerpt = *line == ' ';
        const char *error = strstr(line, ": error: ");
        if (!is_excerpt)
            is_error = error != NULL && error < line + length;
        *n_errors += is_error && !is_excerpt;
        if (is_error)
            strncat(errors, line, length);
        line += length;
    }
    return errors;
}

struct mistake {
    const char *name, *base, *added, *whole;
    const char *sets[MAX_SETS + 1];
    int n_sets;
};

static void check(const struct mistake *mistake, const char *wanted)
{
    char *added = text_joined(mistake->added != NULL ? mistake->added : mistake->whole, "\n");
    char *yaml = text_joined(mistake->added != NULL ? mistake->base : "", added);
    int n_errors = 0;
    char message[64];

    struct loaded loaded = load_text(yaml, mistake->sets);
    char *errors = errors_of(text_value(&loaded.diagnostics), &n_errors);
    if (strcmp(errors, wanted) != 0)
        fail_msg("%s: wanted\n%s\ngot\n%s", mistake->name, wanted, errors);
    assert_int_equal(loaded.status, STATUS_BAD_CONFIG);
    assert_null(loaded.sweep);
    snprintf(message, sizeof message, "%d mistake%s in 'x.yaml'", n_errors,
             n_errors == 1 ? "" : "s");
    assert_string_equal(status_message(), message);
    loaded_release(&loaded);
    free(errors);
    free(yaml);
    free(added);
}

static void test_every_mistake(void **state)
{
    char *text = NULL, *base = NULL;
    int64_t n_bytes = 0;
    int n_cases = 0;
    struct section section;
    struct mistake mistake = {0};

    (void)state;
    assert_int_equal(file_read(MISTAKES_FILE, &text, &n_bytes), STATUS_OK);
    char *rest = strstr(text, "## base\n");
    while (next_section(&rest, &section)) {
        if (strcmp(section.title, "base") == 0) {
            base = section.text;
        } else if (strncmp(section.title, "case ", 5) == 0) {
            mistake = (struct mistake){.name = section.title + 5, .base = base, .added = ""};
        } else if (strcmp(section.title, "added") == 0) {
            mistake.added = section.text;
        } else if (strcmp(section.title, "whole") == 0) {
            mistake.whole = section.text;
            mistake.added = NULL;
        } else if (strncmp(section.title, "set ", 4) == 0) {
            assert_in_range(mistake.n_sets, 0, MAX_SETS - 1);
            mistake.sets[mistake.n_sets++] = section.title + 4;
        } else {
            assert_string_equal(section.title, "wanted");
            check(&mistake, section.text);
            n_cases++;
        }
    }
    assert_in_range(n_cases, 80, 1000);
    free(text);
}

/* More than 20 mistakes: 20 are shown, the rest is owned up to. */
static void test_twenty(void **state)
{
    struct text yaml = {0};
    int n_errors = 0;

    (void)state;
    text_append(&yaml, "config:\n");
    for (int i = 0; i < 30; i++)
        text_append(&yaml, "  nothing%d: 1\n", i);
    struct loaded loaded = load_text(text_value(&yaml), NULL);
    char *errors = errors_of(text_value(&loaded.diagnostics), &n_errors);
    assert_int_equal(n_errors, 20);
    assert_non_null(strstr(errors, "x.yaml:21:3: error: unknown setting 'nothing19'\n"));
    assert_null(strstr(text_value(&loaded.diagnostics), "nothing20"));
    assert_non_null(
        strstr(text_value(&loaded.diagnostics), "more than 20 errors; the others are not shown\n"));
    free(errors);
    loaded_release(&loaded);
    text_release(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_mistake),
        cmocka_unit_test(test_twenty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
