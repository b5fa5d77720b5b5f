/* What an earlier start left, found again; what this one is about to do, written down. */
#include "dispatch/results_folder.h"

#include "dispatch/journal.h"
#include "dispatch/stop_request.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- replay ---- */

struct id_index {
    const char *id;
    int64_t run;
};

struct replay {
    struct results_folder *folder;
    struct id_index *ids; /* sorted */
    const char **orphans; /* ids seen in the journal and not in the sweep */
    int64_t n_orphans, capacity;
    enum status status;
};

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct id_index *)a)->id, ((const struct id_index *)b)->id);
}

static void see_orphan(struct replay *replay, const char *id)
{
    for (int64_t i = 0; i < replay->n_orphans; i++)
        if (strcmp(replay->orphans[i], id) == 0)
            return;
    if (replay->status == STATUS_OK)
        replay->status = heap_grow(&replay->orphans, &replay->capacity, replay->n_orphans + 1,
                                   sizeof *replay->orphans);
    const char *copy = arena_strdup(replay->folder->arena, id);
    if (replay->status == STATUS_OK && copy != NULL)
        replay->orphans[replay->n_orphans++] = copy;
}

static void replay_known(struct replay *replay, int64_t run, const struct journal_event *event)
{
    struct journal_event known = *event;

    known.run = run;
    run_state_apply(&replay->folder->states[run], &known);
    if (replay->status == STATUS_OK)
        replay->status = rungs_replay(replay->folder->rungs, &known);
}

static void replay_event(void *context, const struct journal_event *event)
{
    struct replay *replay = context;
    struct id_index key = {.id = event->run_id};

    if (event->run_id[0] == '\0')
        return;
    const struct id_index *found =
        bsearch(&key, replay->ids, (size_t)replay->folder->sweep->n_runs, sizeof key, compare_ids);
    if (found == NULL)
        see_orphan(replay, event->run_id);
    else
        replay_known(replay, found->run, event);
}

static enum status replay_journal(struct results_folder *folder)
{
    enum status status = STATUS_OK;
    struct replay replay = {.folder = folder};
    int64_t n = folder->sweep->n_runs;

    TRY_ALLOC(replay.ids, heap_alloc(n, sizeof *replay.ids));
    for (int64_t i = 0; i < n; i++)
        replay.ids[i] = (struct id_index){folder->sweep->runs[i].id, i};
    qsort(replay.ids, (size_t)n, sizeof *replay.ids, compare_ids);
    TRY(journal_replay(folder->journal_path, replay_event, &replay, &folder->journal_good_bytes));
    TRY(replay.status);
    folder->counts.n_orphaned = replay.n_orphans;
done:
    free(replay.ids);
    free(replay.orphans);
    return status;
}

static char *attempt_path(const struct results_folder *folder, int64_t run, int64_t attempt,
                          const char *name)
{
    return arena_format(folder->arena, "%s/runs/%s/a%" PRId64 "%s", folder->path,
                        folder->sweep->runs[run].id, attempt, name);
}

/* The journal's word against the files: a done run must have its result, and an attempt that the
 * journal missed (power lost before its line was on disk) keeps its folder to itself. */
static enum status compare_with_files(struct results_folder *folder, int64_t run)
{
    enum status status = STATUS_OK;
    struct run_state *state = &folder->states[run];
    const char *path = NULL;

    if (state->phase == RUN_RUNNING)
        state->phase = RUN_PENDING; /* the earlier start ended under it */
    if (state->phase == RUN_DONE || state->phase == RUN_STOPPED || state->phase == RUN_PAUSED) {
        TRY_ALLOC(path, attempt_path(folder, run, state->attempt, "/run.h5"));
        bool is_there = file_exists(path);
        state->was_done_before = is_there && state->phase != RUN_PAUSED;
        if (!is_there) {
            log_warning("run %s was %s and '%s' is gone: it is repeated",
                        folder->sweep->runs[run].name, run_phase_name(state->phase), path);
            state->phase = RUN_PENDING;
        }
    }
    while (state->phase == RUN_PENDING) {
        TRY_ALLOC(path, attempt_path(folder, run, state->attempt + 1, ""));
        if (!folder_exists(path))
            break;
        state->attempt++;
    }
done:
    return status;
}

static void reopen_failed(struct results_folder *folder)
{
    for (int64_t i = 0; i < folder->sweep->n_runs; i++) {
        struct journal_event event = {.kind = JOURNAL_REOPENED, .run = i};
        if (folder->states[i].phase != RUN_FAILED)
            continue;
        run_state_apply(&folder->states[i], &event);
        folder->is_reopened[i] = true;
    }
}

/* ---- opening ---- */

static enum status rename_away(const char *path)
{
    enum status status = STATUS_OK;
    struct folder_lock *lock = NULL;
    struct arena *arena = NULL;
    const char *to = NULL;

    if (!folder_exists(path))
        return STATUS_OK;
    TRY(folder_lock_take(path, 0, &lock)); /* nobody works there */
    TRY(arena_create(&arena));
    for (int i = 1; to == NULL || file_exists(to); i++)
        TRY_ALLOC(to, arena_format(arena, "%s.old-%d", path, i));
    if (rename(path, to) != 0)
        TRY(fail(STATUS_IO, "cannot rename '%s' to '%s': %s", path, to, strerror(errno)));
    log_warning("the earlier results are now in '%s'", to);
done:
    folder_lock_release(lock);
    arena_destroy(arena);
    return status;
}

static enum status check_writable(const char *path)
{
    if (access(path, W_OK | X_OK) != 0)
        return fail(STATUS_IO,
                    "cannot write into the results folder '%s': %s; give --out a folder you own",
                    path, strerror(errno));
    return STATUS_OK;
}

static enum status folder_create_empty(const struct dispatch_settings *settings,
                                       const struct sweep *sweep, struct results_folder **out)
{
    enum status status = STATUS_OK;
    struct results_folder *folder = NULL;

    TRY_ALLOC(folder, heap_alloc(1, sizeof *folder));
    TRY(arena_create(&folder->arena));
    folder->sweep = sweep;
    folder->path = settings->folder;
    folder->command = settings->command;
    clock_timestamp(folder->started);
    TRY_ALLOC(folder->journal_path, path_join(folder->arena, settings->folder, "journal.jsonl"));
    TRY_ALLOC(folder->states, ARENA_ARRAY(folder->arena, sweep->n_runs, struct run_state));
    TRY(rungs_create(sweep, &folder->rungs));
    TRY_ALLOC(folder->is_reopened, ARENA_ARRAY(folder->arena, sweep->n_runs, bool));
    *out = folder;
    folder = NULL;
done:
    results_folder_close(folder);
    return status;
}

static enum status find_earlier(struct results_folder *folder, bool retries_failed)
{
    enum status status = STATUS_OK;

    TRY(replay_journal(folder));
    if (retries_failed)
        reopen_failed(folder);
    TRY(rungs_begin(folder->rungs, folder->states));
    for (int64_t i = 0; i < folder->sweep->n_runs; i++)
        TRY(compare_with_files(folder, i));
    results_folder_count(folder);
done:
    return status;
}

enum status results_folder_open(const struct dispatch_settings *settings, const struct sweep *sweep,
                                struct results_folder **out)
{
    enum status status = STATUS_OK;
    struct results_folder *folder = NULL;
    char reason[STOP_REASON_BYTES];

    TRY(folder_create_empty(settings, sweep, &folder));
    if (settings->is_fresh)
        TRY(rename_away(settings->folder));
    TRY(folder_create(settings->folder));
    TRY(check_writable(settings->folder));
    TRY(folder_lock_take(settings->folder, 0, &folder->lock));
    if (stop_request_take(settings->folder, reason))
        log_info("a request to stop (%s) was meant for an earlier start", reason);
    TRY(find_earlier(folder, settings->retries_failed));
    *out = folder;
    folder = NULL;
done:
    results_folder_close(folder);
    return status;
}

void results_folder_close(struct results_folder *folder)
{
    if (folder == NULL)
        return;
    folder_lock_release(folder->lock);
    rungs_destroy(folder->rungs);
    arena_destroy(folder->arena);
    free(folder);
}

/* ---- sweep.yaml, plan.json, status.json ---- */

static bool add_runs(cJSON *plan, const struct sweep *sweep, struct text *json)
{
    cJSON *runs = cJSON_AddArrayToObject(plan, "runs");
    bool is_made = runs != NULL;

    for (int64_t i = 0; is_made && i < sweep->n_runs; i++) {
        cJSON *run = cJSON_CreateObject();
        json->length = 0;
        is_made = run != NULL && cJSON_AddItemToArray(runs, run) &&
                  cJSON_AddStringToObject(run, "id", sweep->runs[i].id) != NULL &&
                  cJSON_AddStringToObject(run, "name", sweep->runs[i].name) != NULL &&
                  settings_to_json(&sweep->runs[i].settings, json) == STATUS_OK &&
                  cJSON_AddItemToObject(run, "settings", cJSON_Parse(text_value(json)));
    }
    return is_made;
}

static bool add_points_and_axes(cJSON *plan, const struct sweep *sweep)
{
    cJSON *axes = cJSON_AddArrayToObject(plan, "axes");
    cJSON *points = cJSON_AddArrayToObject(plan, "points");
    bool is_made = axes != NULL && points != NULL;

    for (int64_t i = 0; is_made && i < sweep->n_axes; i++)
        is_made = cJSON_AddItemToArray(axes, cJSON_CreateString(sweep->axes[i]));
    for (int64_t i = 0; is_made && i < sweep->n_points; i++)
        is_made = cJSON_AddItemToArray(points, cJSON_CreateNumber((double)sweep->points[i]));
    return is_made;
}

static enum status write_json(struct results_folder *folder, const char *name, cJSON *object)
{
    enum status status = STATUS_OK;
    char *text = object == NULL ? NULL : cJSON_Print(object);
    const char *path = NULL;

    if (text == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory composing '%s'", name));
    TRY_ALLOC(path, path_join(folder->arena, folder->path, name));
    TRY(file_write(path, text, strlen(text)));
done:
    cJSON_free(text);
    return status;
}

enum status results_folder_describe(struct results_folder *folder)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = folder->sweep;
    struct text json = {0};
    const char *path = NULL;
    cJSON *plan = cJSON_CreateObject();

    TRY_ALLOC(path, path_join(folder->arena, folder->path, "sweep.yaml"));
    TRY(file_write(path, sweep->resolved_yaml, strlen(sweep->resolved_yaml)));
    bool is_made = cJSON_AddStringToObject(plan, "format", "prunelora plan") != NULL &&
                   cJSON_AddNumberToObject(plan, "version", 1) != NULL &&
                   cJSON_AddStringToObject(plan, "name", sweep->name) != NULL &&
                   add_points_and_axes(plan, sweep) && add_runs(plan, sweep, &json);
    if (!is_made)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory composing 'plan.json'"));
    TRY(write_json(folder, "plan.json", plan));
done:
    text_release(&json);
    cJSON_Delete(plan);
    return status;
}

void results_folder_count(struct results_folder *folder)
{
    run_states_count(folder->states, folder->sweep->n_runs, &folder->counts);
}

struct sweep_status results_folder_head(const struct results_folder *folder)
{
    return (struct sweep_status){
        .state = "running",
        .exit_code = -1,
        .message = "",
        .name = folder->sweep->name,
        .command = folder->command,
        .started = folder->started,
        .counts = folder->counts,
        .seconds_left = NAN,
    };
}

enum status results_folder_status(struct results_folder *folder, const char *state, int exit_code,
                                  const char *message)
{
    results_folder_count(folder);
    struct sweep_status sweep = results_folder_head(folder);
    sweep.state = state;
    sweep.exit_code = exit_code;
    sweep.message = message;
    return status_file_write(folder->path, &sweep);
}
