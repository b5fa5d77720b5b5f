/* Runs by the words users have for them. */
#include "sweep/plan/shard_runs.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SHOWN = 5 };

struct matches_found {
    int64_t n, run, shown[MOST_SHOWN];
};

/* A whole id or name beats the beginnings of others. */
static bool find_exact(const struct sweep *sweep, const char *word, int64_t *run)
{
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        if (strcmp(sweep->runs[i].id, word) == 0 || strcmp(sweep->runs[i].name, word) == 0) {
            *run = i;
            return true;
        }
    }
    return false;
}

static struct matches_found find_beginnings(const struct sweep *sweep, const char *word)
{
    struct matches_found found = {0};

    for (int64_t i = 0; i < sweep->n_runs; i++) {
        const struct run *run = &sweep->runs[i];
        if (!text_starts_with(run->id, word) && !text_starts_with(run->name, word))
            continue;
        if (found.n < MOST_SHOWN)
            found.shown[found.n] = i;
        found.run = i;
        found.n++;
    }
    return found;
}

static enum status several(const struct sweep *sweep, const char *word,
                           const struct matches_found *found)
{
    struct text names = {0};

    for (int64_t i = 0; i < found->n && i < MOST_SHOWN; i++)
        text_append(&names, "%s%s (%s)", i > 0 ? ", " : "", sweep->runs[found->shown[i]].name,
                    sweep->runs[found->shown[i]].id);
    enum status status =
        fail(STATUS_BAD_CONFIG, "--only '%s' matches %lld runs: %s%s; give more of the name", word,
             (long long)found->n, text_value(&names), found->n > MOST_SHOWN ? ", ..." : "");
    text_release(&names);
    return status;
}

struct near_run {
    int distance;
    const char *text;
};

/* Names and ids by how much must be typed differently; the nearest few. */
static enum status unknown(const struct sweep *sweep, const char *word)
{
    struct near_run near[3] = {{0}};
    struct text names = {0};
    int n = 0;

    for (int64_t i = 0; i < 2 * sweep->n_runs; i++) {
        const struct run *run = &sweep->runs[i / 2];
        struct near_run one = {.text = i % 2 == 0 ? run->name : run->id};
        one.distance = text_distance(word, one.text);
        int at = n < 3 ? n++ : 3;
        for (; at > 0 && one.distance < near[at - 1].distance; at--)
            if (at < 3)
                near[at] = near[at - 1];
        if (at < 3)
            near[at] = one;
    }
    for (int i = 0; i < n; i++)
        text_append(&names, "%s%s", i > 0 ? ", " : "", near[i].text);
    enum status status =
        fail(STATUS_BAD_CONFIG,
             "--only '%s' matches no run of this sweep; the nearest are %s; `prunelora plan` "
             "lists them all",
             word, text_value(&names));
    text_release(&names);
    return status;
}

static enum status choose_word(const struct sweep *sweep, const char *word, bool *is_chosen)
{
    int64_t run = 0;

    if (*word == '\0')
        return fail(STATUS_BAD_CONFIG, "--only expects ids or names of runs, separated by commas");
    if (find_exact(sweep, word, &run)) {
        is_chosen[run] = true;
        return STATUS_OK;
    }
    struct matches_found found = find_beginnings(sweep, word);
    if (found.n > 1)
        return several(sweep, word, &found);
    if (found.n == 0)
        return unknown(sweep, word);
    is_chosen[found.run] = true;
    return STATUS_OK;
}

enum status sweep_choose(const struct sweep *sweep, const char *list, bool *is_chosen)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    char *copy = NULL, *rest = NULL;

    TRY(arena_create(&arena));
    TRY_ALLOC(copy, arena_strdup(arena, list));
    rest = copy;
    for (char *word = strsep(&rest, ","); word != NULL; word = strsep(&rest, ","))
        TRY(choose_word(sweep, word, is_chosen));
done:
    arena_destroy(arena);
    return status;
}
