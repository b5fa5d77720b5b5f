/* The journals say how runs stand; plan.json of the last start says what orphaned ones meant, by
 * which a new run may be recognised as an old one with a setting changed. */
#include "dispatch/folder/folder_difference.h"

#include "base/file.h"
#include "base/log.h"
#include "config/settings_table.h"
#include "dispatch/folder/results_folder.h"
#include "dispatch/journal/replay.h"
#include "store/json_members.h"
#include "store/results/run_paths.h"
#include "store/results/shard.h"
#include "sweep/points/unread_settings.h"
#include "unlearn/forget.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const difference_names[N_DIFFERENCE_STATES] = {
    [DIFFERENCE_NEW] = "new",          [DIFFERENCE_CHANGED] = "changed",
    [DIFFERENCE_UNFINISHED] = "begun", [DIFFERENCE_FAILED] = "failed",
    [DIFFERENCE_DONE] = "done",        [DIFFERENCE_STOPPED] = "stopped_early",
};

struct place { /* where in the grid a run stands */
    const char *key;
    int64_t lost; /* in difference->lost */
    const char *settings_json;
};

struct folder_comparison {
    const struct sweep *sweep;
    const char *folder;
    struct arena *arena;
    struct folder_difference *out;
    struct replay *replay;
    cJSON *plan;
    struct place *places; /* sorted */
    int64_t n_places;
};

/* ---- journals ---- */

static enum status read_journals(struct folder_comparison *c)
{
    enum status status = STATUS_OK;
    struct shard *shards = NULL;
    int64_t n = 0, good_bytes = 0;

    TRY(shards_find(c->folder, shard_journal, c->arena, &shards, &n));
    TRY(replay_create(c->sweep, &c->replay));
    for (int64_t i = 0; i < n; i++) {
        const char *path = NULL;
        TRY_ALLOC(path, shard_path(c->arena, c->folder, shards[i], shard_journal));
        TRY(replay_read(c->replay, path, &good_bytes));
        c->out->n_shards = shards[i].count;
    }
    c->out->exists = n > 0;
    c->out->n_threads = replay_threads(c->replay);
done:
    return status;
}

static enum status place_run(struct folder_comparison *c, int64_t i)
{
    enum status status = STATUS_OK;
    const struct run_state *state = &replay_states(c->replay)[i];
    enum difference_state *out = &c->out->states[i];
    const char *path = NULL;

    *out = state->phase == RUN_FAILED ? DIFFERENCE_FAILED
           : state->attempt > 0       ? DIFFERENCE_UNFINISHED
                                      : DIFFERENCE_NEW;
    if (state->phase == RUN_DONE || state->phase == RUN_STOPPED) {
        TRY_ALLOC(path, run_attempt_file(c->arena, c->folder, c->sweep->runs[i].id, state->attempt,
                                         RUN_RESULT_NAME));
        *out = !file_exists(path)         ? DIFFERENCE_UNFINISHED
               : state->phase == RUN_DONE ? DIFFERENCE_DONE
                                          : DIFFERENCE_STOPPED;
    }
done:
    return status;
}

/* ---- plan.json of the last start ---- */

static void read_plan(struct folder_comparison *c)
{
    char *path = path_join(c->arena, c->folder, "plan.json"), *text = NULL;
    int64_t n = 0;

    if (path == NULL || !file_exists(path) || file_read(path, &text, &n) != STATUS_OK)
        return;
    c->plan = cJSON_ParseWithLength(text, (size_t)n);
    free(text);
    if (json_integer(c->plan, "version") > PLAN_FORMAT) {
        log_warning("'%s' has version %lld, this program reads up to %d: names of earlier runs and "
                    "what changed are not told",
                    path, (long long)json_integer(c->plan, "version"), PLAN_FORMAT);
        cJSON_Delete(c->plan);
        c->plan = NULL;
    }
}

static int compare_lost(const void *a, const void *b)
{
    return strcmp(((const struct lost_run *)a)->id, ((const struct lost_run *)b)->id);
}

/* Method, class, seed and every swept setting that the method reads. */
static enum status place_key(const struct folder_comparison *c, const struct settings *settings,
                             const char **out)
{
    enum status status = STATUS_OK;
    const char *method = settings->unlearn.method;
    struct text key = {0};

    text_append(&key, "%s ", method);
    forget_print(settings, &key);
    if (setting_is_read(method, "seed"))
        text_append(&key, " %lld", (long long)settings->seed);
    for (int64_t i = 0; i < c->sweep->n_axes; i++) {
        int found = setting_find(c->sweep->axes[i]);
        if (found < 0 || !setting_is_read(method, c->sweep->axes[i]))
            continue;
        text_append(&key, " ");
        setting_print(setting_at(found), settings, &key);
    }
    TRY(text_finish(&key));
    TRY_ALLOC(*out, arena_strdup(c->arena, text_value(&key)));
done:
    text_release(&key);
    return status;
}

static enum status add_place(struct folder_comparison *c, const cJSON *run, int64_t lost)
{
    enum status status = STATUS_OK;
    struct settings settings;
    char *json = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(run, "settings"));
    struct place *place = &c->places[c->n_places];

    if (json == NULL || settings_from_json(json, c->arena, &settings) != STATUS_OK)
        goto done; /* of another version of the program: it has a name, and no place */
    TRY(place_key(c, &settings, &place->key));
    TRY_ALLOC(place->settings_json, arena_strdup(c->arena, json));
    place->lost = lost;
    c->n_places++;
done:
    cJSON_free(json);
    return status;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = strcmp(left->key, right->key);

    return order != 0 ? order : (left->lost > right->lost) - (left->lost < right->lost);
}

static enum status find_lost(struct folder_comparison *c)
{
    enum status status = STATUS_OK;
    const struct orphan *orphans = NULL;
    struct folder_difference *out = c->out;

    out->n_lost = replay_orphans(c->replay, &orphans);
    TRY_ALLOC(out->lost, ARENA_ARRAY(c->arena, out->n_lost, struct lost_run));
    TRY_ALLOC(c->places, ARENA_ARRAY(c->arena, out->n_lost, struct place));
    for (int64_t i = 0; i < out->n_lost; i++) {
        out->lost[i] =
            (struct lost_run){.name = "", .phase = orphans[i].state.phase, .replaced_by = -1};
        TRY_ALLOC(out->lost[i].id, arena_strdup(c->arena, orphans[i].id));
    }
    if (out->n_lost == 0)
        return STATUS_OK;
    qsort(out->lost, (size_t)out->n_lost, sizeof *out->lost, compare_lost);
    read_plan(c);
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(c->plan, "runs");
    for (const cJSON *run = runs != NULL ? runs->child : NULL; run != NULL; run = run->next) {
        const struct lost_run key = {.id = json_text(run, "id")};
        struct lost_run *found =
            bsearch(&key, out->lost, (size_t)out->n_lost, sizeof key, compare_lost);
        if (found == NULL || found->name[0] != '\0')
            continue;
        TRY_ALLOC(found->name, arena_strdup(c->arena, json_text(run, "name")));
        TRY(add_place(c, run, found - out->lost));
    }
    if (c->n_places > 0)
        qsort(c->places, (size_t)c->n_places, sizeof *c->places, compare_places);
done:
    return status;
}

/* ---- changed runs ---- */

static enum status count_change(struct folder_comparison *c, const char *name, const char *before,
                                const char *after)
{
    enum status status = STATUS_OK;
    struct folder_difference *out = c->out;

    for (int64_t i = 0; i < out->n_changed; i++) {
        if (strcmp(out->changed[i].name, name) != 0)
            continue;
        out->changed[i].n_runs++;
        return STATUS_OK;
    }
    struct changed_setting *made = &out->changed[out->n_changed];
    made->n_runs = 1;
    TRY_ALLOC(made->name, arena_strdup(c->arena, name));
    TRY_ALLOC(made->before, arena_strdup(c->arena, before));
    TRY_ALLOC(made->after, arena_strdup(c->arena, after));
    out->n_changed++;
done:
    return status;
}

/* Only what enters a run's identity can have made it another one. */
static bool is_candidate(const struct setting *setting, const char *method)
{
    return setting->group != GROUP_EXECUTION && setting_is_read(method, setting->name);
}

static enum status compare_setting(struct folder_comparison *c, const struct setting *setting,
                                   const struct settings *before, const struct settings *after,
                                   bool *is_other)
{
    enum status status = STATUS_OK;
    struct text old = {0}, new = {0};

    setting_print(setting, before, &old);
    setting_print(setting, after, &new);
    TRY(text_finish(&old));
    TRY(text_finish(&new));
    if (strcmp(text_value(&old), text_value(&new)) != 0) {
        *is_other = true;
        TRY(count_change(c, setting->name, text_value(&old), text_value(&new)));
    }
done:
    text_release(&old);
    text_release(&new);
    return status;
}

static enum status explain(struct folder_comparison *c, const struct place *place,
                           const struct run *run)
{
    enum status status = STATUS_OK;
    struct settings before;
    bool is_other = false;

    TRY(settings_from_json(place->settings_json, c->arena, &before));
    for (int i = 0; i < setting_count(); i++)
        if (is_candidate(setting_at(i), run->settings.unlearn.method))
            TRY(compare_setting(c, setting_at(i), &before, &run->settings, &is_other));
    if (!is_other)
        TRY(count_change(c, "the content of data or weights", "", ""));
done:
    return status;
}

/* The first lost run at that place that nobody has taken yet. */
static const struct place *take_place(struct folder_comparison *c, const char *key)
{
    int64_t low = 0, high = c->n_places;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (strcmp(c->places[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < c->n_places && strcmp(c->places[low].key, key) == 0; low++)
        if (c->out->lost[c->places[low].lost].replaced_by < 0)
            return &c->places[low];
    return NULL;
}

static enum status find_changed(struct folder_comparison *c)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(c->out->changed, ARENA_ARRAY(c->arena, setting_count() + 1, struct changed_setting));
    for (int64_t i = 0; c->n_places > 0 && i < c->sweep->n_runs; i++) {
        const struct run *run = &c->sweep->runs[i];
        const char *key = NULL;
        if (c->out->states[i] != DIFFERENCE_NEW)
            continue;
        TRY(place_key(c, &run->settings, &key));
        const struct place *place = take_place(c, key);
        if (place == NULL)
            continue;
        c->out->states[i] = DIFFERENCE_CHANGED;
        c->out->lost[place->lost].replaced_by = i;
        TRY(explain(c, place, run));
    }
done:
    return status;
}

/* As people look for them; those without a name last. */
static int compare_names(const void *a, const void *b)
{
    const struct lost_run *left = a, *right = b;
    int unnamed = (left->name[0] == '\0') - (right->name[0] == '\0');
    int order = unnamed != 0 ? unnamed : strcmp(left->name, right->name);

    return order != 0 ? order : strcmp(left->id, right->id);
}

enum status folder_difference_find(const struct sweep *sweep, const char *folder,
                                   struct arena *arena, struct folder_difference *out)
{
    enum status status = STATUS_OK;
    struct folder_difference made = {0};
    struct folder_comparison c = {.sweep = sweep, .folder = folder, .arena = arena, .out = &made};

    TRY_ALLOC(made.states, ARENA_ARRAY(arena, sweep->n_runs, enum difference_state));
    if (folder_exists(folder))
        TRY(read_journals(&c));
    if (made.exists) {
        for (int64_t i = 0; i < sweep->n_runs; i++)
            TRY(place_run(&c, i));
        TRY(find_lost(&c));
        TRY(find_changed(&c));
        if (made.n_lost > 0)
            qsort(made.lost, (size_t)made.n_lost, sizeof *made.lost, compare_names);
    }
    for (int64_t i = 0; i < sweep->n_runs; i++)
        made.counts[made.states[i]]++;
    *out = made;
done:
    replay_destroy(c.replay);
    cJSON_Delete(c.plan);
    return status;
}
