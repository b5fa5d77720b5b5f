/* Processor, memory, disk, and what they reach. */
#include "cli/doctor/doctor.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/doctor/ceiling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MEBIBYTE = 1 << 20, GIBIBYTE = 1 << 30 };

/* ---- processor ---- */

/* What follows "key" and a colon in the first line that begins so; "" when there is none. */
static void line_of(const char *path, const char *key, char value[128])
{
    char *text = NULL;
    int64_t n = 0;

    value[0] = '\0';
    if (file_read(path, &text, &n) != STATUS_OK)
        return;
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!text_starts_with(line, key))
            continue;
        const char *colon = strchr(line, ':');
        if (colon != NULL)
            snprintf(value, 128, "%.*s", (int)strcspn(colon + 1, "\n"), colon + 1);
        break;
    }
    free(text);
    memmove(value, value + strspn(value, " \t"), strlen(value + strspn(value, " \t")) + 1);
}

/* Processors' worth of time that the container may use; 0: no limit known. */
static double cpu_quota(void)
{
    char *text = NULL;
    int64_t n = 0;
    long long quota = 0, period = 0;

    if (file_read("/sys/fs/cgroup/cpu.max", &text, &n) != STATUS_OK)
        return 0;
    bool has_limit = sscanf(text, "%lld %lld", &quota, &period) == 2 && period > 0;
    free(text);
    return has_limit ? (double)quota / (double)period : 0;
}

void probe_processor(const struct patient *patient, struct finding *out)
{
    char model[128], list[CORES_TEXT_BYTES];
    double quota = cpu_quota();

    line_of("/proc/cpuinfo", "model name", model);
    if (cores_to_text(&patient->cores, list) != STATUS_OK)
        snprintf(list, sizeof list, "many");
    found(out, "%s, %d cores for this program: %.200s", model[0] != '\0' ? model : "unknown",
          patient->cores.n, list);
    if (quota > 0 && quota < patient->cores.n)
        advise(out, VERDICT_NOTE,
               "a container limits it to the time of %.1f cores: more threads than that wait for "
               "each other; set resources.threads",
               quota);
}

void probe_ranks(const struct patient *patient, struct finding *out)
{
    struct text text = {0};
    int n = patient->cores.n;
    const char *wish = getenv("OMP_NUM_THREADS");

    for (int ranks = 1; ranks <= n; ranks *= 2) {
        struct cores slice;
        char list[CORES_TEXT_BYTES];
        int threads = cores_threads(&patient->cores, ranks, 0);
        cores_slice(&patient->cores, 0, ranks, threads, &slice);
        if (cores_to_text(&slice, list) != STATUS_OK)
            break;
        text_append(&text, "%s-n %d: %d thread%s, the first on cores %s", ranks > 1 ? "; " : "",
                    ranks, threads, threads == 1 ? "" : "s", list);
    }
    found(out, "%.500s", text_value(&text));
    text_release(&text);
    if (wish != NULL)
        advise(out, VERDICT_NOTE,
               "OMP_NUM_THREADS=%.16s decides the threads; unset it to share the cores evenly",
               wish);
}

/* ---- memory ---- */

static double meminfo_bytes(const char *key)
{
    char value[128];

    line_of("/proc/meminfo", key, value);
    return 1024 * strtod(value, NULL); /* in kB */
}

/* The container's limit, or 0. */
static double memory_limit(void)
{
    char *text = NULL;
    int64_t n = 0;

    if (file_read("/sys/fs/cgroup/memory.max", &text, &n) != STATUS_OK)
        return 0;
    double limit = strtod(text, NULL); /* "max" is 0 */
    free(text);
    return limit;
}

void probe_memory(const struct patient *patient, struct finding *out)
{
    double total = meminfo_bytes("MemTotal"), available = meminfo_bytes("MemAvailable");
    double limit = memory_limit();

    (void)patient;
    if (limit > 0 && limit < available)
        available = limit;
    found(out, "%.1f of %.1f GiB free%s", available / GIBIBYTE, total / GIBIBYTE,
          limit > 0 && limit < total ? ", limited by the container" : "");
    if (available < 512.0 * MEBIBYTE)
        advise(out, VERDICT_NOTE, "little: start few ranks, with small batches");
}

/* ---- disk ---- */

static const char *file_system(const char *folder)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } known[] = {
        {0xEF53, "ext"},        {0x58465342, "XFS"},    {0x9123683E, "Btrfs"},
        {0x6969, "NFS"},        {0x01021994, "tmpfs"},  {0x794C7630, "overlay"},
        {0x0BD00BD0, "Lustre"}, {0x19830326, "BeeGFS"}, {0x47504653, "GPFS"},
        {0x65735546, "FUSE"},   {0xFF534D42, "CIFS"},   {0x2FC12FC1, "ZFS"},
        {0x00C36400, "CephFS"}, {0x01021997, "9P"},
    };
    struct statfs info;

    if (statfs(folder, &info) != 0)
        return "unknown";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].magic == ((unsigned long)info.f_type & 0xFFFFFFFF))
            return known[i].name;
    return "other";
}

/* Writes and syncs a file of 1 MiB as every result is written. */
static enum status try_writing(struct arena *arena, const char *folder, double *seconds)
{
    enum status status = STATUS_OK;
    char *bytes = NULL, *path = NULL;
    double start = clock_seconds();

    TRY_ALLOC(bytes, arena_alloc(arena, MEBIBYTE, 1));
    TRY_ALLOC(path, arena_format(arena, "%s/.doctor-%ld", folder, (long)getpid()));
    TRY(file_write(path, bytes, MEBIBYTE));
    *seconds = clock_seconds() - start;
    unlink(path);
done:
    return status;
}

static void look_at_folder(struct arena *arena, const char *wanted, struct finding *out)
{
    char *folder = arena_strdup(arena, wanted);
    struct statvfs info;
    double seconds = 0;

    while (folder != NULL && !file_exists(folder) && strcmp(folder, ".") != 0)
        folder = path_parent(arena, folder); /* a sweep creates what is missing */
    if (folder == NULL || statvfs(folder, &info) != 0) {
        advise(out, VERDICT_BROKEN, "cannot look at '%s'", wanted);
        return;
    }
    double free_bytes = (double)info.f_bavail * (double)info.f_frsize;
    found(out, "'%s' on %s, %.1f GiB free", wanted, file_system(folder), free_bytes / GIBIBYTE);
    if (try_writing(arena, folder, &seconds) != STATUS_OK) {
        advise(out, VERDICT_BROKEN, "%s; give sweeps --out a folder you can write into",
               status_message());
        return;
    }
    size_t n = strlen(out->found);
    snprintf(out->found + n, sizeof out->found - n, ", 1 MiB on disk in %.0f ms", 1e3 * seconds);
    if (free_bytes < GIBIBYTE)
        advise(out, VERDICT_NOTE, "little space: checkpoint.keep none saves the final weights");
    else if (strcmp(file_system(folder), "tmpfs") == 0)
        advise(out, VERDICT_NOTE, "memory, not a disk: results are gone after a restart");
    else if (seconds > 1)
        advise(out, VERDICT_NOTE, "slow: raise checkpoint.every, or give --out a faster disk");
}

void probe_folder(const struct patient *patient, struct finding *out)
{
    struct arena *arena = NULL;

    if (arena_create(&arena) != STATUS_OK) {
        advise(out, VERDICT_BROKEN, "%s", status_message());
        return;
    }
    look_at_folder(arena, patient->folder, out);
    arena_destroy(arena);
}

/* ---- speed ---- */

typedef enum status ceiling(const struct backend *backend, const struct device_settings *settings,
                            double *out);

static void measure(const struct patient *patient, ceiling *how, const char *unit,
                    struct finding *out)
{
    enum status status = STATUS_OK;
    const struct backend *backend = backend_find("cpu");
    double one = 0, all = 0;
    int n = patient->cores.n;

    const struct device_settings alone = {.n_threads = 1}, together = {.n_threads = n};

    TRY(how(backend, &alone, &one));
    all = one;
    if (n > 1)
        TRY(how(backend, &together, &all));
    found(out, "%.1f G%s on 1 thread, %.1f G%s on %d", 1e-9 * one, unit, 1e-9 * all, unit, n);
    if (all < 0.6 * n * one && how == ceiling_matmul)
        advise(out, VERDICT_NOTE,
               "threads do not add up: are the cores busy, or half of them "
               "hyper-threads?");
    return;
done:
    found(out, "failed");
    advise(out, VERDICT_BROKEN, "%s", status_message());
}

void probe_matmul(const struct patient *patient, struct finding *out)
{
    measure(patient, ceiling_matmul, "FLOP/s", out);
}

void probe_copy(const struct patient *patient, struct finding *out)
{
    measure(patient, ceiling_copy, "B/s", out);
}

static void measure_gpu(ceiling *how, enum precision precision, const char *unit,
                        struct finding *out)
{
    enum status status = STATUS_OK;
    const struct device_settings first = {.n_threads = 1, .precision = precision};
    const struct backend *cuda = NULL;
    double found_speed = 0;
    int n = 0;

    if (backend_load("cuda", &cuda) != STATUS_OK || backend_devices(cuda, &n) != STATUS_OK) {
        found(out, "no GPU");
        advise(out, VERDICT_ABSENT, "see above");
        return;
    }
    TRY(how(cuda, &first, &found_speed));
    found(out, "%.1f T%s on GPU 0", 1e-12 * found_speed, unit);
    return;
done:
    found(out, "failed");
    advise(out, VERDICT_BROKEN, "%s", status_message());
}

void probe_gpu_matmul(const struct patient *patient, struct finding *out)
{
    (void)patient;
    measure_gpu(ceiling_matmul, PRECISION_FP32, "FLOP/s", out);
}

void probe_gpu_bf16(const struct patient *patient, struct finding *out)
{
    (void)patient;
    measure_gpu(ceiling_matmul, PRECISION_BF16, "FLOP/s", out);
}

void probe_gpu_copy(const struct patient *patient, struct finding *out)
{
    (void)patient;
    measure_gpu(ceiling_copy, PRECISION_FP32, "B/s", out);
}
