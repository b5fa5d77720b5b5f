/* status.json whole, the journals as they grow, plan.json once and only for names. */
#include "cli/status/status_view.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/file.h"
#include "store/json_members.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static void see_event(void *context, const struct journal_event *event)
{
    struct status_view *view = context;
    bool is_trouble = event->kind == JOURNAL_FAILED || event->kind == JOURNAL_CRASHED ||
                      event->kind == JOURNAL_RETRIED;

    if (is_trouble)
        view->troubles[view->n_troubles++ % N_TROUBLES] = *event;
    double when = clock_from_timestamp(event->time);
    bool is_end = event->kind == JOURNAL_DONE || event->kind == JOURNAL_FAILED ||
                  event->kind == JOURNAL_STOPPED;
    if (is_end && when >= view->pace.start) /* of this start */
        pace_see(&view->pace, when);
}

static void read_plan(struct status_view *view)
{
    char *path = path_join(view->arena, view->folder, "plan.json"), *text = NULL;
    int64_t n = 0;

    view->has_plan = true;
    if (path == NULL || file_read(path, &text, &n) != STATUS_OK)
        return;
    view->plan = cJSON_ParseWithLength(text, (size_t)n);
    free(text);
}

static enum status read_status(struct status_view *view)
{
    enum status status = STATUS_OK;

    view->sweep = (struct sweep_status){.exit_code = -1};
    if (view->arena == NULL)
        TRY(arena_create(&view->arena));
    arena_reset(view->arena);
    if (!status_file_exists(view->folder))
        TRY(fail(STATUS_BAD_CONFIG,
                 "'%s' is not the results folder of a sweep: it has no status.json", view->folder));
    TRY(status_file_read(view->folder, view->arena, &view->sweep));
    view->is_alive = status_is_alive(view->folder, &view->sweep, &view->age_seconds);
    view->now = clock_wall_seconds();
done:
    return status;
}

/* Nothing is known of the journals. */
static void forget_journals(struct status_view *view)
{
    view->n_journals = 0;
    view->n_troubles = 0;
    pace_begin(&view->pace, clock_from_timestamp(view->sweep.started));
    cJSON_Delete(view->plan);
    view->plan = NULL;
    view->has_plan = false;
}

/* Of a shard; one that has come since is read from its beginning. */
static enum status journal_of(struct status_view *view, struct shard shard,
                              struct journal_place **out)
{
    enum status status = STATUS_OK;
    int64_t i = 0;

    while (i < view->n_journals && (view->journals[i].shard.index != shard.index ||
                                    view->journals[i].shard.count != shard.count))
        i++;
    if (i == view->n_journals) {
        TRY(heap_grow(&view->journals, &view->journal_capacity, i + 1, sizeof *view->journals));
        view->journals[i] = (struct followed_journal){.shard = shard};
        view->n_journals++;
    }
    *out = &view->journals[i].place;
done:
    return status;
}

static enum status follow_journals(struct status_view *view)
{
    enum status status = STATUS_OK;
    struct shard *shards = NULL;
    int64_t n_shards = 0;

    TRY(shards_find(view->folder, shard_journal, view->arena, &shards, &n_shards));
    for (int64_t i = 0; i < n_shards; i++) {
        struct journal_place *place = NULL;
        const char *path = NULL;
        TRY_ALLOC(path, shard_path(view->arena, view->folder, shards[i], shard_journal));
        TRY(journal_of(view, shards[i], &place));
        TRY(journal_follow(path, see_event, view, place));
    }
done:
    return status;
}

enum status status_view_look(struct status_view *view)
{
    enum status status = STATUS_OK;
    bool was_known = view->n_journals > 0;

    TRY(read_status(view));
    if (!was_known || clock_from_timestamp(view->sweep.started) != view->pace.start)
        forget_journals(view);
    status = follow_journals(view);
    if (status == STATUS_BAD_DATA && was_known) { /* other journals, after --fresh */
        forget_journals(view);
        status = follow_journals(view);
    }
    TRY(status);
    if (view->n_troubles > 0 && !view->has_plan)
        read_plan(view);
done:
    return status;
}

void status_view_release(struct status_view *view)
{
    cJSON_Delete(view->plan);
    free(view->journals);
    arena_destroy(view->arena);
    *view = (struct status_view){0};
}

/* ---- what it says ---- */

const struct journal_event *status_view_trouble(const struct status_view *view, int i)
{
    return &view->troubles[(view->n_troubles - 1 - i) % N_TROUBLES];
}

const char *status_view_run_name(const struct status_view *view, const char *id)
{
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(view->plan, "runs");

    for (const cJSON *run = runs != NULL ? runs->child : NULL; run != NULL; run = run->next)
        if (strcmp(json_text(run, "id"), id) == 0)
            return json_text(run, "name");
    return id;
}

const char *trouble_name(const struct journal_event *event)
{
    return event->kind == JOURNAL_FAILED    ? "failed"
           : event->kind == JOURNAL_CRASHED ? "crashed"
                                            : "failed, tried again";
}

bool status_view_was_killed(const struct status_view *view)
{
    return status_is_running(&view->sweep) && !view->is_alive;
}

int64_t status_view_n_running(const struct status_view *view)
{
    int64_t n = 0;

    for (int i = 0; view->is_alive && i < view->sweep.n_ranks; i++)
        n += view->sweep.ranks[i].is_busy;
    return n;
}

void status_view_append_state(const struct status_view *view, struct text *out)
{
    const struct sweep_status *sweep = &view->sweep;
    char age[DURATION_BYTES];

    duration_to_text(view->age_seconds, age);
    if (status_view_was_killed(view))
        text_append(out, "was killed: no sign of life for %s from process %" PRId64 " on %s", age,
                    sweep->pid, sweep->host);
    else if (status_is_running(sweep))
        text_append(out, "is %s on %s, process %" PRId64 ", since %.19s; as of %s ago",
                    sweep->state, sweep->host, sweep->pid, sweep->started, age);
    else
        text_append(out, "%s, exit code %d, at %.19s on %s",
                    strcmp(sweep->state, "stopped") == 0 ? "was stopped with work left"
                    : strcmp(sweep->state, "error") == 0 ? "ended with an error"
                    : sweep->exit_code == 1              ? "is over, some runs failed"
                                                         : "is done",
                    sweep->exit_code, sweep->updated, sweep->host);
}
