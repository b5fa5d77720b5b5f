/* `prunelora doctor`: what this machine has, what is missing, what that means and what to do. */
#include "cli/doctor/doctor.h"
#include "cli/cli.h"
#include "cli/options/options.h"

#include <stdarg.h>
#include <stdio.h>

struct row {
    const char *name;
    probe *look;
    const char *meaning; /* what it is for, where the name does not say it */
};

static const struct row rows[] = {
    {"program", probe_program, ""},
    {"processor", probe_processor, "the trainers of all ranks of a machine share these cores"},
    {"ranks and threads", probe_ranks, "one trainer per rank; resources.threads chooses otherwise"},
    {"memory", probe_memory, "column peak_memory of a results.h5 says what a trainer took"},
    {"results folder", probe_folder, "every rank writes there; sweep --out chooses another"},
    {"MPI", probe_mpi, "connects the ranks of a sweep"},
    {"MPI launcher", probe_launcher, "starts them; must be the same MPI"},
    {"numeric library", probe_numeric, "convolutions and matrix products on the CPU"},
    {"HDF5", probe_hdf5, "results, weights, checkpoints"},
    {"YAML, zip", probe_readers, "sweep files; PyTorch's checkpoints"},
    {"matrix product", probe_matmul, "the ceiling of training speed, float32"},
    {"memory copy", probe_copy, "the ceiling of batch norm, ReLU, additions; read and written"},
    {"GPU driver", probe_driver, "what CUDA needs of the system"},
    {"CUDA", probe_cuda, "convolutions and matrix products on GPUs"},
    {"GPUs", probe_gpu, "one rank of this machine for each"},
    {"GPU product", probe_gpu_matmul, "the ceiling of training speed there, float32"},
    {"GPU product, bf16", probe_gpu_bf16, "the same with precision: bf16"},
    {"GPU memory copy", probe_gpu_copy, "the ceiling of what is bound by memory there"},
    {"Slurm", probe_slurm, "a batch system; not needed to run on this machine"},
};

void found(struct finding *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(out->found, sizeof out->found, format, arguments);
    va_end(arguments);
}

void advise(struct finding *out, enum verdict verdict, const char *format, ...)
{
    va_list arguments;

    out->verdict = verdict;
    va_start(arguments, format);
    vsnprintf(out->advice, sizeof out->advice, format, arguments);
    va_end(arguments);
}

static void print(const struct row *row, const struct finding *finding)
{
    static const char *const words[] = {
        [VERDICT_FINE] = "ok",
        [VERDICT_ABSENT] = "absent",
        [VERDICT_NOTE] = "note",
        [VERDICT_BROKEN] = "BROKEN",
    };

    printf("%-7s %-18s %s\n", words[finding->verdict], row->name, finding->found);
    if (row->meaning[0] != '\0')
        printf("%-26s %s\n", "", row->meaning);
    if (finding->advice[0] != '\0')
        printf("%-26s %s%s\n", "", finding->verdict >= VERDICT_NOTE ? "→ " : "", finding->advice);
    fflush(stdout);
}

static enum status parse(int argc, char **argv, const char **folder, bool *is_help)
{
    const struct options options = {
        .usage = "prunelora doctor [DIR]",
        .summary = "What this machine has and what is missing: processor, memory, disk of the\n"
                   "results folder DIR (default: results), MPI, libraries, measured speeds, GPUs,\n"
                   "Slurm. Takes a few seconds. Exit code 3 when something needed is broken.",
        .example = "prunelora doctor",
        .min_positional = 0,
        .max_positional = 1,
    };

    *folder = "results";
    return options_parse_one(&options, argc, argv, folder, is_help);
}

int cli_doctor(int argc, char **argv)
{
    struct patient patient = {0};
    bool is_help = false;
    int n_broken = 0, n_notes = 0;

    enum status status = parse(argc, argv, &patient.folder, &is_help);
    if (status != STATUS_OK || is_help)
        return cli_finish(status);
    cores_of_node(&patient.cores);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct finding finding = {.verdict = VERDICT_FINE};
        rows[i].look(&patient, &finding);
        print(&rows[i], &finding);
        n_broken += finding.verdict == VERDICT_BROKEN;
        n_notes += finding.verdict == VERDICT_NOTE;
    }
    printf("\n%d broken, %d to note: sweeps %s here\n", n_broken, n_notes,
           n_broken > 0 ? "will not run" : "can run");
    return n_broken > 0 ? 3 : 0;
}
