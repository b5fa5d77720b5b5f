/* `prunelora verify`: whether a results folder still is what the sweep wrote. */
#include "cli/cli.h"

#include "cli/options/options.h"
#include "dispatch/folder/repair.h"
#include "dispatch/folder/verify.h"

#include <inttypes.h>
#include <stdio.h>

struct verify_options {
    const char *folder;
    bool repairs;
};

static enum status parse(int argc, char **argv, struct verify_options *wanted, bool *is_help)
{
    const struct option_row rows[] = {
        {"repair", 0, OPTION_FLAG, &wanted->repairs, NULL,
         "set damaged files aside; rebuild a damaged journal from the runs' files"},
    };
    const struct options options = {
        .usage = "prunelora verify DIR [--repair]",
        .summary =
            "Reads every file of the finished runs of a results folder and compares it with\n"
            "the size and checksum that the journal has of it. Exit codes: 0 all intact,\n"
            "1 something is damaged, 3 something cannot be read.",
        .example = "prunelora verify results/demo",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    return options_parse_one(&options, argc, argv, &wanted->folder, is_help);
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static void print_end(const struct verify_options *wanted, const struct verify_counts *counts)
{
    printf("%s: %" PRId64 " finished run%s, %" PRId64 " file%s, %.3g MB: ", wanted->folder,
           counts->n_runs, plural(counts->n_runs), counts->n_files, plural(counts->n_files),
           1e-6 * (double)counts->n_bytes);
    if (counts->n_damaged == 0 && counts->n_unreadable == 0)
        printf("intact\n");
    else
        printf("%" PRId64 " damaged, %" PRId64 " unreadable\n", counts->n_damaged,
               counts->n_unreadable);
    if (counts->n_unmeasured > 0)
        printf("%" PRId64 " run%s without checksums in the journal: run.h5 was read instead\n",
               counts->n_unmeasured, plural(counts->n_unmeasured));
    if (counts->n_damaged > 0)
        printf(wanted->repairs ? "the next start of the sweep repeats the runs it concerns\n"
                               : "with --repair they are set aside, and the next start of the "
                                 "sweep repeats their runs\n");
}

static enum status verify(const struct verify_options *wanted, int *exit_code)
{
    enum status status = STATUS_OK;
    struct text text = {0};
    struct verify_counts counts;

    if (wanted->repairs)
        TRY(folder_repair(wanted->folder, &text));
    TRY(folder_verify(wanted->folder, wanted->repairs, &text, &counts));
    fputs(text_value(&text), stdout);
    print_end(wanted, &counts);
    *exit_code = counts.n_unreadable > 0 ? 3 : counts.n_damaged > 0 ? 1 : 0;
done:
    text_release(&text);
    return status;
}

int cli_verify(int argc, char **argv)
{
    struct verify_options wanted = {0};
    bool is_help = false;
    int exit_code = 0;
    enum status status = parse(argc, argv, &wanted, &is_help);

    if (status == STATUS_OK && !is_help)
        status = verify(&wanted, &exit_code);
    return status == STATUS_OK ? exit_code : cli_finish(status);
}
