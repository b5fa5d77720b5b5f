/* `prunelora plan`: everything `sweep` would check and run, without MPI, GPU or a single write. */
#include "cli/cli.h"

#include "base/duration.h"
#include "cli/options/options.h"
#include "cli/plan/plan_view.h"
#include "trainer/backend_choice.h"

#include <stdio.h>
#include <string.h>

struct plan_options {
    const char *format, *walltime;
    struct option_texts sets;
    struct plan_request request;
    int64_t n_gpus, n_trainers;
    bool wants_all;
};

static enum status parse(int argc, char **argv, struct plan_options *wanted,
                         struct positionals *positionals, bool *is_help)
{
    const struct option_row rows[] = {
        {"set", 0, OPTION_TEXTS, &wanted->sets, "K=V",
         "change a setting; several values make an axis; may be repeated"},
        {"out", 'o', OPTION_TEXT, &wanted->request.folder, "DIR",
         "results folder to compare with and learn speed from (default results/NAME)"},
        {"time", 0, OPTION_TEXT, &wanted->walltime, "TIME",
         "does it fit? seconds or [D-]HH:MM:SS, as Slurm's --time"},
        {"trainers", 0, OPTION_INTEGER, &wanted->n_trainers, "N", "on so many trainers (ranks)"},
        {"gpus", 0, OPTION_INTEGER, &wanted->n_gpus, "N", "on so many GPUs, a trainer for each"},
        {"device", 0, OPTION_TEXT, &wanted->request.device, "NAME",
         "learn speed from runs on it alone: auto (all), cuda, cpu or ref"},
        {"rate", 0, OPTION_NUMBER, &wanted->request.gflops, "GFLOPS",
         "speed of a trainer when no run was measured"},
        {"format", 0, OPTION_TEXT, &wanted->format, "NAME", "table (default), json, csv or ids"},
        {"all", 0, OPTION_FLAG, &wanted->wants_all, NULL, "list every run, not the first 20"},
    };
    const struct options options = {
        .usage = "prunelora plan SWEEP [--set k=v]... [--out DIR] [--time TIME] [--trainers N]",
        .summary = "Checks a sweep file; shows its runs, what a results folder already holds of\n"
                   "them and how long the rest takes. Nothing is started or written.",
        .example = "prunelora plan sweeps/demo.yaml --trainers 4 --time 1:00:00",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    return options_parse(&options, argc, argv, positionals, is_help);
}

static enum status print(const struct plan_view *view, const struct plan_options *wanted,
                         struct text *out)
{
    if (strcmp(wanted->format, "json") == 0)
        return plan_json(view, out);
    if (strcmp(wanted->format, "csv") == 0)
        return plan_csv(view, out);
    if (strcmp(wanted->format, "ids") == 0)
        return plan_ids(view, out);
    return plan_table(view, wanted->wants_all, out);
}

static enum status check_format(const char *format)
{
    static const char *const names[] = {"table", "json", "csv", "ids"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(format, names[i]) == 0)
            return STATUS_OK;
    return fail(STATUS_BAD_CONFIG, "--format must be table, json, csv or ids, got '%s'", format);
}

static enum status check_trainers(struct plan_options *wanted)
{
    if (wanted->n_gpus < 0 || wanted->n_trainers < 0)
        return fail(STATUS_BAD_CONFIG, "--trainers and --gpus must be at least 1");
    if (wanted->n_gpus > 0 && wanted->n_trainers > 0)
        return fail(STATUS_BAD_CONFIG, "--gpus N means N trainers; give one of the two");
    if (wanted->n_gpus > 0 && strcmp(wanted->request.device, "auto") == 0)
        wanted->request.device = "cuda";
    wanted->request.n_trainers = wanted->n_gpus > 0       ? wanted->n_gpus
                                 : wanted->n_trainers > 0 ? wanted->n_trainers
                                                          : 1;
    return STATUS_OK;
}

static enum status check(struct plan_options *wanted)
{
    enum status status = STATUS_OK;

    TRY(check_format(wanted->format));
    TRY(backend_choice_check(wanted->request.device));
    TRY(check_trainers(wanted));
    if (wanted->request.gflops < 0)
        TRY(fail(STATUS_BAD_CONFIG, "--rate must be above 0, got %g", wanted->request.gflops));
    if (wanted->walltime != NULL &&
        (!duration_from_text(wanted->walltime, &wanted->request.walltime) ||
         wanted->request.walltime <= 0))
        TRY(fail(STATUS_BAD_CONFIG, "--time expects seconds, MM:SS or [DAYS-]HH:MM:SS, got '%s'",
                 wanted->walltime));
done:
    return status;
}

static enum status plan(const char *path, struct plan_options *wanted)
{
    enum status status = STATUS_OK;
    const struct sweep_source source = {
        .path = path, .sets = wanted->sets.items, .n_sets = wanted->sets.n};
    struct sweep *sweep = NULL;
    struct plan_view view = {0};
    struct text diagnostics = {0}, text = {0};

    TRY(check(wanted));
    status = sweep_load(&source, &diagnostics, &sweep);
    fputs(text_value(&diagnostics), stderr);
    if (status != STATUS_OK)
        goto done;
    TRY(plan_view_create(sweep, &wanted->request, &view));
    TRY(print(&view, wanted, &text));
    fputs(text_value(&text), stdout);
done:
    plan_view_release(&view);
    text_release(&text);
    text_release(&diagnostics);
    sweep_destroy(sweep);
    return status;
}

int cli_plan(int argc, char **argv)
{
    struct plan_options wanted = {.format = "table", .request.device = "auto"};
    struct positionals positionals;
    bool is_help = false;

    enum status status = parse(argc, argv, &wanted, &positionals, &is_help);
    if (status == STATUS_OK && !is_help)
        status = plan(positionals.items[0], &wanted);
    return cli_finish(status);
}
