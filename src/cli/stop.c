/* `prunelora stop`: asks the sweep of a results folder to stop in order, from anywhere. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/options.h"
#include "dispatch/status_file.h"
#include "dispatch/stop_request.h"

#include <stdio.h>

static const double answer_seconds = 30.0, look_again_seconds = 0.2;

static enum status parse(int argc, char **argv, const char **folder, bool *is_help)
{
    enum status status = STATUS_OK;
    struct positionals positionals;
    const struct options options = {
        .usage = "prunelora stop DIR",
        .summary = "Asks the sweep that works in DIR to stop in order: runs under way write a\n"
                   "checkpoint, the sweep ends with exit code 75, and the same command continues\n"
                   "it. Works from every machine that can write into the folder.",
        .example = "prunelora stop results/demo",
        .min_positional = 1,
        .max_positional = 1,
    };

    TRY(options_parse(&options, argc, argv, &positionals, is_help));
    if (!*is_help)
        *folder = positionals.items[0];
done:
    return status;
}

/* Taken means seen: rank 0 removes the request. */
static enum status wait_until_taken(const char *folder)
{
    double end = clock_seconds() + answer_seconds;

    while (stop_request_is_pending(folder)) {
        if (clock_seconds() > end)
            return fail(STATUS_COMM,
                        "the sweep in '%s' has not seen the request within %.0f s; it stays, and "
                        "`prunelora status %s` shows when it works",
                        folder, answer_seconds, folder);
        clock_sleep(look_again_seconds);
    }
    return STATUS_OK;
}

static enum status stop(const char *folder)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct sweep_status sweep;
    const char *path = NULL;
    double age_seconds = 0;

    TRY(arena_create(&arena));
    TRY_ALLOC(path, path_join(arena, folder, "status.json"));
    if (!file_exists(path))
        TRY(fail(STATUS_BAD_CONFIG, "'%s' is no results folder of a sweep: it has no status.json",
                 folder));
    TRY(status_file_read(folder, arena, &sweep));
    if (!status_is_alive(folder, &sweep, &age_seconds)) {
        printf("no sweep works in %s; `prunelora status %s` tells how it stands\n", folder, folder);
        goto done;
    }
    TRY(stop_request_make(folder));
    TRY(wait_until_taken(folder));
    printf("sweep %s on %s is stopping; `prunelora status %s` shows when it has\n", sweep.name,
           sweep.host, folder);
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
