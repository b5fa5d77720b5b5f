/* De-duplication: a hash table from the first 64 bits of a meaning's hash to its run. At the end
 * each run finds the one it is compared with. */
#include "sweep/points/expand.h"

#include "unlearn/forget.h"

#include <stdlib.h>
#include <string.h>

struct run_row {
    struct run run;
    const struct method *method;
    struct identity key; /* all of the hashes: tells a collision from a duplicate */
};

struct run_set {
    struct run_row *rows; /* owned */
    int64_t n, capacity;
    int64_t *buckets; /* owned: row + 1, or 0; n_buckets is a power of two */
    int64_t n_buckets;
};

enum status run_set_create(struct run_set **out)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(*out, heap_alloc(1, sizeof **out));
done:
    return status;
}

void run_set_destroy(struct run_set *set)
{
    if (set == NULL)
        return;
    free(set->rows);
    free(set->buckets);
    free(set);
}

/* The bucket of an id, or the empty one where it belongs. */
static int64_t *find_bucket(const struct run_set *set, const char *hex)
{
    char digits[RUN_ID_BYTES];

    memcpy(digits, hex, RUN_ID_BYTES - 1);
    digits[RUN_ID_BYTES - 1] = '\0';
    uint64_t mask = (uint64_t)set->n_buckets - 1;
    uint64_t i = strtoull(digits, NULL, 16) & mask;
    while (set->buckets[i] != 0 &&
           strncmp(set->rows[set->buckets[i] - 1].key.all, hex, RUN_ID_BYTES - 1) != 0)
        i = (i + 1) & mask;
    return &set->buckets[i];
}

static enum status make_room(struct run_set *set)
{
    enum status status = STATUS_OK;
    int64_t *old = set->buckets;

    TRY(heap_grow(&set->rows, &set->capacity, set->n + 1, sizeof *set->rows));
    if (2 * set->n < set->n_buckets)
        return STATUS_OK;
    int64_t wanted = set->n_buckets > 0 ? 2 * set->n_buckets : 64;
    TRY_ALLOC(set->buckets, heap_alloc(wanted, sizeof *set->buckets));
    set->n_buckets = wanted;
    free(old);
    old = NULL;
    for (int64_t i = 0; i < set->n; i++)
        *find_bucket(set, set->rows[i].key.all) = i + 1;
done:
    if (status != STATUS_OK)
        set->buckets = old;
    return status;
}

enum status run_set_add(struct run_set *set, const struct point *point, const struct identity *key,
                        int64_t point_index, int64_t *out)
{
    enum status status = STATUS_OK;

    TRY(make_room(set));
    int64_t *bucket = find_bucket(set, key->all);
    if (*bucket == 0) {
        struct run_row *row = &set->rows[set->n++];
        *bucket = set->n;
        row->run.settings = point->settings;
        row->run.split_hash = point->contents.split;
        row->run.weights_hash = point->contents.weights;
        row->run.first_point = point_index;
        row->method = point->method;
        row->run.is_reference = method_is_reference(point->method);
        row->key = *key;
        memcpy(row->run.id, key->all, RUN_ID_BYTES - 1);
    } else if (strcmp(set->rows[*bucket - 1].key.all, key->all) != 0) {
        TRY(fail(STATUS_BAD_CONFIG,
                 "two different runs have the id %.16s; change any setting of one of them",
                 key->all));
    }
    *out = *bucket - 1;
done:
    return status;
}

int64_t run_set_count(const struct run_set *set)
{
    return set->n;
}

/* "0042-prune_lora-c3-s0.5-r8-seed1": only the parts that the method reads. */
static enum status name_run(const struct run_row *row, int64_t index, struct arena *arena,
                            const char **out)
{
    enum status status = STATUS_OK;
    const struct settings *settings = &row->run.settings;
    struct text name = {0};
    char number[32];

    text_append(&name, "%04lld-%s", (long long)index, row->method->name);
    if (!forget_is_nothing(settings)) {
        text_append(&name, "-");
        forget_print(settings, &name);
    }
    if (method_reads(row->method) & GROUP_PRUNE)
        text_append(&name, "-s%s", text_from_double(settings->prune.sparsity, number));
    if (method_reads(row->method) & GROUP_LORA)
        text_append(&name, "-r%lld", (long long)settings->lora.rank);
    if (method_reads(row->method) & GROUP_SEED)
        text_append(&name, "-seed%lld", (long long)settings->seed);
    TRY(text_finish(&name));
    TRY_ALLOC(*out, arena_strdup(arena, text_value(&name)));
done:
    text_release(&name);
    return status;
}

struct candidate { /* a reference and what its runs share */
    const char *key;
    const struct run *run;
};

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    int order = strcmp(left->key, right->key);

    return order != 0 ? order : (left->run > right->run) - (left->run < right->run);
}

/* The first candidate of that key, or NULL. */
static const struct run *find_reference(const struct candidate *sorted, int64_t n, const char *key)
{
    int64_t low = 0, high = n;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (strcmp(sorted[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && strcmp(sorted[low].key, key) == 0 ? sorted[low].run : NULL;
}

static enum status link_references(const struct run_set *set, struct run *runs)
{
    enum status status = STATUS_OK;
    struct candidate *candidates = NULL;
    int64_t n = 0;

    TRY_ALLOC(candidates, heap_alloc(set->n, sizeof *candidates));
    for (int64_t i = 0; i < set->n; i++)
        if (runs[i].is_reference)
            candidates[n++] = (struct candidate){set->rows[i].key.comparable, &runs[i]};
    if (n > 0)
        qsort(candidates, (size_t)n, sizeof *candidates, compare_candidates);
    for (int64_t i = 0; i < set->n; i++) {
        const struct run *found = find_reference(candidates, n, set->rows[i].key.comparable);
        runs[i].reference = found != &runs[i] ? found : NULL;
    }
done:
    free(candidates);
    return status;
}

enum status run_set_finish(const struct run_set *set, struct arena *arena, struct run **out)
{
    enum status status = STATUS_OK;
    struct run *runs = NULL;

    TRY_ALLOC(runs, ARENA_ARRAY(arena, set->n, struct run));
    for (int64_t i = 0; i < set->n; i++) {
        runs[i] = set->rows[i].run;
        TRY(name_run(&set->rows[i], i, arena, &runs[i].name));
    }
    TRY(link_references(set, runs));
    *out = runs;
done:
    return status;
}
