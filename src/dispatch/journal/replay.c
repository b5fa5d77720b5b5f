/* Ids are found by a sorted table; those it does not know go into a hash table. */
#include "dispatch/journal/replay.h"

#include <stdlib.h>
#include <string.h>

struct id_index {
    const char *id;
    int64_t run;
};

struct replay {
    const struct sweep *sweep;
    struct run_state *states; /* [n_runs] owned, as all below */
    struct id_index *ids;     /* [n_runs] sorted */
    struct orphan *orphans;
    int64_t n_orphans, capacity;
    int64_t *buckets; /* orphan + 1, or 0; n_buckets is a power of two */
    int64_t n_buckets;
    char **summaries; /* [n_runs] owned, as each of them; NULL: none */
    int64_t n_threads;
    replay_visit *visit; /* NULL: nobody watches */
    void *context;
    enum status status; /* of what happened in the middle of a journal */
};

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct id_index *)a)->id, ((const struct id_index *)b)->id);
}

enum status replay_create(const struct sweep *sweep, struct replay **out)
{
    enum status status = STATUS_OK;
    struct replay *made = NULL;
    int64_t n = sweep->n_runs;

    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    made->sweep = sweep;
    TRY_ALLOC(made->states, heap_alloc(n, sizeof *made->states));
    TRY_ALLOC(made->summaries, heap_alloc(n, sizeof *made->summaries));
    TRY_ALLOC(made->ids, heap_alloc(n, sizeof *made->ids));
    for (int64_t i = 0; i < n; i++)
        made->ids[i] = (struct id_index){sweep->runs[i].id, i};
    if (n > 0)
        qsort(made->ids, (size_t)n, sizeof *made->ids, compare_ids);
    *out = made;
    made = NULL;
done:
    replay_destroy(made);
    return status;
}

void replay_destroy(struct replay *replay)
{
    if (replay == NULL)
        return;
    for (int64_t i = 0; replay->summaries != NULL && i < replay->sweep->n_runs; i++)
        free(replay->summaries[i]);
    free(replay->summaries);
    free(replay->states);
    free(replay->ids);
    free(replay->orphans);
    free(replay->buckets);
    free(replay);
}

/* The bucket of an orphan's id, or the empty one where it belongs. Ids are hexadecimal digits of a
 * hash, so their number is one. */
static int64_t *find_bucket(const struct replay *replay, const char *id)
{
    uint64_t mask = (uint64_t)replay->n_buckets - 1, i = strtoull(id, NULL, 16) & mask;

    while (replay->buckets[i] != 0 && strcmp(replay->orphans[replay->buckets[i] - 1].id, id) != 0)
        i = (i + 1) & mask;
    return &replay->buckets[i];
}

static enum status make_room(struct replay *replay)
{
    enum status status = STATUS_OK;
    int64_t n = replay->n_orphans, wanted = replay->n_buckets > 0 ? 2 * replay->n_buckets : 64;

    TRY(heap_grow(&replay->orphans, &replay->capacity, n + 1, sizeof *replay->orphans));
    if (2 * n < replay->n_buckets)
        return STATUS_OK;
    free(replay->buckets);
    replay->n_buckets = 0;
    TRY_ALLOC(replay->buckets, heap_alloc(wanted, sizeof *replay->buckets));
    replay->n_buckets = wanted;
    for (int64_t i = 0; i < n; i++)
        *find_bucket(replay, replay->orphans[i].id) = i + 1;
done:
    return status;
}

static enum status apply_to_orphan(struct replay *replay, const struct journal_event *event)
{
    enum status status = STATUS_OK;

    TRY(make_room(replay));
    int64_t *bucket = find_bucket(replay, event->run_id);
    if (*bucket == 0) {
        memcpy(replay->orphans[replay->n_orphans].id, event->run_id, RUN_ID_BYTES);
        *bucket = ++replay->n_orphans;
    }
    run_state_apply(&replay->orphans[*bucket - 1].state, event);
done:
    return status;
}

/* What a run said when it was done, until it is done again. */
static enum status keep_summary(struct replay *replay, int64_t run,
                                const struct journal_event *event)
{
    if (event->kind != JOURNAL_DONE)
        return STATUS_OK;
    free(replay->summaries[run]);
    replay->summaries[run] = event->summary[0] != '\0' ? strdup(event->summary) : NULL;
    if (event->summary[0] != '\0' && replay->summaries[run] == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory for the summary of a run");
    return STATUS_OK;
}

static enum status apply_to_run(struct replay *replay, int64_t run,
                                const struct journal_event *event)
{
    struct journal_event known = *event;

    known.run = run;
    run_state_apply(&replay->states[run], &known);
    enum status status = keep_summary(replay, run, event);
    if (status != STATUS_OK)
        return status;
    return replay->visit != NULL ? replay->visit(replay->context, &known) : STATUS_OK;
}

static void see_event(void *context, const struct journal_event *event)
{
    struct replay *replay = context;
    const struct id_index key = {.id = event->run_id};

    if (event->kind == JOURNAL_START && event->n_threads > 0)
        replay->n_threads = event->n_threads;
    if (event->run_id[0] == '\0' || replay->status != STATUS_OK)
        return;
    const struct id_index *found =
        replay->sweep->n_runs == 0
            ? NULL
            : bsearch(&key, replay->ids, (size_t)replay->sweep->n_runs, sizeof key, compare_ids);
    if (found != NULL)
        replay->status = apply_to_run(replay, found->run, event);
    else
        replay->status = apply_to_orphan(replay, event);
}

enum status replay_read(struct replay *replay, const char *path, int64_t *good_bytes)
{
    enum status status = journal_replay(path, see_event, replay, good_bytes);

    return status == STATUS_OK ? replay->status : status;
}

void replay_watch(struct replay *replay, replay_visit *visit, void *context)
{
    replay->visit = visit;
    replay->context = context;
}

const struct run_state *replay_states(const struct replay *replay)
{
    return replay->states;
}

const char *replay_summary(const struct replay *replay, int64_t run)
{
    return replay->summaries[run];
}

int64_t replay_threads(const struct replay *replay)
{
    return replay->n_threads;
}

int64_t replay_orphans(const struct replay *replay, const struct orphan **out)
{
    *out = replay->orphans;
    return replay->n_orphans;
}
