/* `prunelora plan`: everything `sweep` would check and run, without MPI, GPU or a single write. */
#include "cli/cli.h"

#include "cli/options.h"
#include "sweep/sweep.h"

#include <stdio.h>
#include <string.h>

struct plan_options {
    const char *format;
    struct option_texts sets;
    bool wants_all;
};

static enum status parse(int argc, char **argv, struct plan_options *wanted,
                         struct positionals *positionals, bool *is_help)
{
    const struct option_row rows[] = {
        {"set", 0, OPTION_TEXTS, &wanted->sets, "K=V",
         "change a setting; several values make an axis; may be repeated"},
        {"format", 0, OPTION_TEXT, &wanted->format, "NAME", "table (default), json or ids"},
        {"all", 0, OPTION_FLAG, &wanted->wants_all, NULL, "list every run, not the first 20"},
    };
    const struct options options = {
        .usage = "prunelora plan SWEEP [--set k=v]... [--format table|json|ids]",
        .summary = "Checks a sweep file and shows its runs. Nothing is started or written.",
        .example = "prunelora plan sweeps/demo.yaml --set prune.sparsity=0.3,0.5 "
                   "--set 'forget.class=range(0,10)'",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    return options_parse(&options, argc, argv, positionals, is_help);
}

static enum status print_ids(const struct sweep *sweep, struct text *out)
{
    for (int64_t i = 0; i < sweep->n_runs; i++)
        text_append(out, "%s\n", sweep->runs[i].id);
    return text_finish(out);
}

static enum status print_json(const struct sweep *sweep, struct text *out)
{
    enum status status = STATUS_OK;

    text_append(out, "{\"name\": \"");
    for (const char *c = sweep->name; *c != '\0'; c++)
        text_append(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    text_append(out, "\", \"n_points\": %lld, \"n_excluded\": %lld, \"n_included\": %lld,\n",
                (long long)sweep->n_points, (long long)sweep->n_excluded,
                (long long)sweep->n_included);
    text_append(out, " \"points\": [");
    for (int64_t i = 0; i < sweep->n_points; i++)
        text_append(out, "%s%lld", i > 0 ? ", " : "", (long long)sweep->points[i]);
    text_append(out, "],\n \"runs\": [\n");
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        text_append(out, "  {\"id\": \"%s\", \"name\": \"%s\", \"settings\": ", sweep->runs[i].id,
                    sweep->runs[i].name);
        TRY(settings_to_json(&sweep->runs[i].settings, out));
        text_append(out, "}%s\n", i + 1 < sweep->n_runs ? "," : "");
    }
    text_append(out, " ]}\n");
    TRY(text_finish(out));
done:
    return status;
}

static enum status print(const struct sweep *sweep, const struct plan_options *wanted,
                         struct text *out)
{
    if (strcmp(wanted->format, "json") == 0)
        return print_json(sweep, out);
    if (strcmp(wanted->format, "ids") == 0)
        return print_ids(sweep, out);
    return plan_print(sweep, wanted->wants_all, out);
}

static enum status check_format(const char *format)
{
    if (strcmp(format, "csv") == 0)
        return fail(STATUS_BAD_CONFIG, "--format csv is not supported yet; use json");
    if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0 && strcmp(format, "ids") != 0)
        return fail(STATUS_BAD_CONFIG, "--format must be table, json or ids, got '%s'", format);
    return STATUS_OK;
}

static enum status plan(const char *path, const struct plan_options *wanted)
{
    enum status status = STATUS_OK;
    const struct sweep_source source = {
        .path = path, .sets = wanted->sets.items, .n_sets = wanted->sets.n};
    struct sweep *sweep = NULL;
    struct text diagnostics = {0}, text = {0};

    TRY(check_format(wanted->format));
    status = sweep_load(&source, &diagnostics, &sweep);
    fputs(text_value(&diagnostics), stderr);
    if (status != STATUS_OK)
        goto done;
    TRY(print(sweep, wanted, &text));
    fputs(text_value(&text), stdout);
done:
    text_release(&text);
    text_release(&diagnostics);
    sweep_destroy(sweep);
    return status;
}

int cli_plan(int argc, char **argv)
{
    struct plan_options wanted = {.format = "table"};
    struct positionals positionals;
    bool is_help = false;

    enum status status = parse(argc, argv, &wanted, &positionals, &is_help);
    if (status == STATUS_OK && !is_help)
        status = plan(positionals.items[0], &wanted);
    return cli_finish(status);
}
