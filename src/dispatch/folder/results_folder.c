/* What an earlier start left, found again; what this one is about to do, written down. */
#include "dispatch/folder/results_folder.h"

#include "dispatch/folder/earlier_runs.h"
#include "dispatch/folder/stop_request.h"
#include "store/json_file.h"
#include "sweep/plan/shard_runs.h"

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

/* ---- opening ---- */

/* A lock of every sweep and shard that ever worked there: nobody does. */
static enum status take_all_locks(const char *path, struct arena *arena, struct folder_lock ***out,
                                  int64_t *n)
{
    enum status status = STATUS_OK;
    struct shard *shards = NULL;
    struct folder_lock **locks = NULL;
    int64_t n_shards = 0;

    TRY(shards_find(path, shard_lock, arena, &shards, &n_shards));
    TRY_ALLOC(locks, ARENA_ARRAY(arena, n_shards, struct folder_lock *));
    *out = locks;
    for (; *n < n_shards; ++*n)
        TRY(folder_lock_take(path, shards[*n], 0, &locks[*n]));
done:
    return status;
}

static enum status choose_old_name(const char *path, struct arena *arena, const char **out)
{
    enum status status = STATUS_OK;
    char now[32], digits[32];
    int n = 0;

    clock_timestamp(now);
    for (const char *c = now; *c != '\0' && *c != '.'; c++) /* 20260131T120000 */
        if (*c != '-' && *c != ':')
            digits[n++] = *c;
    digits[n] = '\0';
    TRY_ALLOC(*out, arena_format(arena, "%s.%s", path, digits));
    for (int i = 2; file_exists(*out); i++)
        TRY_ALLOC(*out, arena_format(arena, "%s.%s-%d", path, digits, i));
done:
    return status;
}

static enum status rename_away(const char *path)
{
    enum status status = STATUS_OK;
    struct folder_lock **locks = NULL;
    struct arena *arena = NULL;
    const char *to = NULL;
    int64_t n_locks = 0;

    if (!folder_exists(path))
        return STATUS_OK;
    TRY(arena_create(&arena));
    TRY(take_all_locks(path, arena, &locks, &n_locks));
    TRY(choose_old_name(path, arena, &to));
    if (rename(path, to) != 0)
        TRY(fail(STATUS_IO, "cannot rename '%s' to '%s': %s", path, to, strerror(errno)));
    log_warning("the earlier results are now in '%s'", to);
done:
    for (int64_t i = 0; i < n_locks; i++)
        folder_lock_release(locks[i]);
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
    folder->shard = settings->shard;
    clock_timestamp(folder->started);
    TRY_ALLOC(folder->journal_path,
              shard_path(folder->arena, settings->folder, settings->shard, shard_journal));
    TRY(shards_hash(sweep_whole(sweep), folder->plan_hash));
    TRY_ALLOC(folder->states, ARENA_ARRAY(folder->arena, sweep->n_runs, struct run_state));
    TRY(rungs_create(sweep, &folder->rungs));
    TRY_ALLOC(folder->summaries, ARENA_ARRAY(folder->arena, sweep->n_runs, struct run_summary *));
    TRY_ALLOC(folder->is_reopened, ARENA_ARRAY(folder->arena, sweep->n_runs, bool));
    *out = folder;
    folder = NULL;
done:
    results_folder_close(folder);
    return status;
}

/* Of a start that was killed; other shards may be at work on files of their own. */
static enum status remove_temporaries(const struct results_folder *folder)
{
    enum status status = STATUS_OK;
    const struct shard_file own[] = {shard_results, shard_status};

    if (folder->shard.count == 0) {
        folder_remove_temporaries(folder->path);
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const char *path = NULL;
        TRY_ALLOC(path, shard_path(folder->arena, folder->path, folder->shard, own[i]));
        file_remove_temporaries(path);
    }
done:
    return status;
}

/* Made if needed, locked, and free of what would be in the way. */
static enum status take(struct results_folder *folder, const struct dispatch_settings *settings)
{
    enum status status = STATUS_OK;
    char reason[STOP_REASON_BYTES];

    TRY(folder_create(settings->folder));
    TRY(check_writable(settings->folder));
    TRY(shards_check_cut(settings->folder, settings->shard, false));
    TRY(folder_lock_take(settings->folder, settings->shard, 0, &folder->lock));
    TRY(shards_check_cut(settings->folder, settings->shard, true));
    TRY(shards_check_sweep(settings->folder, settings->shard, folder->plan_hash));
    if (stop_request_take(settings->folder, settings->shard, reason))
        log_info("a request to stop (%s) was meant for an earlier start", reason);
    TRY(remove_temporaries(folder));
done:
    return status;
}

enum status results_folder_open(const struct dispatch_settings *settings, const struct sweep *sweep,
                                struct results_folder **out)
{
    enum status status = STATUS_OK;
    struct results_folder *folder = NULL;

    TRY(folder_create_empty(settings, sweep, &folder));
    if (settings->needs_earlier && !file_exists(folder->journal_path))
        TRY(fail(STATUS_BAD_CONFIG,
                 "nothing to resume: no sweep has begun in '%s' (there is no '%s'); leave out "
                 "--resume to begin one",
                 settings->folder, path_base(folder->journal_path)));
    if (settings->is_fresh)
        TRY(rename_away(settings->folder));
    TRY(take(folder, settings));
    TRY(earlier_runs_find(folder, settings));
    results_folder_count(folder);
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

enum status results_folder_describe(struct results_folder *folder)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = sweep_whole(folder->sweep);
    struct text json = {0};
    const char *path = NULL;
    cJSON *plan = cJSON_CreateObject();

    TRY_ALLOC(path, path_join(folder->arena, folder->path, "sweep.yaml"));
    TRY(file_write(path, sweep->resolved_yaml, strlen(sweep->resolved_yaml)));
    bool is_made = cJSON_AddStringToObject(plan, "format", "prunelora plan") != NULL &&
                   cJSON_AddNumberToObject(plan, "version", PLAN_FORMAT) != NULL &&
                   cJSON_AddStringToObject(plan, "name", sweep->name) != NULL &&
                   add_points_and_axes(plan, sweep) && add_runs(plan, sweep, &json);
    TRY_ALLOC(path, path_join(folder->arena, folder->path, "plan.json"));
    TRY(json_file_write(path, is_made ? plan : NULL));
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
        .shard = folder->shard,
        .plan_hash = folder->plan_hash,
        .n_threads = folder->n_threads,
    };
}

enum status results_folder_status(struct results_folder *folder, const char *state, int exit_code,
                                  const char *message)
{
    enum status status = folder_lock_check(folder->lock);

    if (status != STATUS_OK)
        return status;
    results_folder_count(folder);
    struct sweep_status sweep = results_folder_head(folder);
    sweep.state = state;
    sweep.exit_code = exit_code;
    sweep.message = message;
    return status_file_write(folder->path, &sweep);
}
