/* `prunelora stop`: asks the sweep of a results folder to stop in order, from anywhere. */
#include "cli/cli.h"

#include "base/clock.h"
#include "cli/options/options.h"
#include "dispatch/folder/status_file.h"
#include "dispatch/folder/stop_request.h"

#include <stdio.h>

static const double answer_seconds = 30.0, look_again_seconds = 0.2;

static enum status parse(int argc, char **argv, const char **folder, bool *is_help)
{
    const struct options options = {
        .usage = "prunelora stop DIR",
        .summary = "Asks the sweep that works in DIR to stop in order: runs under way write a\n"
                   "checkpoint, the sweep ends with exit code 75, and the same command continues\n"
                   "it. Works from every machine that can write into the folder.",
        .example = "prunelora stop results/demo",
        .min_positional = 1,
        .max_positional = 1,
    };

    return options_parse_one(&options, argc, argv, folder, is_help);
}

/* Taken means seen: rank 0 removes the request. */
static enum status wait_until_taken(const char *folder, struct shard shard)
{
    double end = clock_seconds() + answer_seconds;

    while (stop_request_is_pending(folder, shard)) {
        if (clock_seconds() > end)
            return fail(STATUS_COMM,
                        "the sweep in '%s' has not seen the request within %.0f s; it stays, and "
                        "`prunelora status %s` shows when it works",
                        folder, answer_seconds, folder);
        clock_sleep(look_again_seconds);
    }
    return STATUS_OK;
}

/* Asks the whole sweep or one shard, if it is at work. */
static enum status ask(const char *folder, struct shard shard, struct arena *arena, int64_t *n)
{
    enum status status = STATUS_OK;
    struct sweep_status sweep;
    double age_seconds = 0;

    TRY(status_shard_read(folder, shard, arena, &sweep));
    if (!status_shard_is_alive(folder, shard, &sweep, &age_seconds))
        return STATUS_OK;
    ++*n;
    TRY(stop_request_make(folder, shard));
    TRY(wait_until_taken(folder, shard));
    if (shard.count > 0)
        printf("shard %d of %d of ", shard.index, shard.count);
    printf("sweep %s on %s is stopping; `prunelora status %s` shows when it has\n", sweep.name,
           sweep.host, folder);
done:
    return status;
}

static enum status stop(const char *folder)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct shard *shards = NULL;
    int64_t n_shards = 0, n_asked = 0;

    TRY(arena_create(&arena));
    TRY(shards_find(folder, shard_status, arena, &shards, &n_shards));
    if (n_shards == 0)
        TRY(fail(STATUS_BAD_CONFIG,
                 "'%s' is not the results folder of a sweep: it has no status.json", folder));
    for (int64_t i = 0; i < n_shards; i++)
        TRY(ask(folder, shards[i], arena, &n_asked));
    if (n_asked == 0)
        printf("no sweep works in %s; `prunelora status %s` shows how far it came\n", folder,
               folder);
done:
    arena_destroy(arena);
    return status;
}

int cli_stop(int argc, char **argv)
{
    const char *folder = NULL;
    bool is_help = false;

    enum status status = parse(argc, argv, &folder, &is_help);
    if (status == STATUS_OK && !is_help)
        status = stop(folder);
    return cli_finish(status);
}
