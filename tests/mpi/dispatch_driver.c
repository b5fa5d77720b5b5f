/* A rank of a made sweep: dispatch_driver FOLDER N_RUNS TRAINER [fresh|retry|fast|quiet]. Rank 0
 * ends with a line of counts and one of its processor time and peak memory. */
#include "base/log.h"
#include "dispatch/dispatch.h"
#include "mpi/made_sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

static void print_costs(void)
{
    struct rusage used;

    if (getrusage(RUSAGE_SELF, &used) == 0)
        printf("rank 0: %.2f s of processor time, %.1f MB at most\n",
               seconds_of(used.ru_utime) + seconds_of(used.ru_stime), (double)used.ru_maxrss / 1e3);
}

static int report(struct transport *transport, enum status status,
                  const struct dispatch_outcome *outcome)
{
    int exit_code = status_exit_code(status);

    if (transport_rank(transport) == 0) {
        if (status == STATUS_OK)
            exit_code = outcome->n_failed > 0;
        else
            fprintf(stderr, "error: %s\n", status_message());
        printf("end: done %" PRId64 " failed %" PRId64 " before %" PRId64 " left %" PRId64 " %s\n",
               outcome->n_done, outcome->n_failed, outcome->n_skipped, outcome->n_pending,
               outcome->stop_reason);
        print_costs();
        fflush(stdout);
    }
    return exit_code;
}

int main(int argc, char **argv)
{
    struct transport *transport = NULL;
    struct dispatch_outcome outcome = {0};
    const char *option = argc > 4 ? argv[4] : "";

    if (argc < 4 || dispatch_block_signals() != STATUS_OK ||
        transport_open(&transport) != STATUS_OK)
        return 3;
    struct sweep *sweep = made_sweep_create(strtol(argv[2], NULL, 10));
    if (sweep == NULL)
        return 3;
    sweep->fail_fast = strcmp(option, "fast") == 0;
    if (strcmp(option, "differ") == 0 && transport_rank(transport) == 1)
        sweep->runs[0].settings.seed = 77;
    struct dispatch_settings settings = {.folder = argv[1],
                                         .command = "dispatch_driver",
                                         .program = argv[3],
                                         .device = "cpu",
                                         .is_fresh = strcmp(option, "fresh") == 0,
                                         .is_quiet = strcmp(option, "quiet") == 0,
                                         .retries_failed = strcmp(option, "retry") == 0};
    enum status status = dispatch_run(transport, sweep, &settings, &outcome);
    int exit_code = report(transport, status, &outcome);
    transport_finish(transport, exit_code);
    sweep_destroy(sweep);
    return exit_code;
}
