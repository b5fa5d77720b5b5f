/* Programs and libraries, asked for their versions; GPUs and Slurm, looked for. */
#include "cli/doctor/doctor.h"

#include "base/file.h"
#include "base/text.h"
#include "config/yaml_tree.h"
#include "dispatch/talk/transport.h"
#include "kernels/kernels.h"
#include "store/libraries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { LINE_BYTES = 256 };

#ifdef __clang__
static const char compiler[] = "clang " __clang_version__;
#else
static const char compiler[] = "gcc " __VERSION__;
#endif

void probe_program(const struct patient *patient, struct finding *out)
{
    (void)patient;
    found(out, "prunelora %s (%s), compiled with %s", PRUNELORA_VERSION, PRUNELORA_COMMIT,
          compiler);
}

enum { EXIT_TIMEOUT = 124, EXIT_NOT_FOUND = 127 }; /* of timeout(1) */

/* The beginning of what a command prints, and how it ended. A launcher or batch system that waits
 * for a network must not hold up everything else. */
static int output_of(const char *command, char output[LINE_BYTES])
{
    char whole[512];

    output[0] = '\0';
    snprintf(whole, sizeof whole, "timeout 2 %s 2>&1", command);
    FILE *pipe = popen(whole, "re");
    if (pipe == NULL)
        return EXIT_NOT_FOUND;
    output[fread(output, 1, LINE_BYTES - 1, pipe)] = '\0';
    while (fgetc(pipe) != EOF) { /* let it finish */
    }
    int how = pclose(pipe);
    return WIFEXITED(how) ? WEXITSTATUS(how) : EXIT_TIMEOUT;
}

static int first_line(const char *command, char line[LINE_BYTES])
{
    int code = output_of(command, line);

    line[strcspn(line, "\n")] = '\0';
    return code;
}

/* The first "4.1.4" of a text; "" when there is none. */
static void version_in(const char *text, char version[32])
{
    version[0] = '\0';
    for (const char *at = strpbrk(text, "0123456789"); at != NULL; at = strpbrk(at, "0123456789")) {
        size_t n = strspn(at, "0123456789.");
        if (memchr(at, '.', n) != NULL && n < 32) {
            snprintf(version, 32, "%.*s", (int)n, at);
            return;
        }
        at += n;
    }
}

void probe_mpi(const struct patient *patient, struct finding *out)
{
    char library[MPI_TEXT_BYTES];

    (void)patient;
    transport_mpi_library(library);
    found(out, "%s", library);
}

static bool is_open_mpi(const char *words)
{
    return text_starts_with(words, "Open MPI") || strstr(words, "(Open MPI)") != NULL ||
           strstr(words, "(OpenRTE)") != NULL;
}

/* One Hydra serves all versions of MPICH and of what descends from it; elsewhere launcher and
 * library are of one version. */
static bool is_of_another_mpi(const char *launcher, const char *library)
{
    char its[32], ours[32];

    if (strstr(launcher, "HYDRA") != NULL)
        return is_open_mpi(library);
    if (is_open_mpi(launcher) && !is_open_mpi(library))
        return true;
    version_in(launcher, its);
    version_in(library, ours);
    return its[0] != '\0' && ours[0] != '\0' && strcmp(its, ours) != 0;
}

static void advise_launcher(struct finding *out, const char *launcher, const char *library)
{
    char its[32], ours[32], other[LINE_BYTES];
    bool has_other = output_of("'" PRUNELORA_MPIEXEC "' --version", other) == 0 &&
                     !is_of_another_mpi(other, library);

    version_in(launcher, its);
    version_in(library, ours);
    advise(out, VERDICT_BROKEN,
           "its version is %s, the library's %s: every rank would take itself for the only one; "
           "put the bin folder of the MPI above first in PATH%s",
           its, ours, has_other ? ", or start sweeps with " PRUNELORA_MPIEXEC : "");
}

void probe_launcher(const struct patient *patient, struct finding *out)
{
    char words[LINE_BYTES], library[MPI_TEXT_BYTES], version[32];

    (void)patient;
    int code = output_of("mpirun --version", words);
    int n = (int)strcspn(words, "\n");
    transport_mpi_library(library);
    if (code != 0) {
        if (code == EXIT_NOT_FOUND)
            found(out, "no mpirun in PATH");
        else
            found(out, "mpirun does not work, exit code %d: %.*s", code, n, words);
        advise(out, VERDICT_NOTE,
               "without it a sweep runs with one rank; install it (Debian: %s) or load the module "
               "of the MPI above; inside Slurm, srun --mpi=%s does as well",
               is_open_mpi(library) ? "openmpi-bin" : "mpich",
               is_open_mpi(library) ? "pmix" : "pmi2");
        return;
    }
    version_in(words, version);
    if (strstr(words, "HYDRA") != NULL) /* and nothing else in the first line */
        found(out, "Hydra %s, the launcher of MPICH", version);
    else
        found(out, "%.*s", n, words);
    if (is_of_another_mpi(words, library))
        advise_launcher(out, words, library);
}

void probe_numeric(const struct patient *patient, struct finding *out)
{
    (void)patient;
    backend_find("cpu")->describe(out->found, sizeof out->found);
    if (strstr(out->found, "AVX") == NULL)
        advise(out, VERDICT_NOTE, "no AVX: a fraction of the speed of a processor that has it");
}

void probe_hdf5(const struct patient *patient, struct finding *out)
{
    char version[LIBRARY_VERSION_BYTES] = "unknown";

    (void)patient;
    bool is_as_built = hdf5_library_version(version);
    found(out, "%s", version);
    if (!is_as_built)
        advise(out, VERDICT_BROKEN,
               "the program was compiled for another HDF5; build it anew, or correct "
               "LD_LIBRARY_PATH");
}

void probe_readers(const struct patient *patient, struct finding *out)
{
    (void)patient;
    found(out, "libyaml %s, libzip %s", yaml_library_version(), zip_library_version());
}

/* ---- GPUs ---- */

void probe_driver(const struct patient *patient, struct finding *out)
{
    char *text = NULL;
    int64_t n = 0;

    (void)patient;
    if (file_read("/proc/driver/nvidia/version", &text, &n) != STATUS_OK) {
        found(out, "no NVIDIA driver");
        advise(out, VERDICT_ABSENT, "runs compute on the CPU");
        return;
    }
    found(out, "%.*s", (int)strcspn(text, "\n"), text);
    free(text);
}

/* A machine without a driver lacks nothing; one with a driver that cannot be used does. */
static void no_cuda(struct finding *out)
{
    bool has_driver = file_exists("/proc/driver/nvidia/version");

    found(out, "not used");
    advise(out, has_driver ? VERDICT_NOTE : VERDICT_ABSENT, "%s", status_message());
}

void probe_cuda(const struct patient *patient, struct finding *out)
{
    const struct backend *cuda = NULL;

    (void)patient;
    if (backend_load("cuda", &cuda) != STATUS_OK)
        no_cuda(out);
    else
        cuda->describe(out->found, sizeof out->found);
}

/* ", NVIDIA H100 (GPU 0)" */
static enum status append_gpu(const struct backend *cuda, int index, struct text *text)
{
    const struct device_settings settings = {.n_threads = 1, .index = index};
    struct device *device = NULL;
    enum status status = device_open(cuda, &settings, &device);

    if (status != STATUS_OK)
        return status;
    text_append(text, "%s%s", index > 0 ? ", " : "", device_base(device)->name);
    device_close(device);
    return STATUS_OK;
}

void probe_gpu(const struct patient *patient, struct finding *out)
{
    enum status status = STATUS_OK;
    const struct backend *cuda = NULL;
    struct text text = {0};
    int n = 0;

    (void)patient;
    TRY(backend_load("cuda", &cuda));
    TRY(backend_devices(cuda, &n));
    for (int i = 0; i < n; i++)
        TRY(append_gpu(cuda, i, &text));
    found(out, "%.500s", text_value(&text));
done:
    text_release(&text);
    if (status != STATUS_OK)
        no_cuda(out);
}

void probe_slurm(const struct patient *patient, struct finding *out)
{
    char line[LINE_BYTES];
    const char *job = getenv("SLURM_JOB_ID"), *nodes = getenv("SLURM_JOB_NUM_NODES");

    (void)patient;
    int code = first_line("sbatch --version", line);
    if (code == EXIT_NOT_FOUND) {
        found(out, "no sbatch in PATH");
        advise(out, VERDICT_ABSENT, "start sweeps with mpirun");
        return;
    }
    if (code != 0) {
        found(out, "sbatch does not work, exit code %d: %s", code, line);
        advise(out, VERDICT_ABSENT,
               "it is installed, but no cluster is known here: start sweeps "
               "with mpirun, or ask whoever runs the cluster for slurm.conf");
        return;
    }
    if (job != NULL)
        found(out, "%s; this is job %.32s on %.8s node(s)", line, job, nodes != NULL ? nodes : "?");
    else
        found(out, "%s; outside of a job", line);
}
