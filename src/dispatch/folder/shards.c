/* Everything is read from the files the other shards write for themselves. */
#include "dispatch/folder/shards.h"

#include "dispatch/folder/folder_lock.h"
#include "dispatch/folder/status_file.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- one cut per folder ---- */

static void describe(struct shard shard, char text[64])
{
    if (shard.count == 0)
        snprintf(text, 64, "a sweep in one piece");
    else
        snprintf(text, 64, "a sweep in %d shards", shard.count);
}

static enum status refuse(const char *folder, struct shard there, struct shard here)
{
    char found[64], wanted[64], how[64];

    describe(there, found);
    describe(here, wanted);
    if (there.count == 0)
        snprintf(how, sizeof how, "leave out --shard");
    else
        snprintf(how, sizeof how, "use --shard I/%d", there.count);
    return fail(STATUS_BAD_CONFIG,
                "'%s' holds %s and cannot go on as %s; %s, or give --out another folder", folder,
                found, wanted, how);
}

static enum status check_files(const char *folder, struct shard shard, struct shard_file file,
                               struct arena *arena)
{
    enum status status = STATUS_OK;
    struct shard *found = NULL;
    int64_t n = 0;
    bool is_lock = strcmp(file.stem, shard_lock.stem) == 0;

    TRY(shards_find(folder, file, arena, &found, &n));
    for (int64_t i = 0; i < n; i++)
        if (found[i].count != shard.count && (!is_lock || folder_lock_has_owner(folder, found[i])))
            TRY(refuse(folder, found[i], shard));
done:
    return status;
}

enum status shards_check_cut(const char *folder, struct shard shard, bool sees_locks)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;

    TRY(arena_create(&arena));
    TRY(check_files(folder, shard, shard_journal, arena));
    if (sees_locks)
        TRY(check_files(folder, shard, shard_lock, arena));
done:
    arena_destroy(arena);
    return status;
}

/* ---- one sweep at a time ---- */

enum status shards_hash(const struct sweep *sweep, char hex[HASH_HEX_BYTES])
{
    enum status status = STATUS_OK;
    struct hash *hash = NULL;

    TRY(hash_create(&hash));
    for (int64_t i = 0; i < sweep->n_runs; i++)
        hash_update_text(hash, sweep->runs[i].id);
    hash_finish(hash, hex);
done:
    hash_destroy(hash);
    return status;
}

static enum status check_other(const char *folder, struct shard other, const char *hash,
                               struct arena *arena)
{
    struct sweep_status found;
    double age = 0;

    if (status_shard_read(folder, other, arena, &found) != STATUS_OK ||
        !status_shard_is_alive(folder, other, &found, &age) || strcmp(found.plan_hash, hash) == 0 ||
        folder_lock_was_left(folder, other))
        return STATUS_OK; /* a damaged file says nothing of a sweep at work */
    return fail(STATUS_BAD_CONFIG,
                "shard %d of %d is at work in '%s' on other runs than this sweep has; wait for it, "
                "or end it by `prunelora stop %s`, before the sweep is changed",
                other.index, other.count, folder, folder);
}

enum status shards_check_sweep(const char *folder, struct shard shard, const char *hash)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct shard *found = NULL;
    int64_t n = 0;

    if (shard.count == 0)
        return STATUS_OK;
    TRY(arena_create(&arena));
    TRY(shards_find(folder, shard_status, arena, &found, &n));
    for (int64_t i = 0; i < n; i++)
        if (found[i].count == shard.count && found[i].index != shard.index)
            TRY(check_other(folder, found[i], hash, arena));
done:
    arena_destroy(arena);
    return status;
}

/* ---- what others have finished ---- */

enum status shards_replay_others(const char *folder, struct shard shard, struct replay *replay)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct shard *found = NULL;
    int64_t n = 0, good_bytes = 0;

    TRY(arena_create(&arena));
    TRY(shards_find(folder, shard_journal, arena, &found, &n));
    for (int64_t i = 0; i < n; i++) {
        const char *path = NULL;
        if (found[i].index == shard.index)
            continue;
        TRY_ALLOC(path, shard_path(arena, folder, found[i], shard_journal));
        TRY(replay_read(replay, path, &good_bytes));
    }
done:
    arena_destroy(arena);
    return status;
}
