/* Rank 0's head against played ranks over the in-process transport: messages per second and memory,
 * with 10 to 10 000 ranks and twenty runs for each. Arguments: numbers of ranks, instead of these.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "mpi/made_sweep.h"
#include "mpi/played.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { RUNS_PER_RANK = 20, EPOCHS = 9 };

static double metric(void *context, int64_t run, int64_t epoch)
{
    (void)context;
    return (double)((run * 7919 + epoch * 104729) % 100003);
}

static double heap_megabytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd) / 1e6;
}

static void measure(int n_ranks, enum early_type type)
{
    static const char *const names[] = {"no early_terminate", "sha", "asha", "median"};
    int64_t n_runs = (int64_t)n_ranks * RUNS_PER_RANK;
    struct sweep *sweep = made_sweep_create(n_runs);
    struct play play;

    if (sweep == NULL)
        return;
    sweep->early = (struct early_terminate){type, "RA", true, 1, 3, 5};
    for (int64_t i = 0; i < n_runs; i++)
        sweep->runs[i].settings.train.epochs = EPOCHS;
    double before = heap_megabytes(), start = clock_seconds();
    play_open(&play, &(struct play_settings){.n_ranks = n_ranks,
                                             .sweep = sweep,
                                             .metric = metric,
                                             .acts_in_turn = true,
                                             .tells_progress = true,
                                             .forgets = true});
    (void)play_start(&play, INT64_MAX);
    double head = play.coordinator_seconds, all = clock_seconds() - start;
    printf("| %5d | %6" PRId64 " | %-18s | %8" PRId64
           " | %6.2f | %9.0f | %5.2f | %6.1f | %6.1f |\n",
           n_ranks, n_runs, names[type], play.n_messages, head, (double)play.n_messages / head,
           1e6 * head / (double)play.n_messages, all, play.heap_megabytes - before);
    fflush(stdout);
    play_close(&play);
    sweep_destroy(sweep);
}

int main(int argc, char **argv)
{
    static const int standard[] = {10, 100, 1000, 10000};
    int n = argc > 1 ? argc - 1 : 4;

    printf("| ranks | runs | early_terminate | messages | s in rank 0's head | messages/s | µs "
           "each | s "
           "with the played ranks | MB |\n|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < n; i++) {
        int n_ranks = argc > 1 ? (int)strtol(argv[i + 1], NULL, 10) : standard[i];
        for (int type = EARLY_NONE; n_ranks > 0 && type <= EARLY_MEDIAN; type++)
            measure(n_ranks, (enum early_type)type);
    }
    return 0;
}
