/* How a folder's sweep stands when each of its shards keeps a status of its own: one status out of
 * all, as of a sweep with all their ranks. */
#include "dispatch/folder/status_file.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

struct part {
    struct shard shard;
    struct sweep_status status;
    bool is_alive;
    double age_seconds;
};

struct parts {
    struct part *items;
    int64_t n;
    int n_shards; /* 0: the whole sweep's own */
};

static enum status read_parts(const char *folder, struct arena *arena, struct parts *out)
{
    enum status status = STATUS_OK;
    struct shard *shards = NULL;
    int64_t n = 0;

    TRY(shards_find(folder, shard_status, arena, &shards, &n));
    if (n == 0 || shards[0].count == 0)
        n = 1;
    TRY_ALLOC(out->items, ARENA_ARRAY(arena, n, struct part));
    for (int64_t i = 0; i < n; i++) {
        struct part *part = &out->items[i];
        part->shard = shards[i].count > 0 ? shards[i] : (struct shard){0};
        TRY(status_shard_read(folder, part->shard, arena, &part->status));
        part->is_alive =
            status_shard_is_alive(folder, part->shard, &part->status, &part->age_seconds);
    }
    out->n = n;
    out->n_shards = out->items[0].shard.count;
done:
    return status;
}

static bool was_killed(const struct part *part)
{
    return status_is_running(&part->status) && !part->is_alive;
}

/* Of states, the one that needs somebody's attention most. */
static int urgency(const struct part *part)
{
    static const char *const order[] = {"done", "failed", "stopped", "error"};
    int found = 0;

    if (part->is_alive)
        return strcmp(part->status.state, "stopping") == 0 ? 5 : 6;
    if (was_killed(part))
        return 4;
    for (int i = 0; i < 4; i++)
        if (strcmp(order[i], part->status.state) == 0)
            found = i;
    return found;
}

static enum status join_message(const struct parts *parts, struct arena *arena,
                                struct sweep_status *out)
{
    enum status status = STATUS_OK;
    struct text text = {0};
    int64_t n_missing = parts->n_shards - parts->n;

    for (int64_t i = 0; i < parts->n; i++) {
        const struct part *part = &parts->items[i];
        bool is_killed = was_killed(part) && strcmp(out->state, "running") == 0;
        if (!is_killed && part->status.message[0] == '\0')
            continue;
        text_append(&text, "%sshard %d of %d: %s", text.length > 0 ? "; " : "", part->shard.index,
                    part->shard.count, is_killed ? "killed" : part->status.message);
    }
    if (n_missing > 0)
        text_append(&text, "%s%lld of %d shards have not begun", text.length > 0 ? "; " : "",
                    (long long)n_missing, parts->n_shards);
    TRY(text_finish(&text));
    TRY_ALLOC(out->message, arena_strdup(arena, text_value(&text)));
done:
    text_release(&text);
    return status;
}

static void add_counts(struct dispatch_outcome *sum, const struct dispatch_outcome *one)
{
    sum->n_runs += one->n_runs;
    sum->n_done += one->n_done;
    sum->n_failed += one->n_failed;
    sum->n_stopped += one->n_stopped;
    sum->n_skipped += one->n_skipped;
    sum->n_pending += one->n_pending;
    sum->n_held += one->n_held;
}

static enum status join_ranks(const struct parts *parts, struct arena *arena,
                              struct sweep_status *out)
{
    enum status status = STATUS_OK;
    struct rank_status *ranks = NULL;
    int n = 0;

    for (int64_t i = 0; i < parts->n; i++)
        n += parts->items[i].is_alive ? parts->items[i].status.n_ranks : 0;
    TRY_ALLOC(ranks, ARENA_ARRAY(arena, n, struct rank_status));
    out->ranks = ranks;
    out->n_ranks = n;
    for (int64_t i = 0; i < parts->n; i++) {
        const struct sweep_status *one = &parts->items[i].status;
        for (int j = 0; parts->items[i].is_alive && j < one->n_ranks; j++)
            *ranks++ = one->ranks[j];
    }
done:
    return status;
}

/* The whole takes as long as the shard that is last. */
static void add_time(struct sweep_status *out, const struct part *part)
{
    const struct sweep_status *one = &part->status;

    if (part->is_alive && !isnan(one->seconds_left))
        out->seconds_left = isnan(out->seconds_left) ? one->seconds_left
                                                     : fmax(out->seconds_left, one->seconds_left);
    if (strcmp(one->started, out->started) < 0)
        out->started = one->started;
    if (strcmp(one->updated, out->updated) > 0)
        out->updated = one->updated;
}

static enum status join(const struct parts *parts, struct arena *arena, struct sweep_status *out)
{
    enum status status = STATUS_OK;
    const struct part *first = &parts->items[0];
    bool is_over = true;

    for (int64_t i = 1; i < parts->n; i++)
        if (urgency(&parts->items[i]) > urgency(first))
            first = &parts->items[i];
    *out = first->status;
    out->shard = (struct shard){0};
    out->counts = (struct dispatch_outcome){0};
    out->seconds_left = NAN;
    for (int64_t i = 0; i < parts->n; i++) {
        const struct part *part = &parts->items[i];
        add_counts(&out->counts, &part->status.counts);
        add_time(out, part);
        is_over = is_over && part->status.exit_code >= 0;
    }
    if (parts->n < parts->n_shards && is_over && urgency(first) < 2) {
        out->state = "stopped"; /* what has not begun is work left */
        out->exit_code = 75;
    }
    if (!is_over)
        out->exit_code = -1;
    TRY(join_ranks(parts, arena, out));
    TRY(join_message(parts, arena, out));
done:
    return status;
}

enum status status_file_read(const char *folder, struct arena *arena, struct sweep_status *out)
{
    enum status status = STATUS_OK;
    struct parts parts = {0};
    struct sweep_status made;

    TRY(read_parts(folder, arena, &parts));
    if (parts.n_shards == 0)
        made = parts.items[0].status;
    else
        TRY(join(&parts, arena, &made));
    *out = made;
done:
    return status;
}

bool status_is_alive(const char *folder, const struct sweep_status *sweep, double *age_seconds)
{
    struct arena *arena = NULL;
    struct shard *shards = NULL;
    struct parts parts = {0};
    bool is_alive = false;
    int64_t n = 0;

    *age_seconds = NAN;
    if (arena_create(&arena) != STATUS_OK)
        return false;
    bool is_cut = shards_find(folder, shard_status, arena, &shards, &n) == STATUS_OK && n > 0 &&
                  shards[0].count > 0;
    if (!is_cut)
        is_alive = status_shard_is_alive(folder, (struct shard){0}, sweep, age_seconds);
    else if (read_parts(folder, arena, &parts) == STATUS_OK)
        for (int64_t i = 0; i < parts.n; i++) {
            is_alive = is_alive || parts.items[i].is_alive;
            *age_seconds = fmin(*age_seconds, parts.items[i].age_seconds);
        }
    arena_destroy(arena);
    return is_alive;
}

bool status_file_exists(const char *folder)
{
    struct arena *arena = NULL;
    struct shard *shards = NULL;
    int64_t n = 0;

    bool is_there = arena_create(&arena) == STATUS_OK &&
                    shards_find(folder, shard_status, arena, &shards, &n) == STATUS_OK && n > 0;
    arena_destroy(arena);
    return is_there;
}
