/* "-2-of-4" between the stem of a file's name and its ending. */
#include "store/results/shard.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct shard_file shard_lock = {"lock", ""}, shard_journal = {"journal", "jsonl"},
                        shard_status = {"status", "json"}, shard_results = {"results", "h5"},
                        shard_stop = {"stop", ""};

/* A number without sign or leading zero; NULL when there is none. */
static const char *read_number(const char *text, int *out)
{
    int64_t n = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9' && n <= SHARDS_MOST; at++)
        n = 10 * n + (*at - '0');
    if (at == text || *text == '0' || n > SHARDS_MOST)
        return NULL;
    *out = (int)n;
    return at;
}

/* "2<between>4"; what follows it, or NULL. */
static const char *read_shard(const char *text, const char *between, struct shard *out)
{
    struct shard made = {0};
    const char *at = read_number(text, &made.index);

    if (at == NULL || strncmp(at, between, strlen(between)) != 0)
        return NULL;
    at = read_number(at + strlen(between), &made.count);
    if (at == NULL || made.index > made.count)
        return NULL;
    *out = made;
    return at;
}

bool shard_from_text(const char *text, struct shard *out)
{
    struct shard made;
    const char *end = read_shard(text, "/", &made);

    if (end == NULL || *end != '\0')
        return false;
    *out = made;
    return true;
}

char *shard_path(struct arena *arena, const char *folder, struct shard shard,
                 struct shard_file file)
{
    const char *dot = *file.ending != '\0' ? "." : "";

    if (shard.count == 0)
        return arena_format(arena, "%s/%s%s%s", folder, file.stem, dot, file.ending);
    return arena_format(arena, "%s/%s-%d-of-%d%s%s", folder, file.stem, shard.index, shard.count,
                        dot, file.ending);
}

/* Whether a name in the folder is such a file, and whose. */
static bool shard_of_name(const char *name, struct shard_file file, struct shard *out)
{
    size_t n = strlen(file.stem);
    struct shard made = {0};

    if (strncmp(name, file.stem, n) != 0)
        return false;
    name += n;
    if (*name == '-' && (name = read_shard(name + 1, "-of-", &made)) == NULL)
        return false;
    if (*file.ending != '\0' && *name++ != '.')
        return false;
    *out = made;
    return strcmp(name, file.ending) == 0;
}

static int compare_shards(const void *a, const void *b)
{
    const struct shard *left = a, *right = b;

    return left->count != right->count ? (left->count > right->count) - (left->count < right->count)
                                       : left->index - right->index;
}

enum status shards_find(const char *folder, struct shard_file file, struct arena *arena,
                        struct shard **out, int64_t *n)
{
    enum status status = STATUS_OK;
    struct shard *found = NULL, one;
    int64_t n_found = 0, capacity = 0;
    DIR *entries = opendir(folder);

    if (entries == NULL && errno != ENOENT)
        return fail(STATUS_IO, "cannot look into '%s': %s", folder, strerror(errno));
    for (struct dirent *entry = NULL; entries != NULL && (entry = readdir(entries)) != NULL;) {
        if (!shard_of_name(entry->d_name, file, &one))
            continue;
        TRY(heap_grow(&found, &capacity, n_found + 1, sizeof *found));
        found[n_found++] = one;
    }
    if (n_found > 0)
        qsort(found, (size_t)n_found, sizeof *found, compare_shards);
    TRY_ALLOC(*out, ARENA_ARRAY(arena, n_found, struct shard));
    for (int64_t i = 0; i < n_found; i++)
        (*out)[i] = found[i];
    *n = n_found;
done:
    free(found);
    if (entries != NULL)
        closedir(entries);
    return status;
}
