/* `prunelora --version`; with --verbose what the program was built with, as the doctor finds it. */
#include "cli/cli.h"
#include "cli/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    probe *look;
} parts[] = {
    {"program", probe_program}, {"MPI", probe_mpi},   {"numeric library", probe_numeric},
    {"HDF5", probe_hdf5},       {"CUDA", probe_cuda},
};

static void print_parts(void)
{
    const struct patient nobody = {.folder = NULL};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct finding finding = {.verdict = VERDICT_FINE};
        parts[i].look(&nobody, &finding);
        printf("%-16s %s%s%s\n", parts[i].name, finding.found,
               finding.advice[0] != '\0' ? ": " : "", finding.advice);
    }
}

int cli_version(int argc, char **argv)
{
    if (argc > 2 || (argc == 2 && strcmp(argv[1], "--verbose") != 0))
        return cli_finish(fail(STATUS_BAD_CONFIG,
                               "unknown word '%s' after --version, want --verbose or nothing",
                               argv[argc - 1]));
    if (argc == 2)
        print_parts();
    else
        printf("prunelora %s (%s)\n", PRUNELORA_VERSION, PRUNELORA_COMMIT);
    return 0;
}
