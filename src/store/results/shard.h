/* A part of a sweep that runs on its own in the common results folder: which one, and the names of
 * the files it has to itself. */
#ifndef STORE_SHARD_H
#define STORE_SHARD_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct shard {
    int index, count; /* 1 ≤ index ≤ count; count 0: the whole sweep */
};
enum { SHARDS_MOST = 9999 };

/* "2/4". False for anything else. */
bool shard_from_text(const char *text, struct shard *out);
/* ("journal", "jsonl") is folder/journal.jsonl, of a shard folder/journal-2-of-4.jsonl; without an
 * ending there is no dot. In the arena. */
struct shard_file {
    const char *stem, *ending;
};
char *shard_path(struct arena *arena, const char *folder, struct shard shard,
                 struct shard_file file);
/* Who has such a file in a folder: the whole sweep first, then the shards by count and index. In
 * the arena; none when there is no folder. */
CHECKED enum status shards_find(const char *folder, struct shard_file file, struct arena *arena,
                                struct shard **out, int64_t *n);

/* The files that every shard has of its own. */
extern const struct shard_file shard_lock, shard_journal, shard_status, shard_results, shard_stop;

#endif
