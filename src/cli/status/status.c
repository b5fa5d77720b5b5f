/* `prunelora status`: how a sweep stands, from what rank 0 writes into its folder. */
#include "cli/cli.h"

#include "cli/options/options.h"
#include "cli/status/status_print.h"
#include "cli/status/watch.h"

#include <signal.h>
#include <stdio.h>

struct status_options {
    const char *folder;
    bool watches, has_exit_code;
};

static enum status parse(int argc, char **argv, struct status_options *wanted, bool *is_help)
{
    enum status status = STATUS_OK;
    struct positionals positionals;
    const struct option_row rows[] = {
        {"watch", 0, OPTION_FLAG, &wanted->watches, NULL,
         "live on the whole terminal until it is over; q quits"},
        {"exit-code", 0, OPTION_FLAG, &wanted->has_exit_code, NULL,
         "exit as the sweep did; 75 while it runs or was killed"},
    };
    const struct options options = {
        .usage = "prunelora status DIR [--watch] [--exit-code]",
        .summary =
            "How the sweep of a results folder stands: runs done, failed, running and left,\n"
            "what each trainer does, what went wrong last. Works from every machine that\n"
            "sees the folder, while the sweep runs and afterwards, and changes nothing.\n"
            "--watch prints a line per change where its output is no terminal.",
        .example = "prunelora status results/demo --watch",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    TRY(options_parse(&options, argc, argv, &positionals, is_help));
    if (!*is_help)
        wanted->folder = positionals.items[0];
done:
    return status;
}

/* What a watch that somebody ended saw last is on no screen any more, and is not repeated. */
static enum status print(const struct status_view *view)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    status_append(view, &text);
    TRY(text_finish(&text));
    fputs(text_value(&text), stdout);
done:
    text_release(&text);
    return status;
}

static int exit_code_of(const struct status_view *view)
{
    return view->sweep.exit_code >= 0 ? view->sweep.exit_code : 75;
}

int cli_status(int argc, char **argv)
{
    enum status status = STATUS_OK;
    struct status_options wanted = {0};
    struct status_view view = {0};
    bool is_help = false;
    int exit_code = 0, signal = 0;

    TRY(parse(argc, argv, &wanted, &is_help));
    if (is_help)
        return 0;
    view.folder = wanted.folder;
    TRY(status_view_look(&view));
    if (wanted.watches)
        TRY(watch(&view, &signal));
    if (!wanted.watches || !view.is_alive)
        TRY(print(&view));
    if (wanted.has_exit_code)
        exit_code = exit_code_of(&view);
    if (signal != 0 && signal != SIGINT)
        exit_code = 128 + signal;
done:
    status_view_release(&view);
    return status == STATUS_OK ? exit_code : cli_finish(status);
}
