/* One sweep per results folder, or one for each of its shards: an flock on <folder>/lock, whose
 * content says who holds it. Its journal is locked too, and by a sweep that is no shard the folder
 * itself: deleting the lock lets nobody in. */
#ifndef DISPATCH_FOLDER_LOCK_H
#define DISPATCH_FOLDER_LOCK_H

#include "store/results/shard.h"

struct folder_lock;
/* BAD_CONFIG naming the owner's host, process and start when another sweep works there. A dead
 * owner's lock on this host is taken over at once; one of another host when its file has not
 * changed for foreign_seconds (0: 60) on our clock, which blocks for as long. */
CHECKED enum status folder_lock_take(const char *folder, struct shard shard, double foreign_seconds,
                                     struct folder_lock **out);
/* Whether the lock says that somebody has it: dead or alive. */
bool folder_lock_has_owner(const char *folder, struct shard shard);
/* Whether that somebody surely is gone: a process of this host that let go of it. */
bool folder_lock_was_left(const char *folder, struct shard shard);
/* Whether the path still leads to the folder that was locked; STORAGE when it was removed, moved or
 * replaced: what is written by that path from then on would go elsewhere. */
CHECKED enum status folder_lock_check(const struct folder_lock *lock);
/* Checks, and gives a sign of life; a lock file that was deleted is made anew. */
CHECKED enum status folder_lock_touch(struct folder_lock *lock);
void folder_lock_release(struct folder_lock *lock); /* accepts NULL */

#endif
