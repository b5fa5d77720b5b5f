/* `prunelora report`: what a sweep found, as a table, CSV or JSON. */
#include "cli/cli.h"

#include "base/file.h"
#include "cli/options/options.h"
#include "report/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct report_options {
    const char *folder, *format, *by, *out;
    bool has_runs;
};

static enum status parse(int argc, char **argv, struct report_options *wanted, bool *is_help)
{
    const struct option_row rows[] = {
        {"format", 0, OPTION_TEXT, &wanted->format, "NAME", "table (default), csv or json"},
        {"by", 0, OPTION_TEXT, &wanted->by, "KEY,..",
         "table: settings to group by; default: what the sweep varies but the seed"},
        {"runs", 0, OPTION_FLAG, &wanted->has_runs, NULL, "table: one row per run"},
        {"out", 'o', OPTION_TEXT, &wanted->out, "FILE", "write there instead of printing"},
    };
    const struct options options = {
        .usage = "prunelora report DIR [--format table|csv|json] [--by KEY,..] [--out FILE]",
        .summary =
            "The runs of a results folder, at any time, also while its sweep goes on. The "
            "table\nis in percent, CSV and JSON in fractions with one row or object per run.",
        .example = "prunelora report results/demo --by unlearn.method,prune.sparsity",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    return options_parse_one(&options, argc, argv, &wanted->folder, is_help);
}

/* "a,b" → {"a", "b"} in the arena. */
static enum status split_keys(struct arena *arena, const char *by, const char ***out, int64_t *n)
{
    enum status status = STATUS_OK;
    char *copy = NULL, *rest = NULL;
    const char **keys = NULL;

    TRY_ALLOC(copy, arena_strdup(arena, by));
    TRY_ALLOC(keys, ARENA_ARRAY(arena, (int64_t)strlen(by) + 1, const char *));
    rest = copy;
    for (char *key = strsep(&rest, ","); key != NULL; key = strsep(&rest, ",")) {
        if (*key == '\0')
            TRY(fail(STATUS_BAD_CONFIG, "--by expects settings with commas between, got '%s'", by));
        keys[(*n)++] = key;
    }
    *out = keys;
done:
    return status;
}

static enum status deliver(const struct text *report, const char *path)
{
    if (path != NULL)
        return file_write(path, text_value(report), (size_t)report->length);
    if (fwrite(text_value(report), 1, (size_t)report->length, stdout) != (size_t)report->length ||
        fflush(stdout) != 0)
        return fail(STATUS_IO, "cannot write the report to standard output: %s", strerror(errno));
    return STATUS_OK;
}

static enum status report(const struct report_options *wanted)
{
    enum status status = STATUS_OK;
    struct report_settings settings = {.has_runs = wanted->has_runs};
    struct arena *arena = NULL;
    struct text text = {0};
    const char **keys = NULL;

    TRY(arena_create(&arena));
    TRY(report_format_find(wanted->format, &settings.format));
    if (settings.format != REPORT_TABLE && (wanted->by != NULL || wanted->has_runs))
        TRY(fail(STATUS_BAD_CONFIG, "--by and --runs shape the table; %s has every run anyway",
                 wanted->format));
    if (wanted->by != NULL)
        TRY(split_keys(arena, wanted->by, &keys, &settings.n_by));
    settings.by = keys;
    TRY(report_compose(wanted->folder, &settings, &text));
    TRY(deliver(&text, wanted->out));
done:
    text_release(&text);
    arena_destroy(arena);
    return status;
}

int cli_report(int argc, char **argv)
{
    struct report_options wanted = {.format = "table"};
    bool is_help = false;
    enum status status = parse(argc, argv, &wanted, &is_help);

    if (status == STATUS_OK && !is_help)
        status = report(&wanted);
    return cli_finish(status);
}
