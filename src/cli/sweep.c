/* `prunelora sweep`: rank 0 reads and checks the file, everybody expands the same text, and the
 * sweep runs. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/options/options.h"
#include "dispatch/dispatch.h"
#include "sweep/plan/shard_runs.h"
#include "trainer/backend_choice.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sweep_options {
    const char *out, *device, *stop_before, *only, *shard_text;
    struct option_texts sets;
    bool is_fresh, is_quiet, retries_failed, is_resumed, mixes_numerics;
    struct shard shard;
    double stop_at; /* clock_seconds() of stop_before; 0: never */
};

static enum status parse(int argc, char **argv, struct sweep_options *wanted,
                         struct positionals *positionals, bool *is_help)
{
    const struct option_row rows[] = {
        {"out", 'o', OPTION_TEXT, &wanted->out, "DIR", "results folder (default results/NAME)"},
        {"set", 0, OPTION_TEXTS, &wanted->sets, "K=V",
         "change or sweep a setting: --set prune.sparsity=0.5,0.7"},
        {"device", 0, OPTION_TEXT, &wanted->device, "NAME", DEVICE_CHOICES},
        {"resume", 0, OPTION_FLAG, &wanted->is_resumed, NULL,
         "go on with DIR, or refuse when no sweep has begun there"},
        {"fresh", 0, OPTION_FLAG, &wanted->is_fresh, NULL,
         "start anew; earlier results are renamed, never deleted"},
        {"retry-failed", 0, OPTION_FLAG, &wanted->retries_failed, NULL,
         "repeat runs that failed at an earlier start"},
        {"mix-numerics", 0, OPTION_FLAG, &wanted->mixes_numerics, NULL,
         "go on where other arithmetic or threads began"},
        {"only", 0, OPTION_TEXT, &wanted->only, "RUN,..",
         "do these runs alone: ids, names or the beginning of either"},
        {"shard", 0, OPTION_TEXT, &wanted->shard_text, "I/N",
         "do the I-th of N parts; all parts share DIR"},
        {"stop-before", 0, OPTION_TEXT, &wanted->stop_before, "TIME",
         "stop in order after TIME: seconds or [D-]HH:MM:SS; exit 75"},
        {"quiet", 0, OPTION_FLAG, &wanted->is_quiet, NULL, "only failures and the end"},
    };
    const struct options options = {
        .usage = "[mpirun -n N] prunelora sweep SWEEP [--out DIR] [--set k=v]... [options]",
        .summary = "Runs what a sweep file describes. Runs that are done in DIR are not repeated;\n"
                   "interrupted ones continue from their checkpoints.",
        .example = "mpirun -n 2 prunelora sweep sweeps/demo.yaml",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    return options_parse(&options, argc, argv, positionals, is_help);
}

/* From the start of this process on: the job's clock does not wait for files and ranks. */
static enum status read_stop_before(struct sweep_options *wanted, double now)
{
    double seconds = 0;

    if (wanted->stop_before == NULL)
        return STATUS_OK;
    if (!duration_from_text(wanted->stop_before, &seconds))
        return fail(STATUS_BAD_CONFIG,
                    "--stop-before expects seconds, MM:SS or [DAYS-]HH:MM:SS, got '%s'",
                    wanted->stop_before);
    wanted->stop_at = now + seconds;
    return STATUS_OK;
}

static enum status check_start(struct sweep_options *wanted)
{
    if (wanted->shard_text != NULL && !shard_from_text(wanted->shard_text, &wanted->shard))
        return fail(STATUS_BAD_CONFIG,
                    "--shard expects I/N with 1 <= I <= N <= %d, such as 2/4, got '%s'",
                    SHARDS_MOST, wanted->shard_text);
    if (wanted->is_fresh && wanted->is_resumed)
        return fail(STATUS_BAD_CONFIG,
                    "--fresh begins anew and --resume goes on; give one of them");
    if (wanted->is_fresh && wanted->shard.count > 0)
        return fail(STATUS_BAD_CONFIG,
                    "--fresh would rename the folder under the other shards; rename it before they "
                    "start, or give --out another folder");
    return STATUS_OK;
}

static enum status load_on_rank_0(const char *path, const struct sweep_options *wanted,
                                  struct sweep **out)
{
    struct text diagnostics = {0};
    const struct sweep_source source = {
        .path = path, .sets = wanted->sets.items, .n_sets = wanted->sets.n, .needs_files = true};

    enum status status = sweep_load(&source, &diagnostics, out);
    fputs(text_value(&diagnostics), stderr);
    text_release(&diagnostics);
    return status;
}

/* What rank 0 checked is not checked again: the text is its, and files may be seen only there. */
static enum status load_copy(const char *path, const char *resolved, struct sweep **out)
{
    struct text diagnostics = {0};
    const struct sweep_source source = {.path = path, .text = resolved};

    enum status status = sweep_load(&source, &diagnostics, out);
    if (status != STATUS_OK)
        fputs(text_value(&diagnostics), stderr);
    text_release(&diagnostics);
    return status;
}

/* Rank 0's text goes to all; an empty one says that it has none, and why is on its screen. */
static enum status load(struct transport *transport, const char *path,
                        const struct sweep_options *wanted, struct sweep **out)
{
    enum status status = STATUS_OK, loaded = STATUS_OK;
    bool is_first = transport_rank(transport) == 0;
    char nothing[] = "", failed[8], *text = nothing;
    int64_t n = 0;

    if (is_first) {
        loaded = load_on_rank_0(path, wanted, out);
        if (loaded == STATUS_OK) {
            text = (char *)(uintptr_t)(*out)->resolved_yaml; /* only read by the broadcast */
            n = (int64_t)strlen(text);
        } else {
            n = snprintf(failed, sizeof failed, "!%d", (int)loaded);
            text = failed;
        }
        TRY(transport_broadcast(transport, &text, &n));
        return loaded;
    }
    TRY(transport_broadcast(transport, &text, &n));
    if (text[0] == '!') /* no YAML document of ours begins like this */
        status = fail((enum status)strtol(text + 1, NULL, 10), "rank 0 could not load the sweep");
    else if ((status = load_copy(path, text, out)) != STATUS_OK)
        status = dispatch_decline(transport, status);
    free(text);
done:
    return status;
}

static char *join_command(struct arena *arena, int argc, char **argv)
{
    struct text text = {0};

    text_append(&text, "prunelora");
    for (int i = 0; i < argc; i++)
        text_append(&text, " %s", argv[i]);
    char *joined = text.is_failed ? NULL : arena_strdup(arena, text_value(&text));
    text_release(&text);
    return joined;
}

static void print_end(const struct dispatch_outcome *outcome, const char *folder,
                      struct shard shard)
{
    if (outcome->n_held > 0)
        printf("%" PRId64 " runs that --only does not name are left\n", outcome->n_held);
    if (outcome->n_orphaned > 0)
        printf("%" PRId64 " runs of earlier starts, which the sweep no longer asks for, were left "
               "alone; `prunelora "
               "plan` lists them\n",
               outcome->n_orphaned);
    if (outcome->n_stopped > 0)
        printf("%" PRId64 " runs were stopped early by early_terminate\n", outcome->n_stopped);
    if (shard.count > 0)
        printf("shard %d of %d: ", shard.index, shard.count);
    if (outcome->n_runs == 0) {
        printf("no run of the sweep belongs to it\n");
        return;
    }
    if (outcome->n_skipped == outcome->n_runs) {
        printf("all %" PRId64 " runs were already %s; results in %s\n", outcome->n_runs,
               outcome->n_stopped > 0 ? "done or stopped" : "done", folder);
        return;
    }
    printf("%" PRId64 " of %" PRId64 " runs done (%" PRId64 " before this start), %" PRId64
           " failed, %" PRId64 " left; results in %s\n",
           outcome->n_done, outcome->n_runs, outcome->n_skipped, outcome->n_failed,
           outcome->n_pending, folder);
    if (outcome->stop_reason[0] != '\0')
        printf("stopped: %s; the same command continues\n", outcome->stop_reason);
    if (outcome->n_failed > 0)
        printf("why runs failed: prunelora report %s; --retry-failed repeats them\n", folder);
}

/* Words name runs of the whole sweep; of those, a shard does its own. */
static enum status choose_runs(const struct sweep *sweep, const char *list, struct arena *arena,
                               bool **out)
{
    enum status status = STATUS_OK;
    const struct sweep *whole = sweep_whole(sweep);
    bool *is_chosen = NULL;

    TRY_ALLOC(is_chosen, ARENA_ARRAY(arena, whole->n_runs, bool));
    TRY_ALLOC(*out, ARENA_ARRAY(arena, sweep->n_runs, bool));
    TRY(sweep_choose(whole, list, is_chosen));
    for (int64_t i = 0; i < sweep->n_runs; i++)
        (*out)[i] = is_chosen[sweep_number(sweep, i)];
done:
    return status;
}

static enum status run_loaded(struct transport *transport, const struct sweep *sweep,
                              const struct sweep_options *wanted, const char *command,
                              int *exit_code)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct dispatch_outcome outcome = {0};
    char program[PATH_MAX] = {0};
    const char *folder = wanted->out;
    bool *is_asked = NULL;

    TRY(arena_create(&arena));
    if (wanted->only != NULL)
        TRY(choose_runs(sweep, wanted->only, arena, &is_asked));
    if (folder == NULL)
        TRY_ALLOC(folder, path_join(arena, "results", sweep->name));
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        TRY(fail(STATUS_DEVICE, "cannot find this program's file: %s", strerror(errno)));
    status = dispatch_run(transport, sweep,
                          &(struct dispatch_settings){.folder = folder,
                                                      .command = command,
                                                      .program = program,
                                                      .device = wanted->device,
                                                      .is_fresh = wanted->is_fresh,
                                                      .needs_earlier = wanted->is_resumed,
                                                      .shard = wanted->shard,
                                                      .is_asked = is_asked,
                                                      .is_quiet = wanted->is_quiet,
                                                      .mixes_numerics = wanted->mixes_numerics,
                                                      .retries_failed = wanted->retries_failed,
                                                      .stop_at = wanted->stop_at},
                          &outcome);
    if (transport_rank(transport) == 0 && (outcome.n_runs > 0 || sweep->n_runs == 0) &&
        (status == STATUS_OK || status == STATUS_CANCELLED)) {
        print_end(&outcome, folder, wanted->shard);
        if (status == STATUS_OK)
            *exit_code = outcome.n_failed > 0 ? 1 : 0;
    }
done:
    arena_destroy(arena);
    return status;
}

/* Rungs wait for all of their runs. */
static enum status check_together(const struct sweep *sweep, const struct sweep_options *wanted)
{
    if (sweep->early.type != EARLY_NONE && (wanted->shard.count > 0 || wanted->only != NULL))
        return fail(STATUS_BAD_CONFIG,
                    "early_terminate compares the runs of a sweep with each other, and %s leaves "
                    "some of them out; take one of the two away",
                    wanted->only != NULL ? "--only" : "--shard");
    return STATUS_OK;
}

static enum status run(struct transport *transport, const char *path,
                       const struct sweep_options *wanted, const char *command, int *exit_code)
{
    enum status status = STATUS_OK;
    struct sweep *sweep = NULL, *part = NULL;

    TRY(load(transport, path, wanted, &sweep));
    if (sweep == NULL)
        TRY(fail(STATUS_COMM, "rank 0 sent neither a sweep nor a reason"));
    TRY(check_together(sweep, wanted));
    if (wanted->shard.count > 0)
        TRY(sweep_deal(sweep, wanted->shard, &part));
    TRY(run_loaded(transport, part != NULL ? part : sweep, wanted, command, exit_code));
done:
    sweep_destroy(part);
    sweep_destroy(sweep);
    return status;
}

/* Launchers change exit codes: a job script that has to know reads rank 0's own. */
static void tell_outcome(int exit_code)
{
    const char *path = getenv("PRUNELORA_OUTCOME");
    char line[16];

    if (path == NULL || path[0] == '\0')
        return;
    int n = snprintf(line, sizeof line, "%d\n", exit_code);
    if (file_write(path, line, (size_t)n) != STATUS_OK)
        log_warning("PRUNELORA_OUTCOME: %s", status_message());
}

/* What went wrong concerns the whole sweep: rank 0 alone says so. */
static int finish(struct transport *transport, enum status status, int exit_code)
{
    if (status != STATUS_OK)
        exit_code = status_exit_code(status);
    if (status != STATUS_OK && status != STATUS_CANCELLED && transport_rank(transport) == 0)
        cli_finish(status);
    fflush(stdout);
    if (transport_rank(transport) == 0)
        tell_outcome(exit_code);
    transport_finish(transport, exit_code);
    return exit_code;
}

int cli_sweep(int argc, char **argv)
{
    enum status status = STATUS_OK;
    struct sweep_options wanted = {.device = "auto"};
    struct positionals positionals;
    struct transport *transport = NULL;
    struct arena *arena = NULL;
    const char *command = NULL;
    bool is_help = false;
    int exit_code = 0;
    double now = clock_seconds();

    TRY(parse(argc, argv, &wanted, &positionals, &is_help));
    if (is_help)
        return 0;
    TRY(backend_choice_check(wanted.device));
    TRY(read_stop_before(&wanted, now));
    TRY(check_start(&wanted));
    TRY(dispatch_block_signals());
    TRY(arena_create(&arena));
    TRY_ALLOC(command, join_command(arena, argc, argv));
    TRY(transport_open(&transport));
    status = run(transport, positionals.items[0], &wanted, command, &exit_code);
done:
    arena_destroy(arena);
    if (transport == NULL)
        return cli_finish(status);
    return finish(transport, status, exit_code);
}
