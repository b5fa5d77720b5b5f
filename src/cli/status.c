/* `prunelora status`: how a sweep stands, from what rank 0 writes into its folder. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/file.h"
#include "cli/options.h"
#include "dispatch/journal.h"
#include "dispatch/record.h"
#include "dispatch/status_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_TROUBLES = 5 };

struct view {
    const char *folder;
    struct sweep_status sweep;
    bool is_alive;
    double age_seconds;
    struct journal_event troubles[N_TROUBLES]; /* the newest, as a ring */
    int64_t n_troubles;
    cJSON *plan; /* NULL when it cannot be read: runs have their ids for names */
};

static enum status parse(int argc, char **argv, const char **folder, bool *has_exit_code,
                         bool *is_help)
{
    enum status status = STATUS_OK;
    struct positionals positionals;
    const struct option_row rows[] = {
        {"exit-code", 0, OPTION_FLAG, has_exit_code, NULL,
         "exit as the sweep did; 75 while it runs or when it was killed"},
    };
    const struct options options = {
        .usage = "prunelora status DIR [--exit-code]",
        .summary =
            "How the sweep of a results folder stands: runs done, failed, running and left,\n"
            "what each trainer does, what went wrong last. Works from every machine that\n"
            "sees the folder, while the sweep runs and afterwards, and changes nothing.",
        .example = "prunelora status results/demo",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    TRY(options_parse(&options, argc, argv, &positionals, is_help));
    if (!*is_help)
        *folder = positionals.items[0];
done:
    return status;
}

/* ---- reading ---- */

static void keep_trouble(void *context, const struct journal_event *event)
{
    struct view *view = context;
    bool is_trouble = event->kind == JOURNAL_FAILED || event->kind == JOURNAL_CRASHED ||
                      event->kind == JOURNAL_RETRIED;

    if (is_trouble)
        view->troubles[view->n_troubles++ % N_TROUBLES] = *event;
}

static cJSON *read_plan(struct arena *arena, const char *folder)
{
    char *path = path_join(arena, folder, "plan.json"), *text = NULL;
    int64_t n = 0;

    if (path == NULL || file_read(path, &text, &n) != STATUS_OK)
        return NULL;
    cJSON *plan = cJSON_ParseWithLength(text, (size_t)n);
    free(text);
    return plan;
}

static const char *run_name(const struct view *view, const char *id)
{
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(view->plan, "runs");

    for (const cJSON *run = runs != NULL ? runs->child : NULL; run != NULL; run = run->next)
        if (strcmp(record_text(run, "id"), id) == 0)
            return record_text(run, "name");
    return id;
}

static enum status look(struct view *view, struct arena *arena)
{
    enum status status = STATUS_OK;
    struct shard *shards = NULL;
    int64_t n_shards = 0, good = 0;

    if (!status_file_exists(view->folder))
        TRY(fail(STATUS_BAD_CONFIG, "'%s' is no results folder of a sweep: it has no status.json",
                 view->folder));
    TRY(status_file_read(view->folder, arena, &view->sweep));
    view->is_alive = status_is_alive(view->folder, &view->sweep, &view->age_seconds);
    TRY(shards_find(view->folder, shard_journal, arena, &shards, &n_shards));
    for (int64_t i = 0; i < n_shards; i++) {
        const char *path = NULL;
        TRY_ALLOC(path, shard_path(arena, view->folder, shards[i], shard_journal));
        TRY(journal_replay(path, keep_trouble, view, &good));
    }
    if (view->n_troubles > 0)
        view->plan = read_plan(arena, view->folder);
done:
    return status;
}

/* ---- printing ---- */

static bool was_killed(const struct view *view)
{
    return status_is_running(&view->sweep) && !view->is_alive;
}

static void print_head(const struct view *view)
{
    const struct sweep_status *sweep = &view->sweep;
    char age[DURATION_BYTES];

    duration_to_text(view->age_seconds, age);
    printf("%s: sweep %s ", view->folder, sweep->name);
    if (was_killed(view)) {
        printf("was killed: no sign of life for %s from process %" PRId64 " on %s\n", age,
               sweep->pid, sweep->host);
    } else if (status_is_running(sweep)) {
        printf("is %s on %s, process %" PRId64 ", since %.19s; as of %s ago\n", sweep->state,
               sweep->host, sweep->pid, sweep->started, age);
    } else {
        printf("%s, exit code %d, at %.19s on %s\n",
               strcmp(sweep->state, "stopped") == 0 ? "was stopped with work left"
               : strcmp(sweep->state, "error") == 0 ? "ended with an error"
               : sweep->exit_code == 1              ? "is over, some runs failed"
                                                    : "is done",
               sweep->exit_code, sweep->updated, sweep->host);
    }
    if (sweep->message[0] != '\0')
        printf("%s: %s\n", strcmp(sweep->state, "error") == 0 ? "error" : "stopped by",
               sweep->message);
}

static void print_counts(const struct view *view)
{
    const struct dispatch_outcome *counts = &view->sweep.counts;
    int64_t n_running = 0;
    char left[DURATION_BYTES];

    for (int i = 0; view->is_alive && i < view->sweep.n_ranks; i++)
        n_running += view->sweep.ranks[i].is_busy;
    printf("%" PRId64 " runs: %" PRId64 " done (%" PRId64 " before this start), %" PRId64
           " failed, %" PRId64 " running, %" PRId64 " left",
           counts->n_runs, counts->n_done, counts->n_skipped, counts->n_failed, n_running,
           counts->n_pending - n_running);
    if (counts->n_stopped > 0)
        printf(", %" PRId64 " stopped early", counts->n_stopped);
    if (view->is_alive && !isnan(view->sweep.seconds_left))
        printf("; about %s to go", duration_to_text(view->sweep.seconds_left, left));
    printf("\n");
}

static enum status print_ranks(const struct view *view)
{
    enum status status = STATUS_OK;

    for (int i = 0; view->is_alive && i < view->sweep.n_ranks; i++) {
        const struct rank_status *rank = &view->sweep.ranks[i];
        struct text text = {0};
        if (rank->is_busy) {
            run_progress_append(&text, &rank->progress);
            text_append(&text, "  %s", rank->name);
            if (rank->attempt > 1)
                text_append(&text, " (attempt %" PRId64 ")", rank->attempt);
        } else {
            text_append(&text, "idle");
        }
        status = text_finish(&text);
        if (status == STATUS_OK)
            printf("  rank %-3d %-12s %s\n", i, rank->host, text_value(&text));
        text_release(&text);
        if (status != STATUS_OK)
            break;
    }
    return status;
}

static void print_troubles(const struct view *view)
{
    int64_t first = view->n_troubles > N_TROUBLES ? view->n_troubles - N_TROUBLES : 0;

    if (view->n_troubles > 0)
        printf("what went wrong last (%" PRId64 " in all):\n", view->n_troubles);
    for (int64_t i = first; i < view->n_troubles; i++) {
        const struct journal_event *event = &view->troubles[i % N_TROUBLES];
        printf("  %.19s %s %s, attempt %" PRId64 ": %s\n", event->time,
               event->kind == JOURNAL_FAILED    ? "failed"
               : event->kind == JOURNAL_CRASHED ? "crashed"
                                                : "failed, tried again",
               run_name(view, event->run_id), event->attempt, event->text);
    }
}

static void print_advice(const struct view *view)
{
    if (was_killed(view) || (!view->is_alive && view->sweep.exit_code == 75))
        printf("to continue: %s\n", view->sweep.command);
    if (!view->is_alive && view->sweep.counts.n_failed > 0)
        printf("to repeat what failed: %s --retry-failed\n", view->sweep.command);
}

static enum status print(const struct view *view)
{
    enum status status = STATUS_OK;

    print_head(view);
    print_counts(view);
    TRY(print_ranks(view));
    print_troubles(view);
    print_advice(view);
done:
    return status;
}

int cli_status(int argc, char **argv)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct view view = {0};
    bool has_exit_code = false, is_help = false;
    int exit_code = 0;

    TRY(parse(argc, argv, &view.folder, &has_exit_code, &is_help));
    if (is_help)
        return 0;
    TRY(arena_create(&arena));
    TRY(look(&view, arena));
    TRY(print(&view));
    if (has_exit_code)
        exit_code = view.sweep.exit_code >= 0 ? view.sweep.exit_code : 75;
done:
    cJSON_Delete(view.plan);
    arena_destroy(arena);
    return status == STATUS_OK ? exit_code : cli_finish(status);
}
