/* Affinity by sched_getaffinity of the launcher, found by walking up /proc. */
#include "dispatch/supervise/cores.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ANCESTORS = 16 };

static bool cores_of_process(pid_t pid, struct cores *out)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (sched_getaffinity(pid, sizeof set, &set) != 0)
        return false;
    out->n = 0;
    for (size_t i = 0; i < CORES_MAX && i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            out->ids[out->n++] = (int)i;
    return out->n > 0;
}

/* Name and parent of a process, from "pid (name) state ppid …"; the name may hold anything. */
static bool process_info(pid_t pid, char name[32], pid_t *parent)
{
    char path[64], *data = NULL;
    int64_t n = 0;
    long found = 0;
    bool is_read = false;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    if (file_read(path, &data, &n) != STATUS_OK)
        return false;
    const char *open = strchr(data, '('), *close = strrchr(data, ')');
    if (open != NULL && close != NULL && sscanf(close + 1, " %*c %ld", &found) == 1) {
        snprintf(name, 32, "%.*s", (int)(close - open - 1), open + 1);
        *parent = (pid_t)found;
        is_read = true;
    }
    free(data);
    return is_read;
}

/* Also "mpiexec.hydra" and "mpirun.openmpi". The kernel keeps 15 characters of a name. */
static bool is_launcher(const char *name)
{
    static const char *const launchers[] = {"mpirun",  "mpiexec", "orterun", "orted",
                                            "prterun", "prted",   "prte",    "hydra_pmi_proxy"};
    size_t n = strcspn(name, ".");

    for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++)
        if (strlen(launchers[i]) == n && memcmp(name, launchers[i], n) == 0)
            return true;
    return false;
}

void cores_of_node(struct cores *out)
{
    pid_t pid = getppid();
    char name[32];

    for (int i = 0; i < MAX_ANCESTORS && pid > 1; i++) {
        pid_t parent = 0;
        if (!process_info(pid, name, &parent))
            break;
        if (is_launcher(name) && cores_of_process(pid, out))
            return;
        pid = parent;
    }
    if (!cores_of_process(0, out))
        *out = (struct cores){.n = 1};
}

int cores_threads(const struct cores *node, int node_size, int wanted)
{
    const char *variable = getenv("OMP_NUM_THREADS");

    if (wanted > 0)
        return wanted;
    if (variable != NULL) {
        long value = strtol(variable, NULL, 10); /* "4,2": levels of nesting, the first counts */
        if (value > 0 && value <= CORES_MAX)
            return (int)value;
    }
    int share = node->n / (node_size > 0 ? node_size : 1);
    return share > 0 ? share : 1;
}

void cores_slice(const struct cores *node, int node_rank, int node_size, int n_threads,
                 struct cores *out)
{
    if (n_threads * node_size != node->n) {
        *out = *node;
        return;
    }
    out->n = n_threads;
    memcpy(out->ids, node->ids + node_rank * n_threads, (size_t)n_threads * sizeof *out->ids);
}

enum status cores_to_text(const struct cores *cores, char text[CORES_TEXT_BYTES])
{
    struct text made = {0};

    for (int i = 0; i < cores->n;) { /* runs as "first-last" */
        int last = i;
        while (last + 1 < cores->n && cores->ids[last + 1] == cores->ids[last] + 1)
            last++;
        text_append(&made, last > i ? "%s%d-%d" : "%s%d", i > 0 ? "," : "", cores->ids[i],
                    cores->ids[last]);
        i = last + 1;
    }
    enum status status = text_finish(&made);
    if (status == STATUS_OK && made.length >= CORES_TEXT_BYTES)
        status = fail(STATUS_UNSUPPORTED, "a list of %d cores is longer than %d bytes", cores->n,
                      CORES_TEXT_BYTES - 1);
    if (status == STATUS_OK)
        memcpy(text, text_value(&made), (size_t)made.length + 1);
    text_release(&made);
    return status;
}

enum status cores_from_text(const char *text, struct cores *out)
{
    const char *at = text;
    bool is_last = false;

    for (out->n = 0; !is_last;) {
        char *end = NULL;
        long first = strtol(at, &end, 10), last = first;
        if (end != at && *end == '-') {
            at = end + 1;
            last = strtol(at, &end, 10);
        }
        bool is_range = end != at && first >= 0 && last >= first && last < CORES_MAX;
        if (!is_range || (*end != ',' && *end != '\0') || out->n + (last - first) >= CORES_MAX)
            return fail(STATUS_BAD_CONFIG, "cores must be like 0,2-3, got '%s'", text);
        for (long id = first; id <= last; id++)
            out->ids[out->n++] = (int)id;
        is_last = *end == '\0';
        at = end + 1;
    }
    return STATUS_OK;
}

enum status cores_bind(const struct cores *cores)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    for (int i = 0; i < cores->n; i++)
        CPU_SET((size_t)cores->ids[i], &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        return fail(STATUS_DEVICE, "cannot move to the given cores: %s", strerror(errno));
    return STATUS_OK;
}
