/* The table of subcommands, and the help that lists them. */
#include "cli/cli.h"

#include "base/log.h"
#include "base/text.h"
#include "cli/options/man_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
    {"plan", "what a sweep would run; checks everything, writes nothing", cli_plan, false, false},
    {"sweep", "run a sweep, alone or under mpirun", cli_sweep, false, false},
    {"status", "how a sweep stands: runs, trainers, time to go", cli_status, false, false},
    {"stop", "ask a sweep to stop in order, from anywhere", cli_stop, false, false},
    {"report", "a results folder as table, CSV or JSON", cli_report, false, false},
    {"verify", "whether a results folder is intact; repair what is not", cli_verify, false, false},
    {"eval", "UA, RA, TA and MIA of any checkpoint", cli_eval, false, true},
    {"train", "train a base model", cli_train, false, true},
    {"weights", "look into, convert, merge and compare weights files", cli_weights, false, false},
    {"data", "verify or generate data sets", cli_data, false, false},
    {"settings", "every setting, with type, range and default", cli_settings, false, false},
    {"doctor", "what this machine has, what is missing, how fast it is", cli_doctor, false, true},
    {"complete", "what may stand behind --set", cli_complete, true, false},
    {"trainer", "the process a rank starts to train runs", cli_trainer, true, true},
};
enum { N_COMMANDS = (int)(sizeof commands / sizeof *commands) };

static const char usage[] = "prunelora COMMAND [options]";
static const char purpose[] =
    "Runs sweeps of machine-unlearning experiments: YAML in, MPI across, HDF5 out.";
static const char example[] = "mpirun -n 2 prunelora sweep sweeps/demo.yaml";

static void append_screen(struct text *out)
{
    text_append(out, "usage: %s\n\n%s\n\n", usage, purpose);
    for (int i = 0; i < N_COMMANDS; i++)
        if (!commands[i].is_hidden)
            text_append(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    text_append(out,
                "\nexample: %s\n"
                "`prunelora COMMAND --help` explains a command, `prunelora --version --verbose`\n"
                "says what it was built with. Exit codes: 0 done, 1 some runs failed, 2 the\n"
                "input is wrong, 3 the machine is wrong, 75 stopped cleanly with work left.\n",
                example);
}

static void append_man_page(struct text *out)
{
    man_append_head(out, "prunelora");
    man_append(out, purpose);
    text_append(out, "\n.SH SYNOPSIS\n%s\n.SH COMMANDS\n", usage);
    for (int i = 0; i < N_COMMANDS; i++) {
        if (commands[i].is_hidden)
            continue;
        text_append(out, ".TP\n\\fB%s\\fR\n", commands[i].name);
        man_append(out, commands[i].summary);
        text_append(out, "\n");
    }
    text_append(out, ".SH EXAMPLES\n.nf\n");
    man_append(out, example);
    text_append(out, "\n.fi\n");
    man_append_codes(out);
}

static void append_words(struct text *out)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (!commands[i].is_hidden)
            text_append(out, "command %s\n", commands[i].name);
}

static int print_help(const char *form)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    if (form == NULL)
        append_screen(&text);
    else if (strcmp(form, "man") == 0)
        append_man_page(&text);
    else if (strcmp(form, "words") == 0)
        append_words(&text);
    else
        TRY(fail(STATUS_BAD_CONFIG, "--help=%s: want man, words or nothing", form));
    TRY(text_finish(&text));
    fputs(text_value(&text), stdout);
done:
    text_release(&text);
    return cli_finish(status);
}

static int unknown_command(const char *word)
{
    const char *names[N_COMMANDS];

    for (int i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    const char *nearest = text_nearest(word, names, N_COMMANDS);
    fprintf(stderr, "prunelora: unknown command '%s'", word);
    if (nearest != NULL)
        fprintf(stderr, "; did you mean '%s'?", nearest);
    fprintf(stderr, "\n`prunelora --help` lists the commands\n");
    return 2;
}

/* Threads of libgomp that wait for work spin for milliseconds by default; where another process
 * shares the cores, as on most login nodes, that costs a factor of several. A short spin costs
 * nothing measurable on quiet cores. libgomp reads its variables when it is loaded, so the program
 * starts itself once more; a user's own choice stands. */
static void bound_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") != NULL || getenv("OMP_WAIT_POLICY") != NULL)
        return;
    if (setenv("GOMP_SPINCOUNT", "10000", 1) == 0)
        execv("/proc/self/exe", argv);
    log_debug("cannot start again with a short spin; going on without"); /* no /proc: only slower */
}

int cli_finish(enum status status)
{
    if (status != STATUS_OK && status_message()[0] != '\0')
        fprintf(stderr, "prunelora: error: %s\n", status_message());
    return status_exit_code(status);
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(NULL);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return print_help(NULL);
    if (text_starts_with(argv[1], "--help="))
        return print_help(argv[1] + strlen("--help="));
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)
        return cli_version(argc - 1, argv + 1);
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            if (commands[i].computes)
                bound_spinning(argv);
            return commands[i].run(argc - 1, argv + 1);
        }
    return unknown_command(argv[1]);
}
