/* The program with one more device, cuda_host, whose trainers can be made to fail:
 * PRUNELORA_TEST_FAULT="ENTRY:AFTER:FILE" breaks the substitute's ENTRY after so many calls, in the
 * first trainer that manages to create FILE. PRUNELORA_TEST_GPUS=N: N GPUs. */
#include "cli/cli.h"
#include "kernels/cuda/host/host_gpu.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether this process is the first that asked; it may ask again, after executing itself anew. */
static bool is_first(const char *path)
{
    long long first = 0;
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0666);

    if (fd >= 0) {
        dprintf(fd, "%lld", (long long)getpid());
        close(fd);
        return true;
    }
    FILE *file = fopen(path, "r");
    bool is_read = file != NULL && fscanf(file, "%lld", &first) == 1;
    if (file != NULL)
        fclose(file);
    return is_read && first == (long long)getpid();
}

static void plan_fault(void)
{
    static char entry[64];
    const char *plan = getenv("PRUNELORA_TEST_FAULT");
    long long after = 0;
    char path[512];

    if (plan == NULL || sscanf(plan, "%63[^:]:%lld:%511s", entry, &after, path) != 3)
        return;
    if (!is_first(path))
        return;
    host_gpu()->failing = entry;
    host_gpu()->fails_after = after;
}

int main(int argc, char **argv)
{
    const char *n_devices = getenv("PRUNELORA_TEST_GPUS");

    if (n_devices != NULL)
        host_gpu()->machine.n_devices = (int)strtol(n_devices, NULL, 10);
    if (argc > 1 && strcmp(argv[1], "trainer") == 0)
        plan_fault();
    return cli_main(argc, argv);
}
