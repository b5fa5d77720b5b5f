/* To JSON and back. */
#include "dispatch/folder/status_file.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "store/json_file.h"
#include "store/json_members.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATUS_FORMAT = 1 }; /* without one: older than the numbering, and the same */

/* ---- writing ---- */

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return cJSON_AddStringToObject(object, name, text) != NULL;
}

static bool add_number(cJSON *object, const char *name, double number)
{
    return cJSON_AddNumberToObject(object, name, number) != NULL; /* NaN becomes null */
}

static bool add_counts(cJSON *object, const struct dispatch_outcome *counts)
{
    return add_number(object, "runs", (double)counts->n_runs) &&
           add_number(object, "done", (double)counts->n_done) &&
           add_number(object, "failed", (double)counts->n_failed) &&
           add_number(object, "stopped_early", (double)counts->n_stopped) &&
           add_number(object, "left", (double)counts->n_pending) &&
           add_number(object, "held", (double)counts->n_held) &&
           add_number(object, "done_before", (double)counts->n_skipped);
}

/* Four digits are enough to look at: rank 0 writes this every few seconds. */
static bool add_losses(cJSON *object, const struct loss_curve *losses)
{
    struct text list = {0};

    for (int i = 0; i < losses->n; i++) {
        text_append(&list, i == 0 ? "[" : ",");
        text_append(&list, isfinite(losses->at[i]) ? "%.4g" : "null", (double)losses->at[i]);
    }
    text_append(&list, losses->n == 0 ? "[]" : "]");
    bool is_made =
        !list.is_failed && cJSON_AddRawToObject(object, "losses", text_value(&list)) != NULL;
    text_release(&list);
    return is_made;
}

static bool add_progress(cJSON *object, const struct rank_status *rank)
{
    const struct run_progress *now = &rank->progress;

    return add_text(object, "run", rank->run_id) && add_text(object, "name", rank->name) &&
           add_number(object, "attempt", (double)rank->attempt) &&
           add_text(object, "since", rank->since) && add_text(object, "phase", now->phase) &&
           add_number(object, "epoch", (double)now->epoch) &&
           add_number(object, "n_epochs", (double)now->n_epochs) &&
           add_number(object, "step", (double)now->step) &&
           add_number(object, "n_steps", (double)now->n_steps) &&
           add_number(object, "loss", now->loss) &&
           add_number(object, "images_per_second", now->images_per_second) &&
           add_number(object, "cores", now->cores) && add_number(object, "n_cores", now->n_cores) &&
           add_losses(object, &rank->losses);
}

static bool add_ranks(cJSON *object, const struct sweep_status *status)
{
    cJSON *ranks = cJSON_AddArrayToObject(object, "ranks");
    int64_t n_running = 0;
    bool is_made = ranks != NULL;

    for (int i = 0; is_made && i < status->n_ranks; i++) {
        const struct rank_status *rank = &status->ranks[i];
        cJSON *item = cJSON_CreateObject();
        is_made = item != NULL && cJSON_AddItemToArray(ranks, item) &&
                  add_number(item, "rank", i) && add_text(item, "host", rank->host) &&
                  cJSON_AddBoolToObject(item, "busy", rank->is_busy) != NULL &&
                  (!rank->is_busy || add_progress(item, rank));
        n_running += rank->is_busy;
    }
    return is_made && add_number(object, "running", (double)n_running);
}

static bool fill(cJSON *object, const struct sweep_status *status)
{
    char now[32], host[HOST_BYTES];

    clock_timestamp(now);
    host_name(host);
    bool has_code = status->exit_code >= 0;
    return add_number(object, "format", STATUS_FORMAT) &&
           add_text(object, "state", status->state) && add_counts(object, &status->counts) &&
           add_number(object, "exit_code", has_code ? (double)status->exit_code : (double)NAN) &&
           add_number(object, "seconds_left", status->seconds_left) &&
           add_number(object, "threads", (double)status->n_threads) &&
           add_text(object, "host", host) && add_number(object, "pid", (double)getpid()) &&
           add_text(object, "started", status->started) && add_text(object, "updated", now) &&
           add_text(object, "name", status->name) && add_text(object, "command", status->command) &&
           add_text(object, "message", status->message) &&
           add_text(object, "plan", status->plan_hash != NULL ? status->plan_hash : "") &&
           add_ranks(object, status);
}

enum status status_file_write(const char *folder, const struct sweep_status *sweep)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    char *path = NULL;
    cJSON *object = cJSON_CreateObject();

    TRY(arena_create(&arena));
    TRY_ALLOC(path, shard_path(arena, folder, sweep->shard, shard_status));
    TRY(json_file_write(path, fill(object, sweep) ? object : NULL));
done:
    cJSON_Delete(object);
    arena_destroy(arena);
    return status;
}

/* ---- reading ---- */

static enum status copy_member(const cJSON *object, const char *name, struct arena *arena,
                               const char **out)
{
    *out = arena_strdup(arena, json_text(object, name));
    return *out != NULL ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

static void read_losses(const cJSON *list, struct loss_curve *out)
{
    for (const cJSON *item = list != NULL ? list->child : NULL;
         item != NULL && out->n < LOSS_CURVE_CELLS; item = item->next)
        out->at[out->n++] = cJSON_IsNumber(item) ? (float)item->valuedouble : NAN;
}

static enum status read_rank(const cJSON *item, struct arena *arena, struct rank_status *out)
{
    enum status status = STATUS_OK;
    struct run_progress *now = &out->progress;

    TRY(copy_member(item, "run", arena, &out->run_id));
    TRY(copy_member(item, "name", arena, &out->name));
    copy_text(out->host, sizeof out->host, json_text(item, "host"));
    copy_text(out->since, sizeof out->since, json_text(item, "since"));
    copy_text(now->phase, sizeof now->phase, json_text(item, "phase"));
    out->is_busy = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "busy"));
    out->attempt = json_integer(item, "attempt");
    now->epoch = json_integer(item, "epoch");
    now->n_epochs = json_integer(item, "n_epochs");
    now->step = json_integer(item, "step");
    now->n_steps = json_integer(item, "n_steps");
    now->loss = json_number(item, "loss");
    now->images_per_second = json_number(item, "images_per_second");
    now->cores = json_number(item, "cores");
    now->n_cores = (int32_t)json_integer(item, "n_cores");
    read_losses(cJSON_GetObjectItemCaseSensitive(item, "losses"), &out->losses);
done:
    return status;
}

static enum status read_ranks(const cJSON *object, struct arena *arena, struct sweep_status *out)
{
    enum status status = STATUS_OK;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "ranks");
    int n = cJSON_GetArraySize(list), i = 0;
    struct rank_status *ranks = NULL;

    TRY_ALLOC(ranks, ARENA_ARRAY(arena, n, struct rank_status));
    for (const cJSON *item = list != NULL ? list->child : NULL; item != NULL; item = item->next)
        TRY(read_rank(item, arena, &ranks[i++]));
    out->ranks = ranks;
    out->n_ranks = n;
done:
    return status;
}

static enum status read_members(const cJSON *object, struct arena *arena, struct sweep_status *out)
{
    enum status status = STATUS_OK;
    double exit_code = json_number(object, "exit_code");

    TRY(copy_member(object, "state", arena, &out->state));
    TRY(copy_member(object, "message", arena, &out->message));
    TRY(copy_member(object, "name", arena, &out->name));
    TRY(copy_member(object, "command", arena, &out->command));
    TRY(copy_member(object, "started", arena, &out->started));
    TRY(copy_member(object, "host", arena, &out->host));
    TRY(copy_member(object, "updated", arena, &out->updated));
    TRY(copy_member(object, "plan", arena, &out->plan_hash));
    out->exit_code = isnan(exit_code) ? -1 : (int)exit_code;
    out->pid = json_integer(object, "pid");
    out->n_threads = json_integer(object, "threads");
    out->seconds_left = json_number(object, "seconds_left");
    out->counts = (struct dispatch_outcome){
        .n_runs = json_integer(object, "runs"),
        .n_done = json_integer(object, "done"),
        .n_failed = json_integer(object, "failed"),
        .n_stopped = json_integer(object, "stopped_early"),
        .n_skipped = json_integer(object, "done_before"),
        .n_pending = json_integer(object, "left"),
        .n_held = json_integer(object, "held"),
    };
    TRY(read_ranks(object, arena, out));
done:
    return status;
}

enum status status_shard_read(const char *folder, struct shard shard, struct arena *arena,
                              struct sweep_status *out)
{
    enum status status = STATUS_OK;
    struct sweep_status made = {0};
    char *path = NULL, *text = NULL;
    cJSON *object = NULL;
    int64_t n = 0;

    TRY_ALLOC(path, shard_path(arena, folder, shard, shard_status));
    TRY(file_read(path, &text, &n));
    object = cJSON_ParseWithLength(text, (size_t)n);
    if (json_text(object, "state")[0] == '\0')
        TRY(fail(STATUS_BAD_DATA, "'%s' is not the status of a sweep", path));
    if (json_integer(object, "format") > STATUS_FORMAT)
        TRY(fail(
            STATUS_BAD_DATA,
            "'%s' has format %lld, this program reads up to %d; read it with the newer program "
            "that wrote it",
            path, (long long)json_integer(object, "format"), STATUS_FORMAT));
    TRY(read_members(object, arena, &made));
    made.shard = shard;
    *out = made;
done:
    cJSON_Delete(object);
    free(text);
    return status;
}

/* ---- alive or not ---- */

double status_file_pause(double took_seconds)
{
    return fmin(50 * took_seconds, STATUS_SILENCE_SECONDS / 3.0);
}

bool status_is_running(const struct sweep_status *status)
{
    return strcmp(status->state, "running") == 0 || strcmp(status->state, "stopping") == 0;
}

/* Seconds since the file was written; NaN when there is none. */
static double age_of(const char *folder, struct shard shard)
{
    struct arena *arena = NULL;
    const char *path = NULL;
    struct stat info;
    double age = NAN;

    if (arena_create(&arena) == STATUS_OK)
        path = shard_path(arena, folder, shard, shard_status);
    if (path != NULL && stat(path, &info) == 0) {
        double changed = (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec;
        age = fmax(clock_wall_seconds() - changed, 0); /* clocks of machines differ */
    }
    arena_destroy(arena);
    return age;
}

bool status_shard_is_alive(const char *folder, struct shard shard,
                           const struct sweep_status *status, double *age_seconds)
{
    char host[HOST_BYTES];

    *age_seconds = age_of(folder, shard);
    if (!status_is_running(status))
        return false;
    host_name(host);
    bool is_gone = strcmp(host, status->host) == 0 && process_is_gone((pid_t)status->pid);
    /* Not its absence alone: it may live in a container whose processes are not seen from here. */
    return *age_seconds < (is_gone ? 2 * STATUS_REST_SECONDS : STATUS_SILENCE_SECONDS);
}
