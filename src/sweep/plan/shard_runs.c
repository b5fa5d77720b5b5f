/* Groups of runs that must stay together, largest first, each to the shard with the fewest. */
#include "sweep/plan/shard_runs.h"

#include <stdlib.h>
#include <string.h>

const struct sweep *sweep_whole(const struct sweep *sweep)
{
    return sweep->whole != NULL ? sweep->whole : sweep;
}

int64_t sweep_number(const struct sweep *sweep, int64_t run)
{
    return sweep->whole != NULL ? sweep->numbers[run] : run;
}

/* ---- groups ---- */

struct run_group {
    const struct run *root; /* a reference, or a run that has none */
    int64_t n_runs;
};

static const struct run *root_of(const struct run *run)
{
    return run->reference != NULL ? run->reference : run; /* references have none that counts */
}

static int compare_groups(const void *a, const void *b)
{
    const struct run_group *left = a, *right = b;

    if (left->n_runs != right->n_runs)
        return left->n_runs < right->n_runs ? 1 : -1;
    return strcmp(left->root->id, right->root->id);
}

static int64_t fewest(const int64_t *loads, int n)
{
    int64_t best = 0;

    for (int i = 1; i < n; i++)
        if (loads[i] < loads[best])
            best = i;
    return best;
}

/* shard_of[i], from 0, of every run. */
static enum status deal_runs(const struct sweep *whole, int n_shards, int64_t *shard_of)
{
    enum status status = STATUS_OK;
    int64_t n_runs = whole->n_runs, n_groups = 0, *sizes = NULL, *loads = NULL;
    struct run_group *groups = NULL;

    TRY_ALLOC(sizes, heap_alloc(n_runs, sizeof *sizes));
    TRY_ALLOC(loads, heap_alloc(n_shards, sizeof *loads));
    TRY_ALLOC(groups, heap_alloc(n_runs, sizeof *groups));
    for (int64_t i = 0; i < n_runs; i++)
        sizes[root_of(&whole->runs[i]) - whole->runs]++;
    for (int64_t i = 0; i < n_runs; i++)
        if (sizes[i] > 0)
            groups[n_groups++] = (struct run_group){&whole->runs[i], sizes[i]};
    if (n_groups > 0)
        qsort(groups, (size_t)n_groups, sizeof *groups, compare_groups);
    for (int64_t i = 0; i < n_groups; i++) {
        int64_t to = fewest(loads, n_shards);
        loads[to] += groups[i].n_runs;
        sizes[groups[i].root - whole->runs] = to; /* from now on where the group goes */
    }
    for (int64_t i = 0; i < n_runs; i++)
        shard_of[i] = sizes[root_of(&whole->runs[i]) - whole->runs];
done:
    free(groups);
    free(loads);
    free(sizes);
    return status;
}

/* ---- one shard ---- */

static enum status take_runs(const struct sweep *whole, const int64_t *shard_of, int64_t index,
                             struct sweep *out)
{
    enum status status = STATUS_OK;
    int64_t *numbers = NULL, *place = NULL;

    TRY_ALLOC(place, ARENA_ARRAY(out->arena, whole->n_runs, int64_t));
    for (int64_t i = 0; i < whole->n_runs; i++)
        place[i] = shard_of[i] == index ? out->n_runs++ : -1;
    TRY_ALLOC(out->runs, ARENA_ARRAY(out->arena, out->n_runs, struct run));
    TRY_ALLOC(numbers, ARENA_ARRAY(out->arena, out->n_runs, int64_t));
    TRY_ALLOC(out->points, ARENA_ARRAY(out->arena, whole->n_points, int64_t));
    for (int64_t i = 0; i < whole->n_runs; i++) {
        if (place[i] < 0)
            continue;
        struct run *run = &out->runs[place[i]];
        *run = whole->runs[i];
        numbers[place[i]] = i;
        if (run->reference != NULL)
            run->reference = &out->runs[place[run->reference - whole->runs]];
    }
    for (int64_t i = 0; i < whole->n_points; i++)
        out->points[i] = whole->points[i] >= 0 ? place[whole->points[i]] : -1;
    out->numbers = numbers;
done:
    return status;
}

enum status sweep_deal(const struct sweep *whole, struct shard shard, struct sweep **out)
{
    enum status status = STATUS_OK;
    struct sweep *made = NULL;
    int64_t *shard_of = NULL;

    TRY_ALLOC(shard_of, heap_alloc(whole->n_runs, sizeof *shard_of));
    TRY(deal_runs(whole, shard.count, shard_of));
    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    *made = *whole;
    made->arena = NULL;
    made->whole = whole;
    made->n_runs = 0;
    TRY(arena_create(&made->arena));
    TRY(take_runs(whole, shard_of, shard.index - 1, made));
    *out = made;
    made = NULL;
done:
    sweep_destroy(made);
    free(shard_of);
    return status;
}
